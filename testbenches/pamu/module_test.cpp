// SPDX-License-Identifier: Apache-2.0
// The PAMU in simulation: registers, tables and their limits, caches and their snooping, violations, errors,
// interrupts, gate and bypass, time. Rules: P4080 Reference Manual, PAMU; Linux, fsl_pamu.c.
#include "models/pamu/pamu.h"
#include "testbenches/harness/iommu_maker.h"
#include "testbenches/harness/payload_rules.h"
#include "testbenches/pamu/entries.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>

namespace iommulab::pamu {
namespace {

using harness::divided_entry;
using harness::primary_entry;
using harness::secondary_entry;

constexpr auto ok = tlm::TLM_OK_RESPONSE;
constexpr std::uint64_t ppaact = 0x10'0000, spaact = 0x20'0000, omt = 0x30'0000, data = 0x100'0000;
constexpr unsigned primaries = 256, secondaries = 512, mappings = 16;

pamu_parameters with_ports(unsigned ports) {
    pamu_parameters p;
    p.ports = ports;
    return p;
}

struct machine : harness::iommu_machine {
    explicit machine(const pamu_parameters& p = {})
        : iommu_machine("machine", harness::maker_of<pamu>(p), p.ports, {{0, 0x4000'0000, "ram"}}), own(p) {}
    pamu_parameters own;
    pamu& unit() { return static_cast<pamu&>(model); }

    void write_entry(std::uint64_t address, const paace::words& w) { write_words(address, from_memory(w)); }
    void primary(std::uint32_t liodn, const paace::words& w) { write_entry(ppaact + liodn * paace::bytes, w); }
    void secondary(std::uint32_t n, const paace::words& w) { write_entry(spaact + n * paace::bytes, w); }
    void mapping(std::uint32_t index, unsigned operation, std::uint8_t to) {
        const std::uint8_t byte = ome::valid | to;
        ddr.store().write(omt + index * ome::bytes + operation, &byte, 1);
    }
    /// As Linux does at the start: tables, caches on, violation interrupt on, no bypass.
    void start() {
        const auto pair = [&](const register_declaration& high, const register_declaration& low, std::uint64_t value) {
            set(high, value >> 32);
            set(low, value & 0xffff'ffff);
        };
        pair(reg::PPBAH, reg::PPBAL, ppaact);
        pair(reg::PPLAH, reg::PPLAL, ppaact + primaries * paace::bytes);
        pair(reg::SPBAH, reg::SPBAL, spaact);
        pair(reg::SPLAH, reg::SPLAL, spaact + secondaries * paace::bytes);
        pair(reg::OBAH, reg::OBAL, omt);
        pair(reg::OLAH, reg::OLAL, omt + mappings * ome::bytes);
        set(reg::PICS, pics::ACCESS_VIOLATION_ENABLE.make(1));
        set(reg::PC, pc::PE.make(1) | pc::OCE.make(1) | pc::SPCC.make(1) | pc::PPCC.make(1));
        set(reg::PAMUBYPENR, 0);
    }
    void poke(std::uint64_t address, std::uint64_t value) { ddr.store().write_u64(address, value); }
};

TEST(pamu_registers, have_the_offsets_that_linux_knows) {
    const std::map<std::string, std::uint32_t> known{
        {"PPBAH", 0x0},   {"PPBAL", 0x4},  {"PPLAH", 0x8},  {"PPLAL", 0xc},  {"SPBAH", 0x10},   {"SPBAL", 0x14},
        {"SPLAH", 0x18},  {"SPLAL", 0x1c}, {"OBAH", 0x20},  {"OBAL", 0x24},  {"OLAH", 0x28},    {"OLAL", 0x2c},
        {"POES1", 0x40},  {"POES2", 0x44}, {"POEAH", 0x48}, {"POEAL", 0x4c}, {"AVS1", 0x50},    {"AVS2", 0x54},
        {"AVAH", 0x58},   {"AVAL", 0x5c},  {"EECTL", 0x60}, {"EEDIS", 0x64}, {"EEINTEN", 0x68}, {"EEDET", 0x6c},
        {"EEATTR", 0x70}, {"EEAHI", 0x74}, {"EEALO", 0x78}, {"EEDHI", 0x7c}, {"EEDLO", 0x80},   {"EECC", 0x84},
        {"UDAD", 0x90},   {"PR1", 0xbf8},  {"PR2", 0xbfc},  {"PC1", 0xc00},  {"PC2", 0xc04},    {"PC3", 0xc08},
        {"PC4", 0xc0c},   {"PC", 0xc10},   {"PFA1", 0xc14}, {"PFA2", 0xc18}, {"PICS", 0xc1c},   {"PAMUBYPENR", 0xff0}};
    std::map<std::string, std::uint32_t> declared;
    for (const register_declaration& r : registers()) {
        declared[r.name] = r.offset;
        EXPECT_EQ(r.bytes, 4) << r.name;
    }
    EXPECT_EQ(declared, known);
    EXPECT_EQ(pc::PE.make(1), 0x4000'0000U);
    EXPECT_EQ(pc::OCE.make(1) | pc::SPCC.make(1) | pc::PPCC.make(1), 0x1011U);
    EXPECT_EQ(avs1::LAV.make(violation::not_in_ppaact), 0x400U);
    EXPECT_EQ(avs1::APV.make(0xf), 0x78U);
    EXPECT_EQ(pics::ACCESS_VIOLATION_STAT.make(1), 8U);
    EXPECT_EQ(pics::ACCESS_VIOLATION_ENABLE.make(1), 4U);
}

TEST(pamu_registers, writes_change_the_fields_alone) {
    machine m;
    const std::map<std::string, std::uint64_t> kept{
        {"PPBAH", 0xf},         {"PPLAH", 0xf},         {"SPBAH", 0xf},
        {"SPLAH", 0xf},         {"OBAH", 0xf},          {"OLAH", 0xf},
        {"PPBAL", 0xffff'f000}, {"PPLAL", 0xffff'f000}, {"SPBAL", 0xffff'f000},
        {"SPLAL", 0xffff'f000}, {"OBAL", 0xffff'ff80},  {"OLAL", 0xffff'ff80},
        {"EECTL", 0xff'0000},   {"EEDIS", 0xc},         {"EEINTEN", 0xc},
        {"PC2", 0xfff'0000},    {"PC3", 7 << 21},       {"PC", 0xc000'1011},
        {"PFA1", 0xffff'ffff},  {"PFA2", 0xffff'ffff},  {"PICS", 4},
        {"PAMUBYPENR", 1}};
    for (const register_declaration& r : registers()) {
        m.set(r, 0xffff'ffff);
        const auto place = kept.find(r.name);
        EXPECT_EQ(m.get(r), place == kept.end() ? 0U : place->second) << r.name;
    }
}

TEST(pamu, passes_everything_until_it_is_enabled_and_not_bypassed) {
    machine m;
    m.poke(data, 5);
    EXPECT_EQ(machine::value_of(m.read(1, data)), 5U) << "bypassed";
    m.set(reg::PAMUBYPENR, 0);
    EXPECT_EQ(machine::value_of(m.read(1, data)), 5U) << "off, and the gate is open";
    m.set(reg::PC, pc::PGC.make(1));
    EXPECT_NE(m.read(1, data).status, ok) << "the gate is closed";
    EXPECT_EQ(m.get(reg::AVS1), avs1::AV.make(1) | avs1::GCV.make(1) | avs1::LIODN.make(1));
    m.set(reg::AVS1, 0xffff'ffff);
    m.start();
    EXPECT_NE(m.read(1, data).status, ok) << "on: no entry is valid";
    m.set(reg::PAMUBYPENR, 1);
    EXPECT_EQ(m.read(1, data).status, ok);
    EXPECT_EQ(m.violations(), "");
}

TEST(pamu, a_window_leads_where_its_entry_says) {
    machine m;
    m.primary(3, primary_entry(0x4000'0000, 20, data));
    m.start();
    m.poke(data + 0x8'0008, 42);
    EXPECT_EQ(machine::value_of(m.read(3, 0x4008'0008)), 42U);
    EXPECT_EQ(m.write(3, 0x400f'fff8, 43).status, ok);
    EXPECT_EQ(m.ddr.store().read_u64(data + 0xf'fff8), 43U);
    EXPECT_NE(m.write(3, 0x400f'fffc, 1).status, ok) << "half of it is outside";
    EXPECT_NE(m.read(4, 0x4000'0000).status, ok) << "another LIODN";
    EXPECT_EQ(m.violations(), "");
}

TEST(pamu, subwindows_lead_each_its_own_way) {
    machine m;
    m.primary(5, divided_entry(0, 20, 2, 10, data, 18)); // four of 256 KiB
    for (unsigned n = 1; n < 4; ++n)
        m.secondary(10 + n - 1, secondary_entry(5, data + n * 0x100'0000, 18, n == 2 ? paace::query : paace::all));
    m.start();
    for (unsigned n = 0; n < 4; ++n) {
        m.poke(data + n * 0x100'0000 + 16, 100 + n);
        EXPECT_EQ(machine::value_of(m.read(5, n * 0x4'0000 + 16)), 100U + n);
    }
    EXPECT_NE(m.write(5, 2 * 0x4'0000, 1).status, ok) << "read only";
    EXPECT_EQ(m.get(reg::AVS1), avs1::AV.make(1) | avs1::APV.make(violation::update_denied) | avs1::LIODN.make(5));
    EXPECT_EQ(m.get(reg::AVS2), avs2::IOE.make(0x81) | avs2::SECONDARY.make(1) | avs2::SUBWINDOW.make(2));
    EXPECT_EQ(m.get(reg::POEAL), spaact + 11 * paace::bytes);
}

// Base and limit: an entry counts only if all of it is before the limit.
TEST(pamu, tables_end_at_their_limits) {
    machine m;
    m.primary(primaries - 1, primary_entry(0, 30, 0));
    m.primary(primaries, primary_entry(0, 30, 0));
    m.primary(1, divided_entry(0, 30, 1, secondaries - 1, 0, 29));
    m.primary(2, divided_entry(0, 30, 1, secondaries, 0, 29));
    m.secondary(secondaries - 1, secondary_entry(1, 0, 29));
    m.secondary(secondaries, secondary_entry(2, 0, 29));
    m.start();
    EXPECT_EQ(m.read(primaries - 1, data).status, ok);
    EXPECT_NE(m.read(primaries, data).status, ok);
    EXPECT_EQ(m.get(reg::AVS1), avs1::AV.make(1) | 0x400U | avs1::LIODN.make(primaries));
    m.set(reg::AVS1, avs1::mask);
    EXPECT_EQ(m.read(1, 0x2000'0000).status, ok);
    EXPECT_NE(m.read(2, 0x2000'0000).status, ok);
    EXPECT_EQ(m.get(reg::AVS1), avs1::AV.make(1) | avs1::LAV.make(violation::not_in_spaact) | avs1::LIODN.make(2));
    m.set(reg::AVS1, avs1::mask);
    EXPECT_NE(m.read(0x1000, data).status, ok) << "beyond the largest LIODN";
}

TEST(pamu_violation, the_first_is_kept_and_raises_the_interrupt_until_it_is_cleared) {
    machine m;
    m.start();
    EXPECT_NE(m.write(9, 0x3'1234'5678 & ~7ULL, 1).status, ok);
    EXPECT_EQ(m.get(reg::PICS), pics::ACCESS_VIOLATION_ENABLE.make(1) | pics::ACCESS_VIOLATION_STAT.make(1));
    EXPECT_TRUE(m.wires[0]->read());
    EXPECT_EQ(m.get(reg::AVAH), 3U);
    EXPECT_EQ(m.get(reg::AVAL), 0x1234'5678U);
    EXPECT_EQ(m.get(reg::POEAL), ppaact + 9 * paace::bytes);
    EXPECT_EQ(m.get(reg::UDAD), 1U);
    EXPECT_NE(m.read(10, 0).status, ok);
    EXPECT_EQ(avs1::LIODN.of(m.get(reg::AVS1)), 9U);
    EXPECT_EQ(m.counted("violations_lost"), 1U);
    m.set(reg::AVS1, m.get(reg::AVS1) & avs1::mask);
    m.settle();
    EXPECT_EQ(m.get(reg::AVS1), avs1::LIODN.make(9));
    EXPECT_FALSE(m.wires[0]->read());
    EXPECT_EQ(m.get(reg::PICS), pics::ACCESS_VIOLATION_ENABLE.make(1));
    m.set(reg::PICS, 0);
    EXPECT_NE(m.read(10, 0).status, ok);
    m.settle();
    EXPECT_FALSE(m.wires[0]->read()) << "not enabled";
}

TEST(pamu_operation, is_looked_up_in_the_table_and_its_attributes_go_along) {
    machine m;
    auto e = primary_entry(0, 30, 0);
    paace::OTM.put(e, paace::indexed);
    paace::OMI.put(e, 2);
    paace::CID.put(e, 0x21);
    m.primary(1, e);
    paace::OMI.put(e, mappings);
    m.primary(2, e);
    m.mapping(2, ioe::write, eoe::write_stash_allocate);
    m.start();
    EXPECT_EQ(m.write(1, data, 1).status, ok);
    EXPECT_EQ(m.counted("stashing"), 1U);
    const std::optional<translation> t =
        m.model.probe({.address = data, .length_bytes = 8, .source_id = 1, .write = true});
    ASSERT_TRUE(t);
    EXPECT_EQ(t->attributes, 0x2100U | eoe::write_stash_allocate);
    EXPECT_FALSE(t->allowed & rights::reads) << "reads are not mapped";
    EXPECT_NE(m.read(1, data).status, ok);
    EXPECT_EQ(m.get(reg::AVS1), avs1::AV.make(1) | avs1::OTV.make(violation::operation_unmapped) | avs1::LIODN.make(1));
    m.set(reg::AVS1, avs1::mask);
    EXPECT_NE(m.write(2, data, 1).status, ok);
    EXPECT_EQ(m.get(reg::AVS1), avs1::AV.make(1) | avs1::OTV.make(violation::operation_index) | avs1::LIODN.make(2));
}

TEST(pamu_error, an_entry_that_cannot_be_read_is_told_of) {
    machine m;
    m.start();
    m.set(reg::PPBAH, 0xe); // no memory there
    m.set(reg::PPLAH, 0xe);
    EXPECT_NE(m.read(1, data).status, ok);
    EXPECT_EQ(m.get(reg::POES1), poes1::PPAACE_READ.make(1));
    EXPECT_EQ(m.get(reg::POES2), 1U);
    EXPECT_EQ(m.get(reg::POEAH), 0xeU);
    EXPECT_TRUE(avs1::PDV.of(m.get(reg::AVS1)));
    EXPECT_TRUE(m.wires[1]->read());
    m.set(reg::POES1, 7);
    m.settle();
    EXPECT_FALSE(m.wires[1]->read());
}

TEST(pamu_error, flipped_bits_in_the_cache_are_corrected_or_the_entry_is_fetched_again) {
    machine m;
    m.primary(1, primary_entry(0, 30, 0));
    m.start();
    m.set(reg::EEINTEN, eedet::SINGLE_BIT.make(1) | eedet::MULTI_BIT.make(1));
    m.set(reg::EECTL, eectl::THRESHOLD.make(2));
    EXPECT_EQ(m.read(1, data).status, ok);
    const std::uint64_t reads = m.counted("table_reads");
    m.unit().upset(true);
    EXPECT_EQ(m.read(1, data).status, ok);
    EXPECT_EQ(m.get(reg::EEDET), 0U) << "below the threshold";
    m.unit().upset(true);
    EXPECT_EQ(m.read(1, data).status, ok);
    EXPECT_EQ(m.counted("table_reads"), reads);
    EXPECT_EQ(m.get(reg::EEDET), eedet::SINGLE_BIT.make(1));
    EXPECT_EQ(m.get(reg::EEATTR), 1U);
    EXPECT_EQ(m.get(reg::EEALO), ppaact + paace::bytes);
    EXPECT_TRUE(m.wires[1]->read());
    m.set(reg::EEDET, 0xffff'ffff);
    m.unit().upset(false);
    EXPECT_EQ(m.read(1, data).status, ok);
    EXPECT_EQ(m.counted("table_reads"), reads + 1);
    EXPECT_EQ(m.get(reg::EEDET), eedet::MULTI_BIT.make(1));
    m.unit().upset(false);
    EXPECT_EQ(m.read(1, data).status, ok);
    EXPECT_TRUE(eedet::MULTIPLE.of(m.get(reg::EEDET)));
}

// --- caches

TEST(pamu_cache, is_direct_mapped_by_LIODN) {
    machine m;
    for (const std::uint32_t liodn : {1U, 2U, 33U})
        m.primary(liodn, primary_entry(0, 30, 0));
    m.start();
    const auto hits_of = [&](std::initializer_list<std::uint32_t> order) {
        const std::uint64_t before = m.counted("primary_hits");
        for (const std::uint32_t liodn : order)
            m.read(liodn, data);
        return m.counted("primary_hits") - before;
    };
    EXPECT_EQ(hits_of({1, 2, 1, 2, 1, 2}), 4U);
    EXPECT_EQ(hits_of({1, 33, 1, 33, 1, 33}), 1U) << "32 lines: these two drive each other out";
}

// Rule: what software writes is seen without any command: caches snoop.
TEST(pamu_cache, sees_what_software_changes) {
    machine m;
    m.primary(1, primary_entry(0, 30, 0));
    m.start();
    EXPECT_EQ(m.read(1, data).status, ok);
    EXPECT_EQ(m.read(1, data).status, ok);
    auto off = primary_entry(0, 30, 0);
    paace::V.put(off, 0);
    m.primary(1, off);
    EXPECT_NE(m.read(1, data).status, ok);
    EXPECT_EQ(m.counted("snooped"), 1U);
    m.primary(1, primary_entry(0, 26, 0x800'0000));
    m.poke(data + 0x800'0000, 8);
    EXPECT_EQ(machine::value_of(m.read(1, data)), 8U);
}

TEST(pamu_cache, that_does_not_snoop_keeps_an_entry_until_it_is_switched_off) {
    pamu_parameters p;
    p.snoops = false;
    machine m(p);
    m.primary(1, primary_entry(0, 30, 0));
    m.start();
    EXPECT_EQ(m.read(1, data).status, ok);
    m.primary(1, {});
    EXPECT_EQ(m.read(1, data).status, ok) << "stale";
    m.set(reg::PC, pc::PE.make(1));
    EXPECT_NE(m.read(1, data).status, ok);
    const std::uint64_t looked = m.counted("primary_lookups");
    m.read(1, data);
    EXPECT_EQ(m.counted("primary_lookups"), looked) << "not cached";
}

// --- time

TEST(pamu_latency, a_hit_costs_the_cache_and_a_miss_the_fetch) {
    machine m;
    m.primary(5, divided_entry(0, 20, 2, 10, data, 18));
    m.secondary(10, secondary_entry(5, data, 18));
    m.start();
    time_sheet last;
    m.model.on_access([&](const answered_access& done) { last = done.sheet; });
    const std::uint64_t look_up = m.own.primary_cache.latency_cycles * m.own.clock_period_ps;
    m.read(5, 0);
    EXPECT_EQ(last.part_ps(time_part::configuration), look_up);
    EXPECT_GE(last.part_ps(time_part::configuration_fetch), 50'000U);
    EXPECT_EQ(last.part_ps(time_part::walk_level_0), 0U);
    m.read(5, 0x4'0000); // the subwindow's own entry
    EXPECT_EQ(last.part_ps(time_part::configuration_fetch), 0U);
    EXPECT_EQ(last.part_ps(time_part::walk_cache), look_up);
    EXPECT_GE(last.part_ps(time_part::walk_level_0), 50'000U);
    m.read(5, 0x4'0000);
    EXPECT_EQ(last.part_ps(time_part::configuration) + last.part_ps(time_part::walk_cache), 2 * look_up);
    EXPECT_EQ(last.part_ps(time_part::walk_level_0), 0U);
    m.model.on_access({});
}

TEST(pamu_latency, misses_of_one_page_are_fetched_once) {
    machine m(with_ports(4));
    m.primary(1, primary_entry(0, 30, 0));
    m.start();
    std::array<harness::device_access, 4> all;
    for (unsigned n = 0; n < 4; ++n) {
        all[n].source_id = 1;
        all[n].address = data + 64 * n;
        all[n].data.resize(8);
        m.devices[n]->issue(all[n]);
    }
    ASSERT_TRUE(m.settle());
    for (const auto& a : all)
        EXPECT_EQ(a.status, ok);
    EXPECT_EQ(m.counted("table_reads"), 1U);
    EXPECT_EQ(m.counted("merged_misses"), 3U);
    EXPECT_EQ(m.violations(), "");
}

TEST(pamu_modes, agree_on_what_is_translated) {
    machine m;
    m.primary(1, primary_entry(0x4000'0000, 20, data));
    m.start();
    m.poke(data + 0x10, 77);
    for (const std::uint64_t address : {0x4000'0010ULL, 0x4010'0000ULL}) {
        harness::device_access loose{.source_id = 1, .address = address, .data = std::vector<unsigned char>(8)};
        harness::device_access debug = loose;
        const auto timed = m.read(1, address);
        m.devices[0]->transport(loose);
        EXPECT_EQ(loose.status, timed.status);
        EXPECT_EQ(loose.data, timed.data);
        const std::uint64_t violations = m.counted("violations"), looked = m.counted("primary_lookups");
        EXPECT_EQ(m.devices[0]->look(debug), timed.status == ok ? 8U : 0U);
        EXPECT_EQ(m.counted("violations"), violations) << "debug leaves no trace";
        EXPECT_EQ(m.counted("primary_lookups"), looked);
    }
    tlm::tlm_generic_payload p;
    tlm::tlm_dmi dmi;
    p.set_address(0x4000'0000);
    EXPECT_FALSE(m.devices[0]->socket->get_direct_mem_ptr(p, dmi)) << "nobody would take it back";
}

// Property: software rewrites entries while accesses go on; each lands where the entry said, or nowhere.
TEST(pamu_property, an_access_lands_where_its_entry_says_or_nowhere) {
    machine m;
    m.start();
    std::mt19937_64 random(11);
    std::map<std::uint32_t, paace::words> entries;
    unsigned landed = 0;
    for (unsigned n = 0; n < 3000; ++n) {
        const auto liodn = static_cast<std::uint32_t>(random() % 40);
        if (random() % 2) {
            auto e =
                primary_entry((random() % 4) << 20, 16 + random() % 6, data + ((random() % 16) << 22), random() % 4);
            paace::V.put(e, random() % 5 != 0);
            entries[liodn] = e;
            m.primary(liodn, e);
            continue;
        }
        const std::uint64_t address = (random() % 0x60'0000) & ~std::uint64_t{7}, value = random();
        access a;
        a.address = address;
        a.write = true;
        window w;
        translation t;
        const bool may =
            entries.contains(liodn) && !locate(entries[liodn], address, 8, w) && !authorize(entries[liodn], w, a, t);
        EXPECT_EQ(m.write(liodn, address, value).status == ok, may);
        if (may) {
            ++landed;
            EXPECT_EQ(m.ddr.store().read_u64(t.output(address)), value);
        }
    }
    EXPECT_GT(landed, 20U);
    EXPECT_EQ(m.violations(), "");
}

TEST(pamu, at_reset_no_access_goes_around_the_end_of_the_address_space) {
    harness::iommu_machine m("m", harness::maker_of<pamu>(pamu_parameters()), 1,
                             {{0, 0x10'0000, "bottom"}, {0xffff'ffff'ffff'0000, 0x1'0000, "top"}});
    harness::expect_that_nothing_wraps(m, 1);
}

TEST(pamu, LIODNs_are_not_cut) {
    machine m;
    m.start();
    m.primary(1, primary_entry(data, 12, data));
    harness::device_access a{.source_id = 1, .address = data, .data = std::vector<unsigned char>(8)};
    harness::device_access wide = a;
    wide.source_id = 0x1'0001;
    harness::expect_that_names_are_not_cut(m, a, {wide});
    EXPECT_EQ(m.get(reg::AVS1), 0U) << "there is no LIODN to record";
}

} // namespace
} // namespace iommulab::pamu
