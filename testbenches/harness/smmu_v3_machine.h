// SPDX-License-Identifier: Apache-2.0
// An SMMUv3 with devices on all its ports and a protocol checker on every connection, which one simulation programs
// again and again.
#pragma once

#include "models/memory/interconnect.h"
#include "models/memory/memory.h"
#include "models/smmu_v3/smmu_v3.h"
#include "testbenches/harness/protocol_checker.h"
#include "testbenches/harness/traffic_port.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace iommulab::harness {

/// Where things are. The queues and the Stream table have a range of their own, which nothing maps.
struct machine_layout {
    static constexpr std::uint64_t own_base = 0x4000'0000, own_bytes = 0x40'0000;
    static constexpr std::uint64_t cmdq = own_base, evtq = own_base + 0x1'0000, strtab = own_base + 0x2'0000;
    static constexpr unsigned cmdq_log2 = 6, evtq_log2 = 10, strtab_log2 = 5;
};

struct smmu_v3_machine : sc_core::sc_module, machine_layout, private tlm::tlm_bw_transport_if<> {
    using event_record = std::array<std::uint64_t, 4>;

    smmu_v3::smmu smmu;
    memory ddr;
    interconnect bus;
    std::vector<std::unique_ptr<traffic_device>> devices;
    std::vector<std::unique_ptr<memory_tap>> taps;
    std::vector<std::unique_ptr<protocol_checker>> checkers; ///< device side, memory side, tables, registers
    tlm::tlm_initiator_socket<64> cpu{"cpu"};

    /// `ranges`: memory beside the machine's own.
    smmu_v3_machine(sc_core::sc_module_name name, const smmu_v3::smmu_parameters& p, std::vector<memory_range> ranges,
                    std::uint64_t memory_latency_ps = 50'000)
        : sc_core::sc_module(name),
          smmu("smmu", p),
          ddr("ddr", shape(std::move(ranges), memory_latency_ps)),
          bus("bus", {.request_latency_ps = 3'000, .response_latency_ps = 3'000}, p.ports + 1U, {{.windows = {{}}}}) {
        for (unsigned n = 0; n < p.ports; ++n) {
            const std::string number = std::to_string(n);
            devices.push_back(std::make_unique<traffic_device>(("device" + number).c_str()));
            taps.push_back(std::make_unique<memory_tap>(("tap" + number).c_str()));
            devices[n]->socket.bind(check("device_side" + number).target);
            checkers.back()->initiator.bind(smmu.upstream(n));
            smmu.downstream(n).bind(taps[n]->target);
            taps[n]->initiator.bind(check("memory_side" + number).target);
            checkers.back()->initiator.bind(bus.input(n));
        }
        smmu.tables().bind(check("tables").target);
        checkers.back()->initiator.bind(bus.input(p.ports));
        cpu.bind(*this);
        cpu.bind(check("registers").target);
        checkers.back()->initiator.bind(smmu.registers_socket());
        bus.output(0).bind(ddr.target);
    }

    // --- registers
    tlm::tlm_response_status access_register(std::uint64_t offset, std::uint64_t& value, unsigned bytes, bool write) {
        if (!sc_core::sc_start_of_simulation_invoked())
            sc_core::sc_start(sc_core::SC_ZERO_TIME);
        auto& p = pool_.acquire(bytes);
        p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(offset);
        std::memcpy(p.get_data_ptr(), &value, std::min<std::size_t>(bytes, sizeof value));
        sc_core::sc_time delay;
        cpu->b_transport(p, delay);
        std::memcpy(&value, p.get_data_ptr(), std::min<std::size_t>(bytes, sizeof value));
        const auto status = p.get_response_status();
        p.release();
        return status;
    }
    void set(const register_declaration& r, std::uint64_t value) { access_register(r.offset, value, r.bytes, true); }
    std::uint64_t get(const register_declaration& r) {
        std::uint64_t value = 0;
        access_register(r.offset, value, r.bytes, false);
        return value;
    }

    // --- memory
    [[nodiscard]] bool exists(std::uint64_t address, std::uint64_t bytes) const {
        return ddr.range_of(address, bytes) != nullptr;
    }
    template <std::size_t N>
    void write_words(std::uint64_t address, const std::array<std::uint64_t, N>& words) {
        for (std::size_t n = 0; n < N; ++n)
            ddr.store().write_u64(address + 8 * n, words[n]);
    }
    void write_ste(std::uint32_t sid, const std::array<std::uint64_t, 8>& words) {
        write_words(strtab + sid * smmu_v3::ste::bytes, words);
    }

    // --- programming
    /// Power-on state, empty memory; only when idle.
    void clear() {
        smmu.reset();
        for (const memory_range& r : ddr.parameters().ranges) // pages stay where they are: direct pointers lead there
            for (std::uint64_t at = r.base; at < r.base + r.size_bytes; at += sparse_store::page_bytes)
                if (ddr.store().find_page_of(at))
                    std::memset(ddr.store().page_of(at), 0, sparse_store::page_bytes);
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

    // --- time
    static void run(std::uint64_t ns) { sc_core::sc_start(static_cast<double>(ns), sc_core::SC_NS); }
    [[nodiscard]] bool idle() const {
        bool all = smmu.idle() && bus.idle();
        for (const auto& d : devices)
            all = all && d->idle();
        return all;
    }
    /// Until nothing is under way. False: something still is, after `most_ns`.
    bool settle(std::uint64_t most_ns = 1'000'000, std::uint64_t step_ns = 100) {
        for (std::uint64_t gone = 0; gone < most_ns; gone += step_ns) {
            run(step_ns);
            if (idle())
                return true;
        }
        return false;
    }
    [[nodiscard]] std::string violations() const {
        std::string text;
        for (const auto& c : checkers)
            text += c->report();
        return text;
    }
    [[nodiscard]] std::uint64_t counted(std::string_view name) const {
        for (const counter& c : smmu.counters())
            if (name == c.name)
                return *c.value;
        return 0;
    }

  private:
    static memory_parameters shape(std::vector<memory_range> ranges, std::uint64_t latency_ps) {
        memory_parameters p;
        p.ranges = std::move(ranges);
        p.ranges.push_back({own_base, own_bytes, "own"});
        p.read_latency_ps = p.write_latency_ps = latency_ps;
        return p;
    }
    protocol_checker& check(const std::string& name) {
        return *checkers.emplace_back(std::make_unique<protocol_checker>(name.c_str()));
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override {
        return tlm::TLM_ACCEPTED; // registers are accessed by b_transport alone
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

    payload_pool<int> pool_;
    std::uint32_t producer_ = 0, event_consumer_ = 0;
};

} // namespace iommulab::harness
