// SPDX-License-Identifier: Apache-2.0
// What a PAMU's entries make of an access, without a simulation. Rules: P4080 Reference Manual, PAMU; field places as
// in Linux, fsl_pamu.h.
#include "models/pamu/windows.h"
#include "testbenches/pamu/entries.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace iommulab::pamu {
namespace {

using harness::divided_entry;
using harness::primary_entry;
using harness::secondary_entry;

constexpr unsigned most_subwindows_log2 = 8;

access at(std::uint64_t address, bool write = false) {
    access a;
    a.address = address;
    a.length_bytes = 8;
    a.write = write;
    return a;
}

refusal translated(const paace::words& primary, const access& a, translation& t) {
    window w;
    if (const refusal why = locate(primary, a.address, most_subwindows_log2, w))
        return why;
    return authorize(primary, w, a, t);
}

// The layout that Linux writes as big-endian words: 0x00 wbah, 0x04 address fields, 0x08 domain attributes (a byte
// each), 0x0c implementation attributes, 0x10 twbah, 0x14 window fields, 0x18 fspi, 0x1c operation encodings.
TEST(paace, lies_in_memory_as_linux_writes_it) {
    const auto byte_of = [](const bit_field& f, std::uint64_t value) {
        paace::words w{};
        f.put(w, value);
        const auto memory = from_memory(w); // its own inverse
        unsigned place = 0;
        while (place < 64 && reinterpret_cast<const unsigned char*>(memory.data())[place] == 0)
            ++place;
        return place;
    };
    EXPECT_EQ(byte_of(paace::WBAH, 1), 3U);
    EXPECT_EQ(byte_of(paace::V, 1), 7U);
    EXPECT_EQ(byte_of(paace::DID, 1), 8U);
    EXPECT_EQ(byte_of(paace::PID, 1), 9U);
    EXPECT_EQ(byte_of(paace::SNPID, 1), 10U);
    EXPECT_EQ(byte_of(paace::CR, 1), 11U);
    EXPECT_EQ(byte_of(paace::CID, 1), 13U);
    EXPECT_EQ(byte_of(paace::OTM, 1), 15U);
    EXPECT_EQ(byte_of(paace::TWBAH, 1), 19U);
    EXPECT_EQ(byte_of(paace::SWSE, 1), 23U);
    EXPECT_EQ(byte_of(paace::FSPI, 1), 27U);
    EXPECT_EQ(byte_of(paace::IOEA, 1), 28U);
    EXPECT_EQ(byte_of(paace::MOEB, 1), 31U);
    EXPECT_EQ(byte_of(paace::OMI, 1), 31U);
    // masks of the words, as Linux has them
    EXPECT_EQ(paace::AP.make(3), 0x18U);
    EXPECT_EQ(paace::WSE.make(0x3f), 0xfc0U);
    EXPECT_EQ(paace::MW.make(1), 0x20U);
    EXPECT_EQ(paace::WBAL.make(0xfffff), 0xfffff000U);
}

TEST(pamu_window, of_every_size_covers_its_bytes_and_no_others) {
    for (unsigned log2 = 12; log2 <= 40; ++log2) {
        const std::uint64_t bytes = std::uint64_t{1} << log2, base = 3 * bytes, to = 5 * bytes;
        const auto e = primary_entry(base, log2, to);
        translation t;
        for (const std::uint64_t offset : {std::uint64_t{0}, bytes / 2, bytes - 1}) {
            ASSERT_EQ(translated(e, at(base + offset), t), 0U) << log2;
            EXPECT_EQ(t.output(base + offset), to + offset);
            EXPECT_EQ(t.log2_size, log2);
        }
        EXPECT_EQ(translated(e, at(base - 1), t), because(avs1::WAV, violation::outside_window));
        EXPECT_EQ(translated(e, at(base + bytes), t), because(avs1::WAV, violation::outside_window));
    }
}

TEST(pamu_window, untranslated_keeps_the_address) {
    auto e = primary_entry(0, 36, 0x12'3000'0000);
    paace::ATM.put(e, paace::untranslated);
    translation t;
    ASSERT_EQ(translated(e, at(0xf'1234'5678), t), 0U);
    EXPECT_EQ(t.output(0xf'1234'5678), 0xf'1234'5678U);
}

TEST(pamu_window, allows_what_AP_says) {
    const std::map<std::uint64_t, std::pair<bool, bool>> rules{{paace::denied, {false, false}},
                                                               {paace::query, {true, false}},
                                                               {paace::update, {false, true}},
                                                               {paace::all, {true, true}}};
    for (const auto& [allowed, kinds] : rules) {
        const auto e = primary_entry(0, 20, 0, allowed);
        translation t;
        EXPECT_EQ(translated(e, at(0), t), kinds.first ? 0U : because(avs1::APV, violation::query_denied));
        EXPECT_EQ(translated(e, at(0, true), t), kinds.second ? 0U : because(avs1::APV, violation::update_denied));
    }
}

TEST(pamu_window, entries_that_contradict_themselves_are_refused) {
    translation t;
    auto e = primary_entry(0, 20, 0);
    paace::V.put(e, 0);
    EXPECT_EQ(translated(e, at(0), t), because(avs1::LAV, violation::not_valid));
    const std::map<std::string, std::pair<bit_field, std::uint64_t>> wrong{
        {"a window below 4 KiB", {paace::WSE, 10}},
        {"a secondary entry", {paace::PT, paace::secondary}},
        {"page tables", {paace::ATM, paace::page}},
        {"page tables behind a window", {paace::ATM, paace::both}},
    };
    for (const auto& [what, change] : wrong) {
        e = primary_entry(0, 20, 0);
        change.first.put(e, change.second);
        EXPECT_EQ(translated(e, at(0), t), because(avs1::PDV, 1)) << what;
    }
    e = divided_entry(0, 16, 6, 0, 0, 12); // 64 subwindows of 1 KiB
    EXPECT_EQ(translated(e, at(0), t), because(avs1::PDV, 1));
    e = divided_entry(0, 30, 9, 0, 0, 12); // more than the capability register says
    EXPECT_EQ(translated(e, at(0), t), because(avs1::PDV, 1));
}

TEST(pamu_subwindow, names_its_secondary_entry) {
    const std::uint64_t base = 0x10'0000'0000;
    const auto e = divided_entry(base, 30, 4, 100, 0x5000'0000, 26); // 16 subwindows of 64 MiB
    for (unsigned n = 0; n < 16; ++n) {
        const std::uint64_t address = base + (std::uint64_t{n} << 26) + 0x1234;
        window w;
        ASSERT_EQ(locate(e, address, most_subwindows_log2, w), 0U);
        EXPECT_EQ(w.subwindow, n);
        EXPECT_EQ(w.base, address - 0x1234);
        if (n != 0) {
            EXPECT_EQ(w.secondary, 100 + n - 1);
        }
    }
}

TEST(pamu_subwindow, may_be_used_in_part) {
    const auto e = divided_entry(0, 20, 2, 0, 0, 14); // subwindows of 256 KiB
    window w;
    translation t;
    ASSERT_EQ(locate(e, 0x8'0010, most_subwindows_log2, w), 0U);
    const auto s = secondary_entry(7, 0x4000'0000, 13); // 8 KiB of it
    ASSERT_EQ(check_secondary(s, 7), 0U);
    ASSERT_EQ(authorize(s, w, at(0x8'1ff8), t), 0U);
    EXPECT_EQ(t.output(0x8'1ff8), 0x4000'1ff8U);
    EXPECT_EQ(t.log2_size, 13);
    EXPECT_EQ(authorize(s, w, at(0x8'2000), t), because(avs1::WAV, violation::outside_subwindow));
    const auto all = secondary_entry(7, 0x4000'0000, 30); // more than there is: all of it
    ASSERT_EQ(authorize(all, w, at(0xb'fff8), t), 0U);
    EXPECT_EQ(t.log2_size, 18);
}

TEST(pamu_subwindow, belongs_to_one_LIODN) {
    auto s = secondary_entry(7, 0, 12);
    EXPECT_EQ(check_secondary(s, 8), because(avs1::LAV, violation::secondary_of_other));
    paace::V.put(s, 0);
    EXPECT_EQ(check_secondary(s, 7), because(avs1::LAV, violation::not_valid));
    s = primary_entry(0, 20, 0);
    EXPECT_EQ(check_secondary(s, 0), because(avs1::PDV, 1));
}

TEST(pamu_operation, is_mapped_immediately_or_by_the_table) {
    auto e = primary_entry(0, 20, 0);
    operation_mapping m;
    EXPECT_EQ(map_operation(e, at(0), m), 0U);
    EXPECT_EQ(m.what, operation_mapping::kind::pass);

    paace::OTM.put(e, paace::immediate);
    paace::IOEA.put(e, ioe::code(ioe::write));
    paace::MOEA.put(e, ome::valid | eoe::write_stash_allocate);
    paace::IOEB.put(e, ioe::code(ioe::read));
    paace::MOEB.put(e, eoe::read); // not valid
    EXPECT_EQ(map_operation(e, at(0, true), m), 0U);
    EXPECT_EQ(m.operation, eoe::write_stash_allocate);
    EXPECT_TRUE(eoe::stashes(m.operation));
    EXPECT_EQ(map_operation(e, at(0), m), because(avs1::OTV, violation::operation_unmapped));

    e = primary_entry(0, 20, 0);
    paace::OTM.put(e, paace::indexed);
    paace::OMI.put(e, 3);
    ASSERT_EQ(map_operation(e, at(0), m), 0U);
    EXPECT_EQ(m.what, operation_mapping::kind::look_up);
    EXPECT_EQ(m.index, 3U);
    std::array<std::uint64_t, 8> line{};
    auto* const bytes = reinterpret_cast<unsigned char*>(line.data());
    bytes[ioe::read] = ome::valid | eoe::read_invalidate;
    EXPECT_EQ(look_up_operation(line, at(0), m), 0U);
    EXPECT_EQ(m.operation, eoe::read_invalidate);
    EXPECT_EQ(look_up_operation(line, at(0, true), m), because(avs1::OTV, violation::operation_unmapped));

    paace::OTM.put(e, 3); // reserved
    EXPECT_EQ(map_operation(e, at(0), m), because(avs1::PDV, 1));
}

// Property: whatever an entry says, what it allows stays within the window that it describes.
TEST(pamu_property, a_translation_covers_the_access_and_stays_in_the_window) {
    std::mt19937_64 random(3);
    unsigned authorized = 0;
    for (unsigned n = 0; n < 20'000; ++n) {
        auto e = primary_entry(random() & 0xf'ffff'f000, 12 + random() % 30, random() & 0xf'ffff'f000, random() % 4);
        paace::MW.put(e, random() % 2);
        paace::WCE.put(e, random() % 16);
        paace::SWSE.put(e, random() % 64);
        paace::ATM.put(e, random() % 4);
        const unsigned log2 = paace::log2_of(paace::WSE.of(e));
        const std::uint64_t within = (std::uint64_t{1} << log2) - 1;
        const std::uint64_t base = (paace::WBAH.of(e) << 32 | paace::WBAL.of(e) << 12) & ~within;
        const access a = at(base + (random() & within), random() % 2);
        window w;
        translation t;
        if (locate(e, a.address, most_subwindows_log2, w) || w.subwindow != 0 || authorize(e, w, a, t))
            continue;
        ++authorized;
        ASSERT_TRUE(t.covers(a.address));
        ASSERT_GE(t.input_base, base);
        ASSERT_LE(t.input_base + t.offset_mask(), base + within);
        ASSERT_TRUE(t.allowed & rights::needed_by(a));
        ASSERT_EQ(t.output_base & t.offset_mask(), 0U);
    }
    EXPECT_GT(authorized, 1000U);
}

} // namespace
} // namespace iommulab::pamu
