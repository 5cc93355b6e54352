// SPDX-License-Identifier: Apache-2.0
// Any IOMMU with devices on all its ports, a memory behind an interconnect, a CPU at its registers, and a protocol
// checker on every connection, which one simulation programs again and again.
#pragma once

#include "models/core/iommu_module.h"
#include "models/core/payload_pool.h"
#include "models/core/registers.h"
#include "models/memory/interconnect.h"
#include "models/memory/memory.h"
#include "testbenches/harness/protocol_checker.h"
#include "testbenches/harness/traffic_port.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::harness {

struct iommu_machine : sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  private:
    std::unique_ptr<iommu_module> model_;

  public:
    iommu_module& model = *model_;
    memory ddr;
    interconnect bus;
    std::vector<std::unique_ptr<traffic_device>> devices;
    std::vector<std::unique_ptr<memory_tap>> taps;
    std::vector<std::unique_ptr<protocol_checker>> checkers;      ///< device side, memory side, tables, registers
    std::vector<std::unique_ptr<sc_core::sc_signal<bool>>> wires; ///< the interrupts, in the model's order
    tlm::tlm_initiator_socket<64> cpu{"cpu"};

    using maker = std::function<std::unique_ptr<iommu_module>(const char* name)>;
    iommu_machine(sc_core::sc_module_name name, const maker& make, unsigned ports, std::vector<memory_range> ranges,
                  std::uint64_t memory_latency_ps = 50'000);
    ~iommu_machine() override;

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
    /// Power-on state, empty memory; only when idle.
    void clear();

    // --- accesses
    /// One access of a device, alone, until it is over; `source` with nothing else to say of itself.
    device_access read(std::uint32_t source, std::uint64_t address, std::size_t bytes = 8, unsigned port = 0) {
        device_access a;
        a.source_id = source;
        a.address = address;
        a.data.resize(bytes);
        return finish(std::move(a), port);
    }
    device_access write(std::uint32_t source, std::uint64_t address, std::uint64_t value, unsigned port = 0) {
        device_access a;
        a.source_id = source;
        a.address = address;
        a.write = true;
        a.data.resize(sizeof value);
        std::memcpy(a.data.data(), &value, sizeof value);
        return finish(std::move(a), port);
    }
    /// Any access, alone, until it is over.
    device_access perform(device_access a, unsigned port = 0) { return finish(std::move(a), port); }
    static std::uint64_t value_of(const device_access& a) {
        std::uint64_t value = 0;
        std::memcpy(&value, a.data.data(), std::min(a.data.size(), sizeof value));
        return value;
    }

    // --- time
    static void run(std::uint64_t ns) { sc_core::sc_start(static_cast<double>(ns), sc_core::SC_NS); }
    [[nodiscard]] bool idle() const;
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
    // --- the IOMMU
    [[nodiscard]] std::uint64_t counted(std::string_view name) const;

  private:
    device_access finish(device_access a, unsigned port) {
        devices[port]->issue(a);
        settle();
        return a;
    }
    protocol_checker& check(const std::string& name);
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override {
        return tlm::TLM_ACCEPTED; // registers are accessed by b_transport alone
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

    payload_pool<int> pool_;
};

} // namespace iommulab::harness
