// SPDX-License-Identifier: Apache-2.0
// A small invented IOMMU: one table of 64-bit entries, one level, 4 KiB pages. Tests of the engine run on it, and it
// shows how little a model needs.
#pragma once

#include "models/core/iommu.h"
#include "testbenches/invented/flat_spec.h"

#include <vector>

namespace iommulab::flat {

struct bank_holder {
    register_bank bank{registers};
};

class flat_iommu final : bank_holder, public iommu {
  public:
    flat_iommu(sc_core::sc_module_name name, const iommu_parameters& p) : iommu(name, p, bank, 0) {
        bank.on_write(INVALIDATE, [this](unsigned, std::uint64_t, std::uint64_t address) {
            what_.first = address == ~0ULL ? 0 : address & ~0xfffULL;
            what_.last = address == ~0ULL ? ~0ULL : address | 0xfff;
            spawn<flat_iommu, &flat_iommu::invalidate_and_wait>();
        });
    }
    /// A hint: the access will come.
    void prefetch(const access& a) {
        hint_ = a;
        spawn<flat_iommu, &flat_iommu::follow_hint>();
    }
    using iommu::resume_stalled;
    using iommu::terminate_stalled;
    std::vector<std::uint32_t> stall_tags;

  private:
    walk<bool> translate(walk_context& c, const access& a, translation& into) override {
        const access asked = a;
        translation_tag tag;
        tag.space = asked.source_id;
        auto question = c.find_translation(tag, asked, into);
        const bool known = co_await question;
        if (known)
            co_return true;
        const std::uint64_t page = asked.address >> 12;
        const std::optional<std::uint64_t> entry =
            co_await c.read64(time_part::walk_level_0, bank.get(TABLE) + 8 * page);
        fault f;
        if (!entry || !VALID.of(*entry) || (asked.write && !WRITABLE.of(*entry))) {
            f.reason = entry ? 1 : 2;
            f.ends = entry && STALL.of(*entry) ? fault::ending::stall : fault::ending::abort;
            co_return c.refuse(f);
        }
        into.tag = tag;
        into.input_base = page << 12;
        into.output_base = PAGE.of(*entry);
        into.allowed = rights::reads | (WRITABLE.of(*entry) ? rights::writes : 0);
        co_return true;
    }
    walk<void> invalidate_and_wait(walk_context& c) {
        co_await c.pass(time_part::stalled, parameters().invalidate_cycles);
        invalidate(what_);
        co_await c.drain();
        bank.set(SYNC, bank.get(SYNC) + 1);
    }
    walk<void> follow_hint(walk_context& c) {
        walk<void> translation = translate_ahead(c, hint_);
        co_await translation;
    }
    void report(const access&, const fault& f, std::uint32_t tag) override {
        bank.set(FAULTS, bank.get(FAULTS) + 1);
        if (f.ends == fault::ending::stall)
            stall_tags.push_back(tag);
    }
    std::uint32_t invalidate_caches(const invalidation&) override { return 0; }
    void reset_model() override {}

    invalidation what_;
    access hint_;
};

} // namespace iommulab::flat
