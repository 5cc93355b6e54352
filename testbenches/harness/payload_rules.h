// SPDX-License-Identifier: Apache-2.0
// What holds for the payloads of every IOMMU's devices: carried in all ways, hit or miss.
#pragma once

#include "models/core/atomic_extension.h"
#include "testbenches/harness/traffic_port.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace iommulab::harness {

/// How a payload is carried.
enum class way : std::uint8_t { cycle_approximate, loosely_timed, debug };
inline constexpr way ways[] = {way::cycle_approximate, way::loosely_timed, way::debug};

/// Carries one access of a machine's first device. Debug has no response: what did not go through as a whole counts as
/// an address error.
template <class Machine>
tlm::tlm_response_status carry(Machine& m, way how, device_access& a) {
    traffic_device& device = *m.devices[0];
    switch (how) {
    case way::cycle_approximate:
        device.issue(a);
        EXPECT_TRUE(m.settle());
        break;
    case way::loosely_timed:
        device.transport(a);
        m.settle();
        break;
    case way::debug:
        a.status = device.look(a) == a.data.size() ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE;
        break;
    }
    return a.status;
}

/// Compares 8 bytes with `expected` and puts `desired` in their place.
template <class Machine>
tlm::tlm_response_status compare_swap(Machine& m, way how, std::uint32_t source, std::uint64_t address,
                                      std::uint64_t expected, std::uint64_t desired, atomic_compare_swap& swap) {
    device_access a;
    a.source_id = source;
    a.address = address;
    a.write = true;
    a.data.resize(sizeof desired);
    std::memcpy(a.data.data(), &desired, sizeof desired);
    std::memcpy(swap.expected.data(), &expected, sizeof expected);
    swap.found = {};
    swap.result = atomic_compare_swap::outcome::ignored;
    a.alter = [&swap](tlm::tlm_generic_payload& p) {
        p.set_command(tlm::TLM_IGNORE_COMMAND);
        p.set_extension(&swap);
    };
    return carry(m, how, a);
}

/// For a machine that passes every address as it is, with memory at both ends of the address space.
template <class Machine>
void expect_that_nothing_wraps(Machine& m, std::uint32_t source) {
    constexpr std::uint64_t last_word = ~std::uint64_t{7};
    for (const way how : ways)
        for (const bool write : {true, false, true}) {
            device_access a;
            a.source_id = source;
            a.address = last_word;
            a.write = write;
            a.data.assign(16, 0x11);
            EXPECT_EQ(carry(m, how, a), tlm::TLM_ADDRESS_ERROR_RESPONSE) << static_cast<int>(how);
            EXPECT_EQ(m.ddr.store().read_u64(0), 0U) << static_cast<int>(how);
            a.data.resize(8);
            EXPECT_EQ(carry(m, how, a), tlm::TLM_OK_RESPONSE) << "up to the end";
        }
    EXPECT_EQ(m.ddr.store().read_u64(last_word), 0x1111'1111'1111'1111U);
    EXPECT_EQ(m.violations(), "");
}

/// `served` is; but not with the source id or PASID of `wide`, whose low bits are its own, whatever is cached.
template <class Machine>
void expect_that_names_are_not_cut(Machine& m, const device_access& served, const std::vector<device_access>& wide) {
    for (const way how : ways)
        for (unsigned again = 0; again < 2; ++again) {
            device_access a = served;
            EXPECT_EQ(carry(m, how, a), tlm::TLM_OK_RESPONSE);
            for (device_access w : wide) {
                EXPECT_EQ(carry(m, how, w), tlm::TLM_ADDRESS_ERROR_RESPONSE)
                    << std::hex << w.source_id << ", PASID " << w.pasid.value_or(0) << ", way "
                    << static_cast<int>(how);
            }
        }
}

} // namespace iommulab::harness
