// SPDX-License-Identifier: Apache-2.0
#include "models/core/registers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <stdexcept>

namespace iommulab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr bit_field control_fields[] = {{"ENABLE", 0, 1}, {"MODE", 4, 3}};
constexpr register_declaration id{.name = "ID", .offset = 0x0, .reset = 0x1234'5678};
constexpr register_declaration control{
    .name = "CONTROL", .offset = 0x4, .reset = 0x10, .writable = 0x71, .fields = control_fields};
constexpr register_declaration status{.name = "STATUS", .offset = 0x8, .reset = 0xf, .writable = 0x100, .clears = 0xff};
constexpr register_declaration base{
    .name = "BASE", .offset = 0x10, .bytes = 8, .writable = 0xffff'ffff'ffff'ff00, .fields = {}};
constexpr register_declaration group{
    .name = "GROUP", .offset = 0x40, .bytes = 8, .reset = 7, .writable = 0xffff, .count = 4, .stride = 16};
constexpr register_declaration byte{.name = "BYTE", .offset = 0x81, .bytes = 1, .writable = 0xff};
constexpr register_declaration half{.name = "HALF", .offset = 0x82, .bytes = 2, .writable = 0xffff};
constexpr register_declaration last{.name = "LAST", .offset = 0x1'fffc, .writable = 0xffff'ffff};
constexpr register_declaration control_again{.name = "CONTROL_AGAIN", .offset = 0x1'0004, .alias_of = 0x4};
constexpr register_declaration group_again{
    .name = "GROUP_AGAIN", .offset = 0x1'0040, .bytes = 8, .count = 2, .stride = 8, .alias_of = 0x50};
constexpr register_declaration all[] = {id, control, status, base, group, byte, half, last, control_again, group_again};

TEST(registers, start_at_their_reset_values) {
    register_bank bank(all);
    EXPECT_EQ(bank.read(0x0, 4), 0x1234'5678u);
    EXPECT_EQ(bank.read(0x4, 4), 0x10u);
    for (unsigned i = 0; i < 4; ++i)
        EXPECT_EQ(bank.read(0x40 + i * 16, 8), 7u);
}

TEST(registers, a_write_sets_only_writable_bits) {
    register_bank bank(all);
    bank.write(0x0, 4, ~0u);
    EXPECT_EQ(bank.read(0x0, 4), 0x1234'5678u);
    bank.write(0x4, 4, ~0u);
    EXPECT_EQ(bank.read(0x4, 4), 0x71u);
    EXPECT_EQ(bank.get(control, control_fields[1]), 7u);
}

TEST(registers, a_one_clears_where_it_is_declared_and_a_zero_leaves) {
    register_bank bank(all);
    bank.write(0x8, 4, 0x105);
    EXPECT_EQ(bank.read(0x8, 4), 0x10au);
    bank.write(0x8, 4, 0x100);
    EXPECT_EQ(bank.read(0x8, 4), 0x10au);
}

TEST(registers, a_narrow_write_merges_with_the_rest) {
    register_bank bank(all);
    bank.write(0x10, 8, 0x1122'3344'5566'7788);
    EXPECT_EQ(bank.get(base), 0x1122'3344'5566'7700u);
    bank.write(0x14, 4, 0xaabb'ccdd);
    EXPECT_EQ(bank.get(base), 0xaabb'ccdd'5566'7700u);
    bank.write(0x12, 2, 0xeeff);
    EXPECT_EQ(bank.get(base), 0xaabb'ccdd'eeff'7700u);
    bank.write(0x10, 1, 0x99); // under the write mask's hole
    bank.write(0x11, 1, 0x99);
    EXPECT_EQ(bank.get(base), 0xaabb'ccdd'eeff'9900u);
    EXPECT_EQ(bank.read(0x14, 4), 0xaabb'ccddu);
    EXPECT_EQ(bank.read(0x16, 2), 0xaabbu);
    EXPECT_EQ(bank.read(0x11, 1), 0x99u);
}

TEST(registers, a_narrow_write_clears_only_under_its_own_bytes) {
    register_bank bank(all);
    bank.write(0x9, 1, 0xff); // bits [15:8]: the write-1-to-clear bits are [7:0]
    EXPECT_EQ(bank.get(status), 0x10fu);
    bank.write(0x8, 1, 0x1);
    EXPECT_EQ(bank.get(status), 0x10eu);
}

TEST(registers, a_wide_access_covers_two_registers_and_reserved_space) {
    register_bank bank(all);
    EXPECT_EQ(bank.read(0x0, 8), 0x0000'0010'1234'5678u);
    bank.write(0x0, 8, 0xffff'ffff'ffff'ffff);
    EXPECT_EQ(bank.read(0x0, 8), 0x0000'0071'1234'5678u);
    bank.write(0x8, 8, 0xffff'ffff'0000'0100); // STATUS, and nothing above it
    EXPECT_EQ(bank.read(0x8, 8), 0x10fu);
    bank.write(0x80, 8, 0x8877'6655'4433'2211); // BYTE and HALF, with holes
    EXPECT_EQ(bank.read(0x80, 8), 0x4433'2200u);
    EXPECT_EQ(bank.get(byte), 0x22u);
    EXPECT_EQ(bank.get(half), 0x4433u);
}

TEST(registers, reserved_misaligned_and_odd_sized_are_raz_wi) {
    register_bank bank(all);
    for (const auto& [offset, bytes] : {std::pair{0xcu, 4u},
                                        {0x1u, 4u},
                                        {0x4u, 8u},
                                        {0x0u, 3u},
                                        {0x0u, 0u},
                                        {0x0u, 16u},
                                        {0x2'0000u, 4u},
                                        {0xffff'fffcu, 4u},
                                        {0xffff'fff8u, 8u}}) {
        bank.write(offset, bytes, ~std::uint64_t{0});
        EXPECT_EQ(bank.read(offset, bytes), 0u) << offset << ' ' << bytes;
    }
    EXPECT_EQ(bank.get(control), 0x10u);
    bank.write(0x1'fffc, 4, 0x55);
    EXPECT_EQ(bank.read(0x1'fffc, 4), 0x55u);
}

TEST(registers, arrays_have_elements_apart) {
    register_bank bank(all);
    bank.write(0x60, 4, 0x1'0042);
    EXPECT_EQ(bank.get(group, 2), 0x42u);
    EXPECT_EQ(bank.get(group, 1), 7u);
    EXPECT_EQ(bank.read(0x68, 8), 0u); // between two elements
    bank.set(group, 0x99, 3);
    EXPECT_EQ(bank.read(0x70, 8), 0x99u);
    EXPECT_THROW((void)bank.get(group, 4), std::out_of_range);
}

TEST(registers, hardware_sees_no_masks) {
    register_bank bank(all);
    bank.set(id, 0xffff'ffff'0000'0001); // cut to the register's width
    EXPECT_EQ(bank.read(0x0, 8), 0x0000'0010'0000'0001u);
    bank.set(control, control_fields[1], 5);
    EXPECT_EQ(bank.get(control), 0x50u);
}

TEST(registers, write_hook_has_index_before_and_merged_value) {
    register_bank bank(all);
    std::vector<std::array<std::uint64_t, 3>> calls;
    const auto hook = [&](unsigned index, std::uint64_t before, std::uint64_t written) {
        calls.push_back({index, before, written});
    };
    bank.on_write(group, hook);
    bank.on_write(control, hook);
    bank.write(0x51, 1, 0xab);
    bank.write(0x54, 4, 1); // changes nothing: called all the same
    bank.write(0x0, 8, std::uint64_t{1} << 32);
    bank.set(group, 9);
    EXPECT_THAT(calls,
                ElementsAre(std::array<std::uint64_t, 3>{1, 7, 0xab07}, std::array<std::uint64_t, 3>{1, 0xab07, 0xab07},
                            std::array<std::uint64_t, 3>{0, 0x10, 1}));
}

TEST(registers, write_hook_may_change_registers) {
    register_bank bank(all);
    bank.on_write(control, [&](unsigned, std::uint64_t, std::uint64_t written) { bank.set(status, written << 16); });
    bank.on_write(status, [&](unsigned, std::uint64_t, std::uint64_t) { bank.reset(); });
    bank.write(0x4, 4, 0x41);
    EXPECT_EQ(bank.get(status), 0x41'0000u);
    bank.write(0x8, 4, 0);
    EXPECT_EQ(bank.get(control), 0x10u);
}

TEST(registers, read_hook_supplies_the_value_but_not_to_peek) {
    register_bank bank(all);
    std::uint64_t now = 40;
    bank.on_read(group, [&](unsigned index) { bank.set(group, now + index, index); });
    EXPECT_EQ(bank.peek(0x50, 8), 7u);
    EXPECT_EQ(bank.read(0x50, 8), 41u);
    now = 50;
    EXPECT_EQ(bank.peek(0x50, 4), 41u);
    EXPECT_EQ(bank.read(0x50, 4), 51u);
}

TEST(registers, an_alias_is_the_register_itself) {
    register_bank bank(all);
    unsigned calls = 0;
    bank.on_write(control_again, [&](unsigned, std::uint64_t, std::uint64_t) { ++calls; });
    bank.write(0x1'0004, 4, 0x21);
    bank.write(0x4, 4, 0x31);
    EXPECT_EQ(calls, 2u);
    EXPECT_EQ(bank.read(0x1'0004, 4), 0x31u);
    EXPECT_EQ(bank.get(control_again), 0x31u);
    bank.write(0x1'0048, 8, 0x77); // second element of an alias that starts at the second element
    EXPECT_EQ(bank.get(group, 2), 0x77u);
    EXPECT_EQ(bank.get(group_again, 1), 0x77u);
}

TEST(registers, changes_are_pushed_once_with_a_slot_that_has_a_name) {
    register_bank bank(all);
    EXPECT_EQ(bank.slots(), 11u); // four of GROUP; aliases store nothing
    std::map<std::string, std::uint64_t> seen;
    unsigned calls = 0;
    bank.on_change([&](std::size_t slot, std::uint64_t value) {
        ++calls;
        seen[bank.slot_name(slot)] = value;
        EXPECT_EQ(bank.slot_value(slot), value);
    });
    bank.write(0x1'0004, 4, 0x1);
    bank.write(0x4, 4, 0x1);
    bank.set(group, 5, 3);
    bank.set(group, 5, 3);
    EXPECT_EQ(calls, 2u);
    EXPECT_EQ(seen, (std::map<std::string, std::uint64_t>{{"CONTROL", 1}, {"GROUP[3]", 5}}));
    bank.reset();
    EXPECT_EQ(calls, 4u);
    EXPECT_EQ(bank.get(group, 3), 7u);
    for (std::size_t slot = 0; slot < bank.slots(); ++slot)
        EXPECT_EQ(bank.slot_bits(slot), bank.slot_name(slot) == "BYTE"                    ? 8u
                                        : bank.slot_name(slot) == "HALF"                  ? 16u
                                        : bank.slot_name(slot) == "BASE" || slot / 4 == 1 ? 64u
                                                                                          : 32u)
            << bank.slot_name(slot);
}

TEST(registers, a_configured_reset_value_takes_effect_at_reset) {
    register_bank bank(all);
    bank.set_reset(id, 0xcafe);
    EXPECT_EQ(bank.get(id), 0x1234'5678u);
    bank.reset();
    EXPECT_EQ(bank.get(id), 0xcafeu);
    EXPECT_THROW(bank.set_reset(id, std::uint64_t{1} << 32), std::logic_error);
}

TEST(registers, another_banks_register_is_refused) {
    register_bank bank(all);
    constexpr register_declaration stranger{.name = "STRANGER", .offset = 0x4};
    EXPECT_THROW((void)bank.get(stranger), std::logic_error);
    constexpr register_declaration nowhere{.name = "NOWHERE", .offset = 0xc};
    EXPECT_THROW(bank.set(nowhere, 1), std::logic_error);
}

TEST(registers, a_space_of_megabytes_decodes) {
    constexpr register_declaration sparse[] = {
        {.name = "LOW", .offset = 0, .writable = 0xff},
        {.name = "BANKS", .offset = 0x80'0000, .writable = 0xffff'ffff, .count = 128, .stride = 0x1'0000},
        {.name = "BANKS_HIGH", .offset = 0x80'0004, .writable = 0xffff'ffff, .count = 128, .stride = 0x1'0000}};
    register_bank bank(sparse);
    for (unsigned i = 0; i < 128; ++i)
        bank.write(0x80'0000 + i * 0x1'0000, 8, (std::uint64_t{i} << 32) | (1000 + i));
    for (unsigned i = 0; i < 128; ++i) {
        EXPECT_EQ(bank.get(sparse[1], i), 1000 + i);
        EXPECT_EQ(bank.read(0x80'0004 + i * 0x1'0000, 4), i);
    }
}

std::string rejection(std::vector<register_declaration> declarations) {
    try {
        register_bank bank(declarations);
        return "accepted";
    } catch (const std::logic_error& e) {
        return e.what();
    }
}

TEST(registers, contradictory_declarations_are_refused_by_name) {
    constexpr register_declaration good{.name = "GOOD", .offset = 0x10, .bytes = 8, .reset = 1};
    EXPECT_EQ(rejection({good}), "accepted");
    constexpr bit_field wide[] = {{"WIDE", 30, 3}};
    const std::pair<register_declaration, const char*> cases[] = {
        {{.name = "", .offset = 0}, "no name"},
        {{.name = "GOOD", .offset = 0}, "twice"},
        {{.name = "R", .offset = 0x14}, "overlaps GOOD"},
        {{.name = "R", .offset = 0x2}, "not aligned"},
        {{.name = "R", .offset = 0, .bytes = 3}, "3 bytes"},
        {{.name = "R", .offset = 0, .bytes = 0}, "0 bytes"},
        {{.name = "R", .offset = 0, .reset = std::uint64_t{1} << 32}, "reset value"},
        {{.name = "R", .offset = 0, .bytes = 1, .writable = 0x100}, "write mask 0x100"},
        {{.name = "R", .offset = 0, .bytes = 2, .clears = 0x1'0000}, "write-1-to-clear"},
        {{.name = "R", .offset = 0, .writable = 3, .clears = 6}, "0x2 are both"},
        {{.name = "R", .offset = 0, .fields = wide}, "field WIDE"},
        {{.name = "R", .offset = 0x20, .count = 0}, "no elements"},
        {{.name = "R", .offset = 0x20, .count = 2}, "stride of 0"},
        {{.name = "R", .offset = 0, .count = 5, .stride = 4}, "overlaps"},
        {{.name = "R", .offset = 0xffff'fff0, .count = 5, .stride = 4}, "4 GiB"},
        {{.name = "R", .offset = 0x20, .alias_of = 0x40}, "no register starts"},
        {{.name = "R", .offset = 0x20, .alias_of = 0x14}, "no register starts"},
        {{.name = "R", .offset = 0x20, .alias_of = 0x20}, "no register starts"},
        {{.name = "R", .offset = 0x20, .alias_of = 0x10}, "alias of GOOD with 8"},
        {{.name = "R", .offset = 0x20, .bytes = 8, .reset = 2, .alias_of = 0x10}, "another reset value"},
        {{.name = "R", .offset = 0x20, .bytes = 8, .count = 2, .stride = 8, .alias_of = 0x10}, "more elements"},
    };
    for (const auto& [bad, why] : cases) {
        const std::string message = rejection({good, bad});
        EXPECT_THAT(message, HasSubstr(why));
        EXPECT_THAT(message, testing::AnyOf(HasSubstr(*bad.name ? bad.name : "without a name"), HasSubstr("GOOD")));
    }
}

} // namespace
} // namespace iommulab
