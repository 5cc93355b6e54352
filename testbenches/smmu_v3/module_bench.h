// SPDX-License-Identifier: Apache-2.0
// An SMMUv3 between a device and a memory, programmed as a driver would: for tests of the module.
#pragma once

#include "models/core/payload_pool.h"
#include "models/memory/interconnect.h"
#include "models/memory/memory.h"
#include "models/smmu_v3/smmu_v3.h"

#include <cstring>
#include <deque>
#include <optional>

namespace iommulab {

/// Memory from 0x40000000, 64 MiB. Linear Stream table of 32 entries, CD and stage 1 tables with a 4K granule.
struct smmu_v3_bench : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    static constexpr std::uint64_t ram = 0x4000'0000, strtab = ram, cdtab = ram + 0x1'0000, cmdq = ram + 0x2'0000,
                                   evtq = ram + 0x3'0000, tables = ram + 0x10'0000, data = ram + 0x100'0000;
    static constexpr unsigned cmdq_log2 = 4, evtq_log2 = 3;

    struct flight {
        std::uint64_t tag = 0;
        bool done = false;
        tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
        std::uint64_t value = 0;
        sc_core::sc_time ended;
    };

    smmu_v3::smmu_parameters parameters;
    smmu_v3::smmu smmu;
    memory ddr;
    interconnect bus;
    tlm::tlm_initiator_socket<64> device{"device"}, cpu{"cpu"};
    payload_pool<flight> pool;
    std::deque<flight> flights;
    std::uint32_t producer = 0;
    std::vector<sc_core::sc_signal<bool>*> wires;

    explicit smmu_v3_bench(sc_core::sc_module_name name, const smmu_v3::smmu_parameters& p = {})
        : sc_core::sc_module(name),
          parameters(p),
          smmu("smmu", p),
          ddr("ddr", in_ram()),
          bus("bus", {}, 2, {{.windows = {{}}}}) {
        device.bind(*this);
        device.bind(smmu.upstream());
        cpu.bind(*this);
        cpu.bind(smmu.registers_socket());
        smmu.downstream().bind(bus.input(0));
        smmu.tables().bind(bus.input(1));
        bus.output(0).bind(ddr.target);
        for (std::size_t n = 0; n < smmu.interrupt_names().size(); ++n) {
            wires.push_back(new sc_core::sc_signal<bool>(sc_core::sc_gen_unique_name("wire")));
            smmu.interrupt(n).bind(*wires.back());
        }
    }
    ~smmu_v3_bench() override {
        for (auto* w : wires)
            delete w;
    }

    // --- memory and registers --------------------------------------------------------------------------------------
    void write64(std::uint64_t address, std::uint64_t value) { ddr.store().write_u64(address, value); }
    [[nodiscard]] std::uint64_t read64(std::uint64_t address) const { return ddr.store().read_u64(address); }
    void write_entry(std::uint64_t address, const std::array<std::uint64_t, 8>& words) {
        for (unsigned n = 0; n < 8; ++n)
            write64(address + 8 * n, words[n]);
    }
    void set(const register_declaration& r, std::uint64_t value) { access_register(r, value, true); }
    std::uint64_t get(const register_declaration& r) {
        std::uint64_t value = 0;
        access_register(r, value, false);
        return value;
    }
    void access_register(const register_declaration& r, std::uint64_t& value, bool write) {
        if (!sc_core::sc_start_of_simulation_invoked())
            sc_core::sc_start(sc_core::SC_ZERO_TIME);
        auto& p = pool.acquire(r.bytes);
        p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(r.offset);
        std::memcpy(p.get_data_ptr(), &value, r.bytes);
        sc_core::sc_time delay;
        cpu->b_transport(p, delay);
        std::memcpy(&value, p.get_data_ptr(), r.bytes);
        p.release();
    }

    // --- programming -----------------------------------------------------------------------------------------------
    void start() {
        using namespace smmu_v3;
        set(reg::STRTAB_BASE, strtab);
        set(reg::STRTAB_BASE_CFG, 5);
        set(reg::CR2, cr2::RECINVSID.make(1));
        set(reg::CMDQ_BASE, cmdq | cmdq_log2);
        set(reg::EVENTQ_BASE, evtq | evtq_log2);
        set(reg::IRQ_CTRL, 7);
        set(reg::CR0, cr0::SMMUEN.make(1) | cr0::EVENTQEN.make(1) | cr0::CMDQEN.make(1));
    }
    /// A stream of its own CD and tables; pages are mapped with map().
    void add_stream(std::uint32_t sid, bool stalls = false, bool aborts = true) {
        using namespace smmu_v3;
        std::array<std::uint64_t, 8> s{}, c{};
        ste::V.put(s, 1);
        ste::Config.put(s, 5);
        s[0] = ste::S1ContextPtr.put(s[0], cdtab + sid * 64);
        write_entry(strtab + sid * 64, s);
        cd::V.put(c, 1);
        cd::AA64.put(c, 1);
        cd::T0SZ.put(c, 34); // 30 bits: from level 2
        cd::EPD1.put(c, 1);
        cd::IPS.put(c, 5);
        cd::A.put(c, aborts);
        cd::R.put(c, 1);
        cd::S.put(c, stalls);
        cd::ASID.put(c, sid);
        c[1] = cd::TTB0.put(c[1], tables + sid * 0x2000);
        write_entry(cdtab + sid * 64, c);
        write64(tables + sid * 0x2000, (tables + sid * 0x2000 + 0x1000) | 3);
    }
    /// Page `page` of the first 2 MiB; AP[1], AF, nG, a page.
    void map(std::uint32_t sid, unsigned page, std::uint64_t output, bool writable = true) {
        write64(tables + sid * 0x2000 + 0x1000 + page * 8, output | 0x803 | 1 << 10 | 1 << 6 | (writable ? 0 : 1 << 7));
    }
    void unmap(std::uint32_t sid, unsigned page) { write64(tables + sid * 0x2000 + 0x1000 + page * 8, 0); }

    /// Puts a command into the queue, without telling the SMMU.
    void put(std::uint64_t word0, std::uint64_t word1 = 0) {
        const std::uint32_t index = producer & ((1U << cmdq_log2) - 1);
        write64(cmdq + index * 16, word0);
        write64(cmdq + index * 16 + 8, word1);
        producer = (producer + 1) & ((2U << cmdq_log2) - 1);
    }
    static std::uint64_t command(smmu_v3::opcode code, std::uint32_t sid = 0) {
        return smmu_v3::command::Opcode.make(static_cast<std::uint64_t>(code)) | smmu_v3::command::StreamID.make(sid);
    }
    void ring() { set(smmu_v3::reg::CMDQ_PROD, producer); }
    /// Event record `n` of the queue's memory.
    [[nodiscard]] std::array<std::uint64_t, 4> record(unsigned n) const {
        std::array<std::uint64_t, 4> w{};
        for (unsigned i = 0; i < 4; ++i)
            w[i] = read64(evtq + n * 32 + i * 8);
        return w;
    }

    // --- accesses --------------------------------------------------------------------------------------------------
    /// Begins an access of 8 bytes; the reference stays valid.
    flight& begin(std::uint32_t sid, std::uint64_t address, std::optional<std::uint64_t> write = std::nullopt) {
        flight& f = flights.emplace_back();
        auto& p = pool.acquire(8, &f);
        p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(address);
        p.side.source_id = sid;
        if (write)
            std::memcpy(p.get_data_ptr(), &*write, 8);
        tlm::tlm_phase phase = tlm::BEGIN_REQ;
        sc_core::sc_time delay;
        if (device->nb_transport_fw(p, phase, delay) == tlm::TLM_COMPLETED)
            end(p);
        run(parameters.port_accept_cycles + 1); // END_REQ comes before the next request may begin
        return f;
    }
    flight read(std::uint32_t sid, std::uint64_t address) {
        flight& f = begin(sid, address);
        settle();
        return f;
    }
    flight write(std::uint32_t sid, std::uint64_t address, std::uint64_t value) {
        flight& f = begin(sid, address, value);
        settle();
        return f;
    }
    static void run(std::uint64_t ns) { sc_core::sc_start(static_cast<double>(ns), sc_core::SC_NS); }
    /// Until nothing is under way, at most 100 us.
    bool settle() {
        for (unsigned n = 0; n < 10000; ++n) {
            run(10);
            if (smmu.idle())
                return true;
        }
        return false;
    }

  private:
    static memory_parameters in_ram() {
        memory_parameters p;
        p.ranges.push_back({ram, 64 << 20, "ram"});
        return p;
    }
    void end(pooled_payload<flight>& p) {
        p.owner->done = true;
        p.owner->status = p.get_response_status();
        p.owner->ended = sc_core::sc_time_stamp();
        std::memcpy(&p.owner->value, p.get_data_ptr(), 8);
        p.release();
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase, sc_core::sc_time&) override {
        if (phase != tlm::BEGIN_RESP)
            return tlm::TLM_ACCEPTED;
        phase = tlm::END_RESP;
        end(static_cast<pooled_payload<flight>&>(p));
        return tlm::TLM_COMPLETED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

} // namespace iommulab
