// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/core/invalidation.h"
#include "models/core/walk_context.h"

#include <cassert>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace iommulab {

/// A context without time: everything is answered at once, from a map of 8-byte words. For tests of walks.
class immediate_context : public walk_context {
  public:
    struct transfer {
        std::uint64_t address = 0;
        time_part part = time_part::configuration_fetch;
        friend bool operator==(const transfer&, const transfer&) = default;
    };
    struct update {
        std::uint64_t address = 0, before = 0, after = 0;
        friend bool operator==(const update&, const update&) = default;
    };

    std::unordered_map<std::uint64_t, std::uint64_t> memory; ///< by address, 8-byte aligned
    /// Decides where nothing is in `memory`: true reads as zero and takes writes; by default an address error.
    std::function<bool(std::uint64_t)> exists = [](std::uint64_t) { return false; };
    /// Called before each transfer: another master's chance to change `memory`.
    std::function<void(const memory_request&)> before_transfer;
    /// The walk is suspended at each question and resumed with its answer, as it is where answers take time.
    bool suspends = false;
    /// Invalidations since the walk began: what they cover may not be cached.
    std::vector<invalidation> invalidations;

    std::vector<transfer> reads;  ///< in order, one for each request
    std::vector<transfer> writes; ///< plain writes
    std::vector<update> updates;  ///< compare_swap64 that succeeded
    std::uint64_t look_ups = 0;   ///< that cost something
    std::uint64_t cycles = 0;     ///< asked for by pass()

    void set_debug(bool debug) { remembers_ = !debug; }
    [[nodiscard]] bool may_fill(const translation_tag& tag, bool global, std::uint64_t base,
                                std::uint64_t mask) const override {
        for (const invalidation& i : invalidations)
            if (i.matches(tag, global, base, mask))
                return false;
        return true;
    }
    [[nodiscard]] bool may_fill_configuration(std::uint32_t, std::uint32_t) const override {
        return invalidations.empty();
    }

    /// Runs a walk to its end.
    template <class T>
    T run(walk<T> w) {
        w.start();
        while (waiter_)
            std::exchange(waiter_, nullptr)->resume();
        assert(w.done());
        if constexpr (!std::is_void_v<T>)
            return std::move(w.result());
    }
    void forget_history() {
        reads.clear();
        writes.clear();
        updates.clear();
        look_ups = cycles = 0;
    }

  protected:
    bool begin_memory(memory_request& r) override {
        serve(r);
        return answer(r.waiter);
    }
    bool begin_pause(pause_request& r, std::uint64_t n) override {
        cycles += n;
        return answer(r.waiter);
    }
    bool begin_look_up(pause_request& r, structure_port&) override {
        ++look_ups;
        return answer(r.waiter);
    }
    bool begin_translation(translation_request& r) override {
        r.found = false;
        return answer(r.waiter);
    }
    bool begin_drain(pause_request& r) override { return answer(r.waiter); }

  private:
    bool answer(std::coroutine_handle<>& waiter) {
        if (suspends)
            waiter_ = &waiter;
        return !suspends;
    }
    void serve(memory_request& r) {
        if (before_transfer)
            before_transfer(r);
        switch (r.what) {
        case memory_request::kind::read:
            reads.push_back({r.address, r.part});
            break;
        case memory_request::kind::write:
            writes.push_back({r.address, r.part});
            break;
        case memory_request::kind::compare_swap:
            break;
        }
        r.ok = true;
        for (std::uint64_t a = r.address & ~std::uint64_t{7}; a < r.address + r.bytes; a += 8)
            r.ok &= memory.contains(a) || exists(a);
        if (!r.ok)
            return;
        if (r.what == memory_request::kind::compare_swap) {
            std::uint64_t& held = memory[r.address];
            r.swapped = held == r.words[0];
            if (r.swapped) {
                updates.push_back({r.address, held, r.words[1]});
                held = r.words[1];
            } else {
                r.words[0] = held;
            }
            return;
        }
        for (unsigned done = 0; done < r.bytes; done += 4) // 4 bytes at a time: a transfer may begin or end half-way
            transfer_half(r, done);
    }
    void transfer_half(memory_request& r, unsigned done) {
        const std::uint64_t at = r.address + done;
        std::uint64_t& word = r.words[done / 8];
        const unsigned here = done % 8 * 8, there = at % 8 * 8;
        constexpr std::uint64_t half = 0xffffffff;
        if (r.what == memory_request::kind::read) {
            const auto found = memory.find(at & ~std::uint64_t{7});
            const std::uint64_t value = found == memory.end() ? 0 : (found->second >> there) & half;
            word = (word & ~(half << here)) | value << here;
        } else {
            std::uint64_t& held = memory[at & ~std::uint64_t{7}];
            held = (held & ~(half << there)) | ((word >> here) & half) << there;
        }
    }

    std::coroutine_handle<>* waiter_ = nullptr; ///< of the question that was asked last
};

} // namespace iommulab
