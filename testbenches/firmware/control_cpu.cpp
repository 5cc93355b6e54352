// SPDX-License-Identifier: Apache-2.0
#include "testbenches/firmware/control_cpu.h"

#include "traces/number.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace iommulab::firmware {

using sc_core::sc_time;
using traces::hex;

namespace {

void describe(tlm::tlm_generic_payload& p, tlm::tlm_command command, std::uint64_t address, unsigned char* data,
              std::size_t bytes) {
    p.set_command(command);
    p.set_address(address);
    p.set_data_ptr(data);
    p.set_data_length(static_cast<unsigned>(bytes));
    p.set_streaming_width(static_cast<unsigned>(bytes));
    p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
}

sc_time of_ps(std::uint64_t ps) {
    return sc_time(static_cast<double>(ps), sc_core::SC_PS);
}

} // namespace

control_cpu::control_cpu(sc_core::sc_module_name name, std::function<void(control_cpu&)> program)
    : sc_core::sc_module(name), program_(std::move(program)) {
    socket.bind(*this);
    SC_HAS_PROCESS(control_cpu);
    SC_THREAD(run);
}

void control_cpu::run() {
    try {
        for (;;) {
            program_(*this);
            wait(wake_);
        }
    } catch (const std::runtime_error&) {
        failure_ = std::current_exception(); // through the kernel it would lose its type and text
        sc_core::sc_pause();
    }
}

void control_cpu::access(tlm::tlm_command command, std::uint64_t address, unsigned bytes, unsigned char* data) {
    tlm::tlm_generic_payload p;
    describe(p, command, address, data, bytes);
    sc_time delay;
    socket->b_transport(p, delay);
    wait(delay);
    if (!p.is_response_ok())
        throw std::runtime_error("firmware: found " + p.get_response_string() + " at " + hex(address) +
                                 ", expected memory or a register");
}

std::uint64_t control_cpu::read(std::uint64_t address, unsigned bytes) {
    std::array<unsigned char, 8> data{};
    access(tlm::TLM_READ_COMMAND, address, bytes, data.data());
    std::uint64_t value = 0;
    std::memcpy(&value, data.data(), bytes);
    return value;
}

void control_cpu::write(std::uint64_t address, unsigned bytes, std::uint64_t value) {
    std::array<unsigned char, 8> data{};
    std::memcpy(data.data(), &value, bytes);
    access(tlm::TLM_WRITE_COMMAND, address, bytes, data.data());
}

void control_cpu::wait_ps(std::uint64_t duration_ps) {
    wait(of_ps(duration_ps));
}

void control_cpu::wait_or_wake(std::uint64_t duration_ps) {
    wait(of_ps(duration_ps), wake_);
}

std::uint64_t control_cpu::now_ps() {
    return static_cast<std::uint64_t>(sc_core::sc_time_stamp() / sc_time(1, sc_core::SC_PS));
}

void control_cpu::transfer(tlm::tlm_command command, std::uint64_t address, unsigned char* data, std::size_t bytes) {
    tlm::tlm_generic_payload p;
    describe(p, command, address, data, bytes);
    if (socket->transport_dbg(p) != bytes)
        throw std::runtime_error("firmware: found no memory at " + hex(address) + ", expected " +
                                 std::to_string(bytes) + " bytes");
}

void control_cpu::load(std::uint64_t address, const void* data, std::size_t bytes) {
    // a debug write reads its data; TLM has one pointer for both directions
    transfer(tlm::TLM_WRITE_COMMAND, address, static_cast<unsigned char*>(const_cast<void*>(data)), bytes);
}

void control_cpu::look(std::uint64_t address, void* data, std::size_t bytes) {
    transfer(tlm::TLM_READ_COMMAND, address, static_cast<unsigned char*>(data), bytes);
}

} // namespace iommulab::firmware
