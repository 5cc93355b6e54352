// SPDX-License-Identifier: Apache-2.0
// An SMMUv3 in the machine that all IOMMUs are tested in.
#pragma once

#include "models/smmu_v3/features.h"
#include "models/smmu_v3/parameters.h"
#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/context_descriptor.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"
#include "models/smmu_v3/spec/stream_table_entry.h"
#include "testbenches/harness/iommu_machine.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace iommulab::harness {

/// Where things are. The queues and the Stream table have a range of their own, which nothing maps.
struct machine_layout {
    static constexpr std::uint64_t own_base = 0x4000'0000, own_bytes = 0x40'0000;
    static constexpr std::uint64_t cmdq = own_base, evtq = own_base + 0x1'0000, strtab = own_base + 0x2'0000;
    static constexpr unsigned cmdq_log2 = 6, evtq_log2 = 10, strtab_log2 = 5;
};

struct smmu_v3_machine : iommu_machine, machine_layout {
    using event_record = std::array<std::uint64_t, 4>;

    /// `ranges`: memory beside the machine's own.
    smmu_v3_machine(sc_core::sc_module_name name, const smmu_v3::smmu_parameters& p, std::vector<memory_range> ranges,
                    std::uint64_t memory_latency_ps = 50'000);

    void write_ste(std::uint32_t sid, const std::array<std::uint64_t, 8>& words) {
        write_words(strtab + sid * smmu_v3::ste::bytes, words);
    }

    // --- programming
    /// Power-on state, empty memory; only when idle.
    void clear() {
        iommu_machine::clear();
        producer_ = event_consumer_ = 0;
    }
    void enable() {
        using namespace smmu_v3;
        set(reg::STRTAB_BASE, strtab);
        set(reg::STRTAB_BASE_CFG, strtab_log2);
        set(reg::CR2, cr2::RECINVSID.make(1));
        set(reg::CMDQ_BASE, cmdq | cmdq_log2);
        set(reg::EVENTQ_BASE, evtq | evtq_log2);
        set(reg::IRQ_CTRL, 7);
        set(reg::CR0, cr0::SMMUEN.make(1) | cr0::EVENTQEN.make(1) | cr0::CMDQEN.make(1));
    }
    /// Puts a command into the queue; ring() tells the SMMU.
    void put(const std::array<std::uint64_t, 2>& command) {
        write_words(cmdq + (producer_ & ((1U << cmdq_log2) - 1)) * smmu_v3::command::bytes, command);
        producer_ = (producer_ + 1) & ((2U << cmdq_log2) - 1);
    }
    void ring() { set(smmu_v3::reg::CMDQ_PROD, producer_); }
    /// Everything up to the last put() is consumed.
    [[nodiscard]] bool consumed() { return get(smmu_v3::reg::CMDQ_CONS) == producer_; }

    /// Event records since the last call, in order; they are consumed.
    std::vector<event_record> take_events() {
        constexpr std::uint32_t mask = (2U << evtq_log2) - 1;
        std::vector<event_record> all;
        const std::uint64_t end = get(smmu_v3::reg::EVENTQ_PROD);
        for (; event_consumer_ != (end & mask); event_consumer_ = (event_consumer_ + 1) & mask) {
            event_record& r = all.emplace_back();
            const std::uint64_t at = evtq + (event_consumer_ & (mask >> 1)) * std::uint64_t{smmu_v3::record::bytes};
            for (unsigned n = 0; n < 4; ++n)
                r[n] = ddr.store().read_u64(at + 8 * n);
        }
        set(smmu_v3::reg::EVENTQ_CONS, event_consumer_ | (end & smmu_v3::queue_index::OVFLG.make(1)));
        return all;
    }

  private:
    static std::vector<memory_range> with_own(std::vector<memory_range> ranges) {
        ranges.push_back({own_base, own_bytes, "own"});
        return ranges;
    }

    std::uint32_t producer_ = 0, event_consumer_ = 0;
};

} // namespace iommulab::harness
