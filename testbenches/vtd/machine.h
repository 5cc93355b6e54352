// SPDX-License-Identifier: Apache-2.0
// An Intel VT-d unit in the machine that all IOMMUs are tested in, with tables written word by word.
#pragma once

#include "models/pagetables/vtd_second_stage_format.h"
#include "models/pagetables/x86_64_format.h"
#include "models/vtd/features.h"
#include "models/vtd/parameters.h"
#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/faults.h"
#include "models/vtd/spec/registers.h"
#include "models/vtd/spec/structures.h"
#include "testbenches/harness/iommu_machine.h"

#include <array>
#include <cstdint>
#include <vector>

namespace iommulab::harness {

/// Where things are. Structures have a range of their own, which nothing maps.
struct vtd_layout {
    static constexpr std::uint64_t own_base = 0x4000'0000, own_bytes = 0x80'0000;
    static constexpr std::uint64_t root = own_base, context = own_base + 0x1000, upper_context = own_base + 0x2000;
    static constexpr std::uint64_t directory = own_base + 0x3000, pasid_table = own_base + 0x4000;
    static constexpr std::uint64_t queue = own_base + 0x1'0000, status = own_base + 0x2'0000;
    static constexpr std::uint64_t first_table = own_base + 0x10'0000; ///< tables from here on
    static constexpr std::uint64_t data = 0x8000'0000, data_bytes = 0x100'0000;
};

struct vtd_machine : iommu_machine, vtd_layout {
    using record = std::array<std::uint64_t, 2>;

    explicit vtd_machine(sc_core::sc_module_name name, const vtd::unit_parameters& p = {},
                         std::vector<memory_range> ranges = {{data, data_bytes, "data"}},
                         std::uint64_t memory_latency_ps = 50'000);
    [[nodiscard]] const vtd::features& implemented() const;

    /// Power-on state, empty memory; only when idle.
    void clear() {
        iommu_machine::clear();
        next_table_ = first_table;
        tail_ = 0;
        next_record_ = 0;
        wide_ = false;
    }
    std::uint64_t read_word(std::uint64_t address) { return ddr.store().read_u64(address); }
    void write_word(std::uint64_t address, std::uint64_t word) { ddr.store().write_u64(address, word); }

    // --- tables
    std::uint64_t new_table() { return std::exchange(next_table_, next_table_ + 0x1000); }
    /// Maps with a page of 2^log2_size bytes; tables that are missing are made. `flags` go into the leaf, `table_flags`
    /// into entries above. Returns the leaf entry's address.
    std::uint64_t map(std::uint64_t table, unsigned levels, std::uint64_t iova, std::uint64_t address,
                      std::uint64_t flags, std::uint64_t table_flags, unsigned log2_size = 12) {
        constexpr std::uint64_t page_size_bit = 0x80, address_bits = 0x000f'ffff'ffff'f000;
        const unsigned last = (log2_size - 12) / 9 + 1;
        for (unsigned level = levels;; --level) {
            const std::uint64_t at = table + ((iova >> x86_64::log2_reach(level)) & 0x1ff) * 8;
            if (level == last) {
                write_word(at, address | flags | (level > 1 ? page_size_bit : 0));
                return at;
            }
            if (read_word(at) == 0)
                write_word(at, new_table() | table_flags);
            table = read_word(at) & address_bits;
        }
    }
    /// Second-stage tables: 1 is R, 2 is W.
    std::uint64_t map_second(std::uint64_t table, unsigned levels, std::uint64_t iova, std::uint64_t address,
                             std::uint64_t rights = 3, unsigned log2_size = 12) {
        return map(table, levels, iova, address, rights, 3, log2_size);
    }
    /// First-stage tables: 1 is P, 2 is R/W, 4 is U/S.
    std::uint64_t map_first(std::uint64_t table, std::uint64_t iova, std::uint64_t address, std::uint64_t flags = 7,
                            unsigned log2_size = 12, unsigned levels = 4) {
        return map(table, levels, iova, address, flags, 7, log2_size);
    }

    // --- structures
    void set_context(std::uint32_t source, std::uint64_t low, std::uint64_t high) {
        write_word(root + (source >> 8) * 16, context | 1);
        write_words(context + (source & 0xff) * 16, std::array{low, high});
    }
    /// Legacy mode: second-stage tables of 4 levels for `source` in `domain`.
    void set_tables(std::uint32_t source, std::uint16_t domain, std::uint64_t table, unsigned levels = 4) {
        set_context(source, table | 1, (levels - 2) | std::uint64_t{domain} << 8);
    }
    /// Scalable mode: a context entry with RID_PASID and PASIDs, and all PASIDs of one directory entry.
    void set_sm_context(std::uint32_t source, std::uint32_t rid_pasid = 0, bool pasids = true) {
        write_words(root + (source >> 8) * 16, std::array{context | 1, upper_context | 1});
        const std::uint64_t half = (source & 0x80) ? upper_context : context;
        write_words(half + (source & 0x7f) * 32,
                    std::array<std::uint64_t, 4>{directory | 1 | (pasids ? 8U : 0U), rid_pasid, 0, 0});
        write_word(directory, pasid_table | 1);
    }
    void set_pasid(std::uint32_t pasid, const std::array<std::uint64_t, 3>& words) {
        write_words(pasid_table + pasid * 64, words);
    }
    /// PASID entries: first stage (1), second stage (2), nested (3), pass-through (4), for 4 levels of each.
    static std::array<std::uint64_t, 3> pasid_entry(unsigned pgtt, std::uint16_t domain, std::uint64_t first,
                                                    std::uint64_t second) {
        return {second | std::uint64_t{pgtt} << 6 | 2U << 2 | 1, domain, first};
    }

    // --- programming
    void enable(bool scalable = false) {
        using namespace vtd;
        set(reg::RTADDR, root | rtaddr::TTM.make(scalable));
        set(reg::GCMD, gcmd::SRTP.make(1));
        set(reg::IQA, iqa::DW.make(scalable) | queue);
        wide_ = scalable;
        set(reg::GCMD, gcmd::QIE.make(1));
        set(reg::GCMD, gcmd::QIE.make(1) | gcmd::TE.make(1));
    }
    void put(std::uint64_t low, std::uint64_t high = 0) {
        const unsigned bytes = wide_ ? 32 : 16;
        write_words(queue + tail_, std::array{low, high});
        tail_ = (tail_ + bytes) & 0xfff;
    }
    void ring() { set(vtd::reg::IQT, tail_); }
    /// Everything up to the last put() is done.
    [[nodiscard]] bool consumed() { return get(vtd::reg::IQH) == tail_; }
    void submit(std::uint64_t low, std::uint64_t high = 0) {
        put(low, high);
        ring();
        settle();
    }

    std::uint64_t record_low(unsigned n = 0) {
        return read_register(vtd::reg::FRCD_LO.offset + n * vtd::fault_record::bytes);
    }
    record fault(unsigned n = 0) {
        return {record_low(n), read_register(vtd::reg::FRCD_HI.offset + n * vtd::fault_record::bytes)};
    }
    static vtd::fault_reason reason(const record& r) {
        return static_cast<vtd::fault_reason>(vtd::fault_record::FR.of(std::span<const std::uint64_t>(r)));
    }
    void clear_fault(unsigned n = 0) {
        std::uint64_t f = vtd::fault_record::F_high.make(1);
        access_register(vtd::reg::FRCD_HI.offset + n * vtd::fault_record::bytes, f, 8, true);
    }
    /// The reason of the one fault that is recorded, which is cleared; none when there is none.
    vtd::fault_reason take_reason() {
        const unsigned n = next_record_;
        const record r = fault(n);
        if (!(r[1] >> 63))
            return vtd::fault_reason::none;
        next_record_ = (next_record_ + 1) % implemented().fault_records;
        clear_fault(n);
        return reason(r);
    }

  private:
    static std::vector<memory_range> with_own(std::vector<memory_range> ranges) {
        ranges.push_back({own_base, own_bytes, "own"});
        return ranges;
    }
    std::uint64_t read_register(std::uint64_t offset) {
        std::uint64_t value = 0;
        access_register(offset, value, 8, false);
        return value;
    }
    std::uint64_t next_table_ = first_table, tail_ = 0;
    unsigned next_record_ = 0;
    bool wide_ = false;
};

} // namespace iommulab::harness
