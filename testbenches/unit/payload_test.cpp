// SPDX-License-Identifier: Apache-2.0
// Payloads as other people's initiators send them, through the port of an IOMMU, on an invented one: what counts as a
// write, attributes that contradict each other, byte enables across pages.
#include "testbenches/harness/iommu_maker.h"
#include "testbenches/harness/payload_rules.h"
#include "testbenches/invented/flat_iommu.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

namespace iommulab::harness {
namespace {

constexpr std::uint64_t table = 0x10'0000, data = 0x20'0000, page = 0x1000;
constexpr std::uint32_t device = 1;
constexpr way timed_ways[] = {way::cycle_approximate, way::loosely_timed};

/// Page 0 is read-only, the others are writable; each has a place beside which its neighbour's is not.
struct machine : iommu_machine {
    machine() : iommu_machine("m", maker_of<flat::flat_iommu>(iommu_parameters()), 1, {{0, 0x1000'0000, "ram"}}) {}
    void start() {
        for (std::uint64_t n = 0; n < 16; ++n)
            ddr.store().write_u64(table + 8 * n, place(n) | (n != 0 ? 2 : 0) | 1);
        set(flat::TABLE, table);
    }
    static std::uint64_t place(std::uint64_t n) { return data + 2 * n * page; }
    static std::uint64_t place_of(std::uint64_t address) { return place(address / page) + address % page; }
    unsigned char byte_at(std::uint64_t address) {
        unsigned char b = 0;
        ddr.store().read(place_of(address), &b, 1);
        return b;
    }
    std::uint64_t faults() { return get(flat::FAULTS); }
};

device_access access_of(std::uint64_t address, std::size_t bytes, bool write,
                        std::function<void(tlm::tlm_generic_payload&)> alter = {}) {
    device_access a;
    a.source_id = device;
    a.address = address;
    a.write = write;
    a.data.assign(bytes, 0x5a);
    a.alter = std::move(alter);
    return a;
}

TEST(payload, a_compare_and_swap_needs_the_right_to_write) {
    machine m;
    m.start();
    std::uint64_t refused = 0;
    for (const way how : ways)
        for (unsigned again = 0; again < 2; ++again) {
            m.ddr.store().write_u64(machine::place(0), 1);
            m.ddr.store().write_u64(machine::place(1), 1);
            EXPECT_EQ(m.read(device, 0).status, tlm::TLM_OK_RESPONSE); // in the caches
            atomic_compare_swap swap;
            EXPECT_EQ(compare_swap(m, how, device, 0, 1, 2, swap), tlm::TLM_ADDRESS_ERROR_RESPONSE);
            EXPECT_EQ(m.ddr.store().read_u64(machine::place(0)), 1U);
            EXPECT_EQ(swap.result, atomic_compare_swap::outcome::ignored);
            EXPECT_EQ(m.faults(), refused += how != way::debug);

            EXPECT_EQ(compare_swap(m, how, device, page, 1, 2, swap), tlm::TLM_OK_RESPONSE);
            EXPECT_EQ(swap.result, atomic_compare_swap::outcome::swapped);
            EXPECT_EQ(m.ddr.store().read_u64(machine::place(1)), 2U);
            EXPECT_EQ(compare_swap(m, how, device, page, 1, 3, swap), tlm::TLM_OK_RESPONSE);
            EXPECT_EQ(swap.result, atomic_compare_swap::outcome::different);
            EXPECT_EQ(swap.found[0], 2U);
            EXPECT_EQ(m.ddr.store().read_u64(machine::place(1)), 2U);
        }
    EXPECT_EQ(m.violations(), "");
}

TEST(payload, a_compare_and_swap_has_no_parts) {
    machine m;
    m.start();
    for (const way how : ways) {
        atomic_compare_swap swap;
        EXPECT_NE(compare_swap(m, how, device, 2 * page - 4, 0, ~0ULL, swap), tlm::TLM_OK_RESPONSE);
        EXPECT_EQ(swap.result, atomic_compare_swap::outcome::ignored);
        EXPECT_EQ(m.byte_at(2 * page - 4), 0U);
        EXPECT_EQ(m.byte_at(2 * page), 0U);
    }
}

/// As a library of somebody else's might mark its own command.
struct unknown_command : tlm::tlm_extension<unknown_command> {
    tlm::tlm_extension_base* clone() const override { return new unknown_command(*this); }
    void copy_from(const tlm::tlm_extension_base&) override {}
    void free() override {}
};

TEST(payload, a_command_of_an_unknown_extension_does_not_reach_memory) {
    machine m;
    m.start();
    unknown_command unknown;
    for (const way how : ways)
        for (unsigned again = 0; again < 2; ++again) {
            m.taps[0]->leaves = [](const tlm::tlm_generic_payload&) { ADD_FAILURE() << "it left"; };
            auto a = access_of(page, 8, true, [&](tlm::tlm_generic_payload& p) {
                p.set_command(tlm::TLM_IGNORE_COMMAND);
                p.set_extension(&unknown);
            });
            carry(m, how, a);
            EXPECT_EQ(a.status, how == way::debug ? tlm::TLM_ADDRESS_ERROR_RESPONSE : tlm::TLM_COMMAND_ERROR_RESPONSE);
            auto next = access_of(page, 8, false, [](tlm::tlm_generic_payload& p) {
                p.clear_extension<unknown_command>(); // pooled payloads keep what is put on them
            });
            m.taps[0]->leaves = {};
            EXPECT_EQ(carry(m, how, next), tlm::TLM_OK_RESPONSE);
        }
}

/// In every timed way, within a page and across two, known to the caches and not.
void expect_refused(machine& m, tlm::tlm_response_status want,
                    const std::function<void(tlm::tlm_generic_payload&)>& alter) {
    for (const way how : timed_ways)
        for (const bool write : {true, false})
            for (const std::uint64_t address : {page + 8, 2 * page - 8, 9 * page - 8}) {
                auto a = access_of(address, 16, write, alter);
                EXPECT_EQ(carry(m, how, a), want) << std::hex << address << ", way " << static_cast<int>(how);
                EXPECT_EQ(m.byte_at(address), 0U);
                for (const std::uint64_t known : {2 * page, page}) {
                    auto good = access_of(known, 16, false);
                    EXPECT_EQ(carry(m, how, good), tlm::TLM_OK_RESPONSE);
                }
            }
    EXPECT_EQ(m.faults(), 0U);
}

TEST(payload, byte_enables_of_length_0_are_a_byte_enable_error) {
    machine m;
    m.start();
    unsigned char enable = TLM_BYTE_ENABLED;
    expect_refused(m, tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE,
                   [&](tlm::tlm_generic_payload& p) { p.set_byte_enable_ptr(&enable); });
}

TEST(payload, no_place_for_the_data_is_an_error) {
    machine m;
    m.start();
    expect_refused(m, tlm::TLM_GENERIC_ERROR_RESPONSE, [](tlm::tlm_generic_payload& p) { p.set_data_ptr(nullptr); });
}

TEST(payload, a_streaming_width_below_the_length_is_a_burst_error) {
    machine m;
    m.start();
    for (const unsigned width : {0U, 1U, 8U, 15U})
        expect_refused(m, tlm::TLM_BURST_ERROR_RESPONSE,
                       [&](tlm::tlm_generic_payload& p) { p.set_streaming_width(width); });
}

TEST(payload, debug_needs_a_place_for_the_data_and_no_streaming_width) {
    machine m;
    m.start();
    auto none = access_of(page, 16, false, [](tlm::tlm_generic_payload& p) { p.set_data_ptr(nullptr); });
    EXPECT_EQ(m.devices[0]->look(none), 0U);
    auto plain = access_of(2 * page - 8, 16, false, [](tlm::tlm_generic_payload& p) { p.set_streaming_width(0); });
    EXPECT_EQ(m.devices[0]->look(plain), 16U);
}

TEST(payload, a_pattern_of_byte_enables_repeats_across_pages) {
    machine m;
    m.start();
    std::mt19937_64 random(7);
    std::vector<unsigned char> expected(3 * page, 0);
    for (unsigned n = 0; n < 300; ++n) {
        const std::size_t bytes = 1 + random() % 40, period = 1 + random() % 50;
        const std::uint64_t address = 2 * page - random() % 20;
        std::vector<unsigned char> enable(period);
        for (auto& e : enable)
            e = random() % 2 ? TLM_BYTE_ENABLED : TLM_BYTE_DISABLED;
        auto a = access_of(address, bytes, random() % 2 != 0, [&](tlm::tlm_generic_payload& p) {
            p.set_byte_enable_ptr(enable.data());
            p.set_byte_enable_length(static_cast<unsigned>(period));
        });
        for (auto& b : a.data)
            b = static_cast<unsigned char>(random());
        EXPECT_EQ(carry(m, timed_ways[n % 2], a), tlm::TLM_OK_RESPONSE);
        for (std::size_t i = 0; i < bytes; ++i) {
            const bool enabled = enable[i % period] == TLM_BYTE_ENABLED;
            unsigned char& there = expected[address + i - page];
            if (a.write) {
                there = enabled ? a.data[i] : there;
            } else if (enabled) {
                ASSERT_EQ(a.data[i], there) << "access " << n << ", byte " << i;
            }
        }
        for (std::uint64_t at = 2 * page - 20; at < 2 * page + 40; ++at)
            ASSERT_EQ(m.byte_at(at), expected[at - page]) << "access " << n << ", at " << std::hex << at;
    }
    EXPECT_EQ(m.violations(), "");
}

TEST(payload, a_PASID_of_more_than_20_bits_names_nobody) {
    machine m;
    m.start();
    device_access served = access_of(page, 8, false), wide = served, wider = served;
    served.pasid = 1;
    wide.pasid = 0x10'0001;
    wider.pasid = 0xfff0'0001;
    expect_that_names_are_not_cut(m, served, {wide, wider});
    EXPECT_EQ(m.faults(), 0U);
}

} // namespace
} // namespace iommulab::harness
