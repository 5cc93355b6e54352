// SPDX-License-Identifier: Apache-2.0
// An AMD IOMMU in the machine that all IOMMUs are tested in.
#pragma once

#include "models/amd_vi/features.h"
#include "models/amd_vi/page_request.h"
#include "models/amd_vi/parameters.h"
#include "models/amd_vi/spec/commands.h"
#include "models/amd_vi/spec/device_table_entry.h"
#include "models/amd_vi/spec/events.h"
#include "models/amd_vi/spec/registers.h"
#include "testbenches/amd_vi/host_tables.h"
#include "testbenches/harness/iommu_machine.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::harness {

struct amd_vi_machine : iommu_machine {
    /// Where things are: structures and rings, then tables, which nothing maps; then data.
    static constexpr std::uint64_t own_base = 0x4000'0000, devtab = own_base, commands = own_base + 0x1'0000,
                                   events = own_base + 0x2'0000, page_requests = own_base + 0x3'0000,
                                   store = own_base + 0x4'0000, tables_base = own_base + 0x10'0000, data = 0x8000'0000,
                                   nowhere = 0xc'0000'0000;
    static constexpr unsigned ring_len = 8; ///< 256 entries
    static constexpr std::uint64_t ring_bytes = std::uint64_t{16} << ring_len, ring_mask = ring_bytes - 1;
    static constexpr std::uint64_t ring_length = std::uint64_t{ring_len} << 56;
    using words_4 = std::array<std::uint64_t, 4>;
    using words_2 = std::array<std::uint64_t, 2>;

    std::uint64_t next_table = tables_base;

    explicit amd_vi_machine(sc_core::sc_module_name name, const amd_vi::amd_vi_parameters& p = {})
        : amd_vi_machine(name, p, {{data, 0x4000'0000, "data"}}) {}
    /// `ranges`: memory beside the machine's own.
    amd_vi_machine(sc_core::sc_module_name name, const amd_vi::amd_vi_parameters& p, std::vector<memory_range> ranges,
                   std::uint64_t memory_latency_ps = 50'000);
    void request_page(const amd_vi::page_request_message& request);

    // --- device table and tables
    /// A valid entry with tables (or, with 0 levels, without).
    static words_4 entry(std::uint32_t domain, std::uint64_t root, unsigned levels, bool ir = true, bool iw = true) {
        using namespace amd_vi;
        words_4 w{};
        dte::V.put(w, 1);
        dte::TV.put(w, 1);
        dte::Mode.put(w, levels);
        w[0] = dte::HostPageTableRootPtr.put(w[0], root);
        dte::IR.put(w, ir);
        dte::IW.put(w, iw);
        dte::DomainID.put(w, domain);
        return w;
    }
    void write_entry(std::uint32_t device, const words_4& w) { write_words(devtab + device * amd_vi::dte::bytes, w); }
    amd_v1_builder build(unsigned levels) {
        return {levels, next_table, [this](std::uint64_t at) { return ddr.store().read_u64(at); },
                [this](std::uint64_t at, std::uint64_t word) { ddr.store().write_u64(at, word); }};
    }

    // --- programming
    void start(std::uint64_t more_control = 0) {
        using namespace amd_vi;
        set(reg::DeviceTableBase, devtab); // 4 KiB: 128 devices
        set(reg::CommandBufferBase, commands | ring_length);
        set(reg::EventLogBase, events | ring_length);
        set(reg::PPRLogBase, page_requests | ring_length);
        set(reg::Control, running | more_control);
    }
    static constexpr std::uint64_t running = 1 | 1 << 2 | 1 << 12; ///< IommuEn, EventLogEn, CmdBufEn
    void put(std::uint64_t word0, std::uint64_t word1 = 0) {
        write_words(commands + tail, words_2{word0, word1});
        tail = (tail + 16) & ring_mask;
    }
    static std::uint64_t code(amd_vi::opcode o) { return amd_vi::command::Opcode.make(static_cast<std::uint64_t>(o)); }
    /// Tells the IOMMU, and waits until everything is done.
    void ring() {
        set(amd_vi::reg::CommandBufferTail, tail);
        settle();
    }
    /// INVALIDATE_IOMMU_PAGES.
    static std::uint64_t pages(std::uint32_t domain, std::uint32_t pasid = 0) {
        return code(amd_vi::opcode::INVALIDATE_IOMMU_PAGES) | std::uint64_t{domain} << 32 | pasid;
    }
    static constexpr std::uint64_t S = 1, PDE = 2, GN = 4;
    [[nodiscard]] std::vector<words_2> logged() {
        std::vector<words_2> all;
        const std::uint64_t end = get(amd_vi::reg::EventLogTail);
        for (; read_events != end; read_events = (read_events + 16) & ring_mask)
            all.push_back({ddr.store().read_u64(events + read_events), ddr.store().read_u64(events + read_events + 8)});
        return all;
    }

    /// The one event logged since the last call, in words; "none", or how many.
    [[nodiscard]] std::string event() {
        const auto all = logged();
        if (all.size() != 1)
            return all.empty() ? "none" : std::to_string(all.size()) + " events";
        return amd_vi::describe_event(all.front());
    }

    std::uint64_t tail = 0, read_events = 0;

  private:
    static std::vector<memory_range> with_own(std::vector<memory_range> ranges) {
        ranges.push_back({own_base, 0x40'0000, "own"});
        return ranges;
    }
};

} // namespace iommulab::harness
