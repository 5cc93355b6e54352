// SPDX-License-Identifier: Apache-2.0
// What a walk may ask of the world. Who answers decides what it costs: nothing (debug), an annotated delay (loosely
// timed), or a place in a queue (cycle-approximate).
#pragma once

#include "models/core/direct_reads.h"
#include "models/core/event_heap.h"
#include "models/core/structure.h"
#include "models/core/time_sheet.h"
#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_reads.h"

#include <array>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <vector>

namespace iommulab {

/// One access of the IOMMU itself to memory: little-endian, naturally aligned.
struct memory_request {
    enum class kind : std::uint8_t { read, write, compare_swap };
    kind what = kind::read;
    bool ok = false; ///< false: the bus answered with an error
    bool swapped =
        false; ///< compare_swap: memory held `words[0]` and holds `words[1]` now; else words[0] is what it holds
    time_part part = time_part::configuration_fetch;
    std::uint32_t bytes = 8; ///< 4, 8, ... 64
    std::uint64_t address = 0;
    std::array<std::uint64_t, 8> words; ///< read64() leaves them unset: clearing them would cost as much as the read
    std::coroutine_handle<> waiter;
    task done; ///< for whoever carries the request: runs when it is answered
};

/// A wait inside the IOMMU.
struct pause_request {
    time_part part = time_part::configuration;
    std::coroutine_handle<> waiter;
};

/// A question to the main TLB.
struct translation_request {
    translation_tag tag;
    std::uint64_t address = 0;
    std::uint8_t needed = 0; ///< rights; an entry without them counts as a miss, so that the tables decide
    bool found = false;
    translation* page = nullptr; ///< takes the answer
    std::coroutine_handle<> waiter;
};

class walk_context {
    friend class walk_cache_search;

  public:
    virtual ~walk_context() = default;
    /// `remembers`: false for a debug access, see remembers().
    explicit walk_context(bool remembers = true) : remembers_(remembers) {}
    walk_context(const walk_context&) = delete;
    walk_context& operator=(const walk_context&) = delete;

    /// 8 bytes at `address`, the commonest read, if they can be had here and now. False: nothing has happened, and
    /// read64() must be awaited.
    bool read64_at_once(time_part part, std::uint64_t address, std::uint64_t& value) {
        std::uint64_t took_ps = 0;
        if (!in_place_ || !in_place_->read64(part, address, value, took_ps))
            return false;
        annotated_->add(part, took_ps);
        return true;
    }
    /// 8 bytes at `address`; nullopt: external abort.
    auto read64(time_part part, std::uint64_t address) {
        struct awaiter : memory_awaiter {
            bool await_ready() {
                request.ok = context->read64_at_once(request.part, request.address, request.words[0]);
                return request.ok || context->begin_memory(request);
            }
            std::optional<std::uint64_t> await_resume() const {
                return request.ok ? std::optional<std::uint64_t>(request.words[0]) : std::nullopt;
            }
        };
        awaiter a;
        a.context = this;
        a.request.part = part;
        a.request.address = address;
        return a;
    }
    /// `bytes` (a multiple of 4, up to 64) at `address`, as little-endian 64-bit words; nullopt: external abort.
    auto read_words(time_part part, std::uint64_t address, std::uint32_t bytes) {
        struct awaiter : memory_awaiter {
            std::optional<std::array<std::uint64_t, 8>> await_resume() const {
                return request.ok ? std::optional<std::array<std::uint64_t, 8>>(request.words) : std::nullopt;
            }
        };
        awaiter a;
        a.context = this;
        a.request.part = part;
        a.request.address = address;
        a.request.bytes = bytes;
        a.request.words.fill(0); // of words that are read in part, or not at all
        return a;
    }
    /// Writes `bytes` of `words`; false: external abort.
    auto write_words(time_part part, std::uint64_t address, std::uint32_t bytes,
                     const std::array<std::uint64_t, 8>& words) {
        struct awaiter : memory_awaiter {
            bool await_resume() const { return request.ok; }
        };
        awaiter a;
        a.context = this;
        a.request.what = memory_request::kind::write;
        a.request.part = part;
        a.request.address = address;
        a.request.bytes = bytes;
        a.request.words = words;
        return a;
    }
    /// Replaces the 8 bytes at `address` if they are `expected`. The request tells (ok, swapped, words[0]).
    auto compare_swap64(time_part part, std::uint64_t address, std::uint64_t expected, std::uint64_t desired) {
        struct awaiter : memory_awaiter {
            const memory_request& await_resume() const { return request; }
        };
        awaiter a;
        a.context = this;
        a.request.what = memory_request::kind::compare_swap;
        a.request.part = part;
        a.request.address = address;
        a.request.words[0] = expected;
        a.request.words[1] = desired;
        return a;
    }
    /// Lets `cycles` pass after a read that was had at once.
    void pass_at_once(time_part part, std::uint64_t cycles) { annotated_->add(part, cycles * annotated_cycle_ps_); }
    /// Lets `cycles` pass.
    auto pass(time_part part, std::uint64_t cycles) {
        struct awaiter {
            walk_context* context;
            std::uint64_t cycles;
            pause_request request;
            bool await_ready() { return cycles == 0 || context->begin_pause(request, cycles); }
            void await_suspend(std::coroutine_handle<> h) { request.waiter = h; }
            void await_resume() const {}
        };
        awaiter a{this, cycles, {}};
        a.request.part = part;
        return a;
    }
    /// A copy of the value under `key`, or nullopt. Costs the cache's latency and a slot of its port; one that does not
    /// exist costs nothing. A debug access never sees a cache. `known`: what look_up_at_once() has found; then this is
    /// the copy of it.
    template <class Value>
    auto look_up(structure_cache<Value>& cache, const cache_key& key, time_part part, const Value* known = nullptr) {
        struct awaiter {
            walk_context* context;
            structure_cache<Value>* cache;
            cache_key key;
            const Value* known;
            pause_request request;
            bool await_ready() {
                return known || !context->remembers() || !cache->exists() ||
                       context->begin_look_up(request, cache->port);
            }
            void await_suspend(std::coroutine_handle<> h) { request.waiter = h; }
            std::optional<Value> await_resume() {
                if (known)
                    return *known;
                if (!context->remembers() || !cache->exists())
                    return std::nullopt;
                ++cache->lookups;
                const Value* v = cache->find(key);
                if (!v)
                    return std::nullopt;
                ++cache->hits;
                return *v;
            }
        };
        awaiter a{this, &cache, key, known, {}};
        a.request.part = part;
        return a;
    }
    /// The value under `key` itself, good until something is waited for, if it can be had here and now. Null: nothing
    /// has happened, and look_up() must be awaited.
    template <class Value>
    const Value* look_up_at_once(structure_cache<Value>& cache, const cache_key& key, time_part part) {
        if (!annotated_)
            return nullptr;
        const Value* v = cache.find(key);
        if (!v)
            return nullptr;
        annotated_->add(part, cache.port.cost() * annotated_cycle_ps_);
        ++cache.lookups;
        ++cache.hits;
        return v;
    }
    /// Takes a place in the pipeline of a structure that has an answer to everything: a table on chip.
    auto occupy(structure_port& port, time_part part) {
        struct awaiter {
            walk_context* context;
            structure_port* port;
            pause_request request;
            bool await_ready() { return !context->remembers() || context->begin_look_up(request, *port); }
            void await_suspend(std::coroutine_handle<> h) { request.waiter = h; }
            void await_resume() const {}
        };
        awaiter a{this, &port, {}};
        a.request.part = part;
        return a;
    }
    /// Asks the main TLB. True: `page` is its answer, or that of another access's walk of the same page. False: this
    /// walk has a walker now, and must find the translation itself; what it returns goes into the TLB.
    auto find_translation(const translation_tag& tag, const access& a, translation& page) {
        struct awaiter {
            walk_context* context;
            translation_request request;
            bool await_ready() { return context->begin_translation(request); }
            void await_suspend(std::coroutine_handle<> h) { request.waiter = h; }
            bool await_resume() const { return request.found; }
        };
        awaiter w{this, {}};
        ask(w.request, tag, a, page);
        return w;
    }
    /// The same where nothing is waited for.
    bool find_translation_at_once(const translation_tag& tag, const access& a, translation& page) {
        translation_request r;
        ask(r, tag, a, page);
        begin_translation(r);
        return r.found;
    }
    /// Waits until every access that was in the IOMMU when this was asked has completed, or is stalled for software.
    auto drain() {
        struct awaiter {
            walk_context* context;
            pause_request request;
            bool await_ready() { return context->begin_drain(request); }
            void await_suspend(std::coroutine_handle<> h) { request.waiter = h; }
            void await_resume() const {}
        };
        return awaiter{this, {}};
    }

    /// Ends a walk: keeps the fault for the engine. `co_return c.refuse(f);`
    bool refuse(const fault& f) {
        fault_ = f;
        return false;
    }
    [[nodiscard]] const fault& refusal() const { return fault_; }

    /// False for a debug access: no cache is read or filled, no table entry is updated.
    [[nodiscard]] bool remembers() const { return remembers_; }
    /// False for a debug access and for a hint: that it is refused has no consequence.
    [[nodiscard]] virtual bool reports() const { return remembers_; }
    /// May a cache be filled with something read since this walk began? Not if an invalidation that covers it came
    /// meanwhile.
    [[nodiscard]] virtual bool may_fill(const translation_tag& tag, bool global, std::uint64_t base,
                                        std::uint64_t mask) const = 0;
    [[nodiscard]] bool may_fill(const translation& t) const {
        return may_fill(t.tag, t.global, t.leaf_base(), t.leaf_mask());
    }
    [[nodiscard]] virtual bool may_fill_configuration(std::uint32_t source_id, std::uint32_t pasid) const = 0;

  protected:
    /// Each begins what is asked for; true: it is done. Otherwise the waiter is resumed when it is.
    virtual bool begin_memory(memory_request& r) = 0;
    virtual bool begin_pause(pause_request& r, std::uint64_t cycles) = 0;
    virtual bool begin_look_up(pause_request& r, structure_port& port) = 0;
    virtual bool begin_translation(translation_request& r) = 0;
    virtual bool begin_drain(pause_request& r) = 0;

    /// In begin_memory: keeps a read for those who observe accesses.
    void record(const memory_request& r) {
        if (reads_ && r.what == memory_request::kind::read) [[unlikely]]
            reads_->push_back({r.address, r.bytes});
    }

    fault fault_;
    bool remembers_;
    walk_reads* reads_ = nullptr; ///< null: nobody asks
    // where time is annotated; else null
    time_sheet* annotated_ = nullptr;
    std::uint64_t annotated_cycle_ps_ = 0;
    direct_reads* in_place_ = nullptr; ///< and memory may be read in place

  private:
    static void ask(translation_request& r, const translation_tag& tag, const access& a, translation& page) {
        r.tag = tag;
        r.address = a.address;
        r.needed = rights::needed_by(a);
        r.page = &page;
    }
    struct memory_awaiter {
        walk_context* context = nullptr;
        memory_request request;
        bool await_ready() { return context->begin_memory(request); }
        void await_suspend(std::coroutine_handle<> h) { request.waiter = h; }
    };
};

} // namespace iommulab
