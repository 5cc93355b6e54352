// SPDX-License-Identifier: Apache-2.0
// A processor that runs firmware: blocking code, each access to a register or to memory takes its simulated time.
#pragma once

#include <systemc>
#include <tlm>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>

namespace iommulab::firmware {

class control_cpu : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<64> socket{"socket"};

    /// `program` runs from the start of the simulation, and again each time when wake() was called after it returned.
    control_cpu(sc_core::sc_module_name name, std::function<void(control_cpu&)> program);

    // Only for the program. Accesses are of 1 to 8 bytes; one that gets an error response throws std::runtime_error.
    std::uint64_t read(std::uint64_t address, unsigned bytes);
    void write(std::uint64_t address, unsigned bytes, std::uint64_t value);
    void wait_ps(std::uint64_t duration_ps);
    /// Waits for wake(), at most for a time.
    void wait_or_wake(std::uint64_t duration_ps);
    [[nodiscard]] static std::uint64_t now_ps();

    // Memory without time, from anywhere, as a loader has it. Throws std::runtime_error where there is none.
    void load(std::uint64_t address, const void* data, std::size_t bytes);
    void look(std::uint64_t address, void* data, std::size_t bytes);

    /// Throws what the program threw, if it did: it doesn't run any more then.
    void rethrow() const {
        if (failure_)
            std::rethrow_exception(failure_);
    }

    /// From an interrupt, or from the test bench.
    void wake() { wake_.notify(sc_core::SC_ZERO_TIME); }

  private:
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override {
        return tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
    void access(tlm::tlm_command command, std::uint64_t address, unsigned bytes, unsigned char* data);
    void transfer(tlm::tlm_command command, std::uint64_t address, unsigned char* data, std::size_t bytes);
    void run();

    std::function<void(control_cpu&)> program_;
    sc_core::sc_event wake_;
    std::exception_ptr failure_;
};

} // namespace iommulab::firmware
