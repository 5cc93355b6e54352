// SPDX-License-Identifier: Apache-2.0
// The GART of Tegra20 in simulation: its registers, what is translated and what passes, errors and their interrupt, the
// time of a look-up, posted writes. Rules: Tegra 2 TRM, "Memory Controller".
#include "models/gart/gart.h"
#include "testbenches/harness/iommu_maker.h"
#include "testbenches/harness/payload_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace iommulab::gart {
namespace {

using harness::device_access;
constexpr std::uint64_t aperture = 0x5800'0000, aperture_bytes = 32 << 20, page = 0x1000;
constexpr auto ok = tlm::TLM_OK_RESPONSE;

gart_parameters with_ports(unsigned ports) {
    gart_parameters p;
    p.ports = ports;
    return p;
}

struct machine : harness::iommu_machine {
    explicit machine(const gart_parameters& p = {})
        : iommu_machine("machine", harness::maker_of<gart>(p), p.ports, {{0, 0x4000'0000, "ram"}}), own(p) {}
    gart_parameters own;

    void set_entry(std::uint64_t iova, std::uint64_t entry) {
        set(reg::GART_ENTRY_ADDR, iova);
        set(reg::GART_ENTRY_DATA, entry);
    }
    void map(std::uint64_t iova, std::uint64_t to) { set_entry(iova, entry_data::PHYS_ADDR_VALID.make(1) | to); }
    std::uint64_t entry(std::uint64_t iova) {
        set(reg::GART_ENTRY_ADDR, iova);
        return get(reg::GART_ENTRY_DATA);
    }
    void enable(bool on = true) {
        set(reg::GART_CONFIG, on);
        get(reg::GART_CONFIG);
    }
    void poke(std::uint64_t address, std::uint64_t value) { ddr.store().write_u64(address, value); }
};

TEST(gart_registers, have_the_offsets_of_the_memory_controller) {
    const std::map<std::string, std::uint32_t> known{{"INTSTATUS", 0x00},
                                                     {"INTMASK", 0x04},
                                                     {"GART_CONFIG", 0x24},
                                                     {"GART_ENTRY_ADDR", 0x28},
                                                     {"GART_ENTRY_DATA", 0x2c},
                                                     {"GART_ERROR_REQ", 0x30},
                                                     {"GART_ERROR_ADDR", 0x34},
                                                     {"DECERR_EMEM_OTHERS_STATUS", 0x58},
                                                     {"DECERR_EMEM_OTHERS_ADR", 0x5c}};
    std::map<std::string, std::uint32_t> declared;
    for (const register_declaration& r : registers()) {
        declared[r.name] = r.offset;
        EXPECT_EQ(r.reset, 0U) << r.name;
        EXPECT_EQ(r.bytes, 4) << r.name;
    }
    EXPECT_EQ(declared, known);
}

TEST(gart_registers, writes_change_the_fields_alone) {
    machine m;
    const std::map<const register_declaration*, std::uint64_t> kept{{&reg::INTMASK, 0x1c0},
                                                                    {&reg::GART_CONFIG, 1},
                                                                    {&reg::GART_ENTRY_ADDR, 0x01ff'f000},
                                                                    {&reg::GART_ENTRY_DATA, 0xffff'f000},
                                                                    {&reg::INTSTATUS, 0},
                                                                    {&reg::GART_ERROR_REQ, 0},
                                                                    {&reg::GART_ERROR_ADDR, 0},
                                                                    {&reg::DECERR_EMEM_OTHERS_STATUS, 0},
                                                                    {&reg::DECERR_EMEM_OTHERS_ADR, 0}};
    for (const auto& [r, value] : kept) {
        m.set(*r, 0xffff'ffff);
        EXPECT_EQ(m.get(*r), value) << r->name;
    }
    EXPECT_EQ(m.violations(), "");
}

TEST(gart_registers, ENTRY_DATA_is_the_entry_that_ENTRY_ADDR_names) {
    machine m;
    m.set_entry(aperture, 0x8000'1000);
    m.set_entry(aperture + aperture_bytes - page, 0x8000'2000);
    EXPECT_EQ(m.entry(aperture), 0x8000'1000U);
    EXPECT_EQ(m.entry(aperture + page), 0U);
    EXPECT_EQ(m.entry(aperture + aperture_bytes - page), 0x8000'2000U);
    EXPECT_EQ(m.entry(0x01ff'f000), 0x8000'2000U) << "the address' low 25 bits will do";
}

TEST(gart, a_mapped_page_is_read_and_written_and_its_neighbours_are_not) {
    machine m;
    m.map(aperture + page, 0x10'0000);
    m.enable();
    m.poke(0x10'0008, 42);
    EXPECT_EQ(machine::value_of(m.read(1, aperture + page + 8)), 42U);
    EXPECT_EQ(m.write(1, aperture + page + 0xff8, 43).status, ok);
    EXPECT_EQ(m.ddr.store().read_u64(0x10'0ff8), 43U);
    EXPECT_NE(m.read(1, aperture).status, ok);
    EXPECT_NE(m.read(1, aperture + 2 * page).status, ok);
    EXPECT_NE(m.write(1, aperture + page + 0xffc, 1).status, ok) << "half of it is on the next page";
    EXPECT_EQ(m.violations(), "");
}

TEST(gart, outside_of_the_aperture_everything_passes_as_it_is) {
    for (const bool on : {false, true}) {
        static machine m;
        m.enable(on);
        for (const std::uint64_t address : {0x0ULL, 0x3fff'fff8ULL}) {
            m.poke(address, address + 7);
            EXPECT_EQ(machine::value_of(m.read(1, address)), address + 7);
        }
        // no memory there: the bus says so, the GART does not
        EXPECT_EQ(m.read(1, aperture - 8).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
        EXPECT_EQ(m.read(1, aperture + aperture_bytes).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
        EXPECT_EQ(m.counted("faults"), 0U);
    }
}

TEST(gart, what_is_said_of_a_page_that_passes_never_covers_the_aperture) {
    machine m;
    m.enable();
    std::mt19937_64 random(1);
    for (unsigned n = 0; n < 2000; ++n) {
        access a;
        a.address = random() >> (random() % 40);
        a.length_bytes = 8;
        const std::optional<translation> t = m.model.probe(a);
        if (a.address - aperture < aperture_bytes) {
            EXPECT_FALSE(t);
            continue;
        }
        ASSERT_TRUE(t);
        EXPECT_TRUE(t->covers(a.address));
        EXPECT_EQ(t->output(a.address), a.address);
        const std::uint64_t first = t->input_base, last = first + t->offset_mask();
        EXPECT_TRUE(last < aperture || first >= aperture + aperture_bytes) << std::hex << a.address;
    }
}

TEST(gart, while_translation_is_off_the_aperture_is_no_memory) {
    machine m;
    m.map(aperture, 0x10'0000);
    m.set(reg::INTMASK, 0x1c0);
    EXPECT_NE(m.write(5, aperture + 0x20, 1).status, ok);
    EXPECT_EQ(m.get(reg::INTSTATUS), interrupt::DECERR_EMEM.make(1));
    EXPECT_EQ(m.get(reg::DECERR_EMEM_OTHERS_STATUS), decerr::CLIENT_ID.make(5) | decerr::WRITE.make(1));
    EXPECT_EQ(m.get(reg::DECERR_EMEM_OTHERS_ADR), aperture + 0x20);
    EXPECT_TRUE(m.wires[0]->read());
    m.enable();
    EXPECT_EQ(m.read(5, aperture + 0x20).status, ok);
}

TEST(gart, the_first_invalid_entry_is_kept_until_its_interrupt_is_cleared) {
    machine m;
    m.enable();
    EXPECT_NE(m.write(9, aperture + 0x3008, 1).status, ok);
    EXPECT_FALSE(m.wires[0]->read()) << "masked";
    m.set(reg::INTMASK, interrupt::INVALID_GART_PAGE.make(1));
    m.get(reg::INTMASK);
    m.settle();
    EXPECT_TRUE(m.wires[0]->read());
    EXPECT_EQ(m.get(reg::GART_ERROR_REQ), gart_error::DIRECTION.make(1) | gart_error::CLIENT_ID.make(9));
    EXPECT_EQ(m.get(reg::GART_ERROR_ADDR), aperture + 0x3008);
    EXPECT_NE(m.read(10, aperture).status, ok);
    EXPECT_EQ(m.get(reg::GART_ERROR_ADDR), aperture + 0x3008);
    EXPECT_EQ(m.counted("errors_lost"), 1U);
    m.set(reg::INTSTATUS, interrupt::INVALID_GART_PAGE.make(1));
    m.get(reg::INTSTATUS);
    m.settle();
    EXPECT_FALSE(m.wires[0]->read());
    EXPECT_NE(m.read(10, aperture).status, ok);
    EXPECT_EQ(m.get(reg::GART_ERROR_REQ), gart_error::CLIENT_ID.make(10));
}

TEST(gart, may_hide_refusals_from_its_clients) {
    gart_parameters p;
    p.refused = refusal::ignore;
    machine m(p);
    m.enable();
    m.poke(0, 1);
    const auto a = m.read(1, aperture);
    EXPECT_EQ(a.status, ok);
    EXPECT_EQ(machine::value_of(a), 0U);
    EXPECT_EQ(m.get(reg::INTSTATUS), interrupt::INVALID_GART_PAGE.make(1)) << "but not from software";
}

// One look-up of fixed time: the first access and the hundredth cost the same, alone.
TEST(gart_latency, is_the_same_for_every_page) {
    machine m;
    for (unsigned n = 0; n < 8; ++n)
        m.map(aperture + n * page, 0x10'0000 + n * page);
    m.enable();
    unsigned seen = 0;
    m.model.on_access([&](const answered_access& done) {
        EXPECT_EQ(done.how, access_outcome::miss) << "nothing remembers a translation";
        EXPECT_EQ(done.sheet.part_ps(time_part::own_table), m.own.entry_latency_cycles * m.own.clock_period_ps);
        EXPECT_EQ(done.sheet.part_ps(time_part::tlb) + done.sheet.part_ps(time_part::micro_tlb), 0U);
        ++seen;
    });
    for (unsigned n = 0; n < 24; ++n)
        m.read(1, aperture + n % 8 * page);
    EXPECT_EQ(seen, 24U);
    m.model.on_access({});
}

// The pipeline in front of the table: one look-up an initiation interval, whoever asks.
TEST(gart_latency, ports_share_the_table) {
    gart_parameters p = with_ports(4);
    p.entry_initiation_cycles = 10;
    machine m(p);
    m.map(aperture, 0x10'0000);
    m.enable();
    std::vector<std::uint64_t> waited;
    m.model.on_access([&](const answered_access& done) {
        waited.push_back(done.sheet.part_ps(time_part::own_table) / p.clock_period_ps);
    });
    std::array<harness::device_access, 4> all;
    for (unsigned n = 0; n < 4; ++n) {
        all[n].source_id = n;
        all[n].address = aperture + 64 * n;
        all[n].data.resize(8);
        m.devices[n]->issue(all[n]);
    }
    ASSERT_TRUE(m.settle());
    std::sort(waited.begin(), waited.end());
    EXPECT_EQ(waited, (std::vector<std::uint64_t>{2, 12, 22, 32}));
    EXPECT_EQ(m.violations(), "");
}

// --- posted writes

TEST(gart_posted, a_write_takes_effect_an_access_time_later_and_a_read_pushes_it) {
    machine m;
    m.enable();
    machine::run(1000);
    m.map(aperture, 0x10'0000); // both writes are on their way
    EXPECT_FALSE(m.model.probe({.address = aperture, .length_bytes = 8}));
    const std::uint64_t access_ns = m.own.register_cycles * m.own.clock_period_ps / 1000;
    machine::run(2 * access_ns - 3);
    EXPECT_FALSE(m.model.probe({.address = aperture, .length_bytes = 8}));
    EXPECT_FALSE(m.model.idle());
    machine::run(6); // a clock edge later at most
    EXPECT_TRUE(m.model.probe({.address = aperture, .length_bytes = 8}));
    EXPECT_TRUE(m.model.idle());
    m.set_entry(aperture, 0);
    m.get(reg::GART_CONFIG);
    EXPECT_FALSE(m.model.probe({.address = aperture, .length_bytes = 8}));
}

TEST(gart_posted, the_writer_waits_only_while_the_bridge_is_full) {
    machine m;
    const auto delay_of = [&](std::uint32_t offset, bool write) {
        tlm::tlm_generic_payload p;
        std::uint32_t value = 0;
        p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(offset);
        p.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
        p.set_data_length(4);
        p.set_streaming_width(4);
        sc_core::sc_time delay;
        m.cpu->b_transport(p, delay);
        EXPECT_EQ(p.is_response_ok(), offset % 4 == 0);
        return delay.value() / m.own.clock_period_ps;
    };
    m.get(reg::GART_CONFIG); // starts the simulation
    machine::run(1000);
    const std::uint64_t one = m.own.register_cycles;
    for (unsigned n = 0; n < m.own.posted_writes; ++n)
        EXPECT_EQ(delay_of(reg::INTMASK.offset, true), 0U);
    EXPECT_EQ(delay_of(reg::INTMASK.offset, true), one) << "until the first is delivered";
    EXPECT_EQ(delay_of(reg::GART_CONFIG.offset, false), (m.own.posted_writes + 2) * one) << "behind all five";
    EXPECT_EQ(delay_of(0x3, true), one) << "misaligned: answered, not posted";
}

// Direct memory pointers go with the entry that they came of.
TEST(gart_direct, pointers_are_taken_back_when_an_entry_or_the_enable_changes) {
    machine m;
    m.map(aperture, 0x10'0000);
    m.map(aperture + page, 0x20'0000);
    m.enable();
    const auto pointer_to = [&](std::uint64_t address) {
        tlm::tlm_generic_payload p;
        tlm::tlm_dmi dmi;
        p.set_address(address);
        p.set_command(tlm::TLM_READ_COMMAND);
        return m.devices[0]->socket->get_direct_mem_ptr(p, dmi);
    };
    EXPECT_TRUE(pointer_to(aperture));
    EXPECT_TRUE(pointer_to(aperture + page));
    const std::uint64_t before = m.counted("direct_revocations");
    m.set_entry(aperture, 0);
    m.get(reg::GART_CONFIG);
    EXPECT_EQ(m.counted("direct_revocations"), before + 1);
    EXPECT_FALSE(pointer_to(aperture));
    m.enable(false);
    EXPECT_EQ(m.counted("direct_revocations"), before + 2);
    EXPECT_FALSE(pointer_to(aperture + page));
}

// Property: under any sequence of entry writes, an access reaches the page of its entry, or nothing.
TEST(gart_property, an_access_lands_where_its_entry_says_or_nowhere) {
    gart_parameters p;
    p.entries = 16;
    machine m(p);
    m.enable();
    std::mt19937_64 random(7);
    std::map<std::uint64_t, std::uint64_t> model; // page -> output page
    for (unsigned n = 0; n < 400; ++n) {
        const std::uint64_t iova = aperture + random() % 16 * page;
        if (random() % 3 != 0) {
            const std::uint64_t to = random() % 64 * page;
            const bool valid = random() % 4 != 0;
            m.set_entry(iova, entry_data::PHYS_ADDR_VALID.make(valid) | to);
            m.get(reg::GART_CONFIG);
            model.erase(iova);
            if (valid)
                model[iova] = to;
            continue;
        }
        const std::uint64_t offset = random() % 512 * 8, value = random();
        const auto a = m.write(1, iova + offset, value);
        const auto place = model.find(iova);
        EXPECT_EQ(a.status == ok, place != model.end());
        if (place != model.end()) {
            EXPECT_EQ(m.ddr.store().read_u64(place->second + offset), value);
        }
    }
    EXPECT_EQ(m.violations(), "");
}

TEST(gart_modes, agree_on_what_is_translated) {
    machine m;
    m.map(aperture, 0x10'0000);
    m.enable();
    m.poke(0x10'0010, 77);
    for (const std::uint64_t address : {aperture + 0x10, aperture + page, std::uint64_t{0x10'0010}}) {
        harness::device_access loose{.source_id = 1, .address = address, .data = std::vector<unsigned char>(8)};
        harness::device_access debug = loose;
        const auto timed = m.read(1, address);
        const sc_core::sc_time took = m.devices[0]->transport(loose);
        EXPECT_EQ(loose.status, timed.status);
        EXPECT_EQ(loose.data == timed.data, true);
        EXPECT_EQ(m.devices[0]->look(debug), timed.status == ok ? 8U : 0U);
        if (timed.status == ok) {
            EXPECT_EQ(debug.data, timed.data);
            EXPECT_GE(took.value(), 50'000U);
        }
    }
}

TEST(gart, an_aperture_that_cannot_be_is_refused) {
    gart_parameters p;
    p.entries = 24;
    EXPECT_THROW(gart("odd", p), parameter_error);
    p.entries = 8192;
    p.aperture_base = 0x5810'0000;
    EXPECT_THROW(gart("crooked", p), parameter_error);
}

TEST(gart, no_access_goes_around_the_end_of_the_address_space) {
    harness::iommu_machine m("m", harness::maker_of<gart>(gart_parameters()), 1,
                             {{0, 0x10'0000, "bottom"}, {0xffff'ffff'ffff'0000, 0x1'0000, "top"}});
    harness::expect_that_nothing_wraps(m, 1);
}

TEST(gart, client_ids_are_not_cut) {
    machine m;
    m.map(aperture + page, 0x10'0000);
    m.enable();
    device_access a{.source_id = 1, .address = aperture + page, .data = std::vector<unsigned char>(8)};
    device_access wide = a;
    wide.source_id = 0x41;
    harness::expect_that_names_are_not_cut(m, a, {wide});
}

} // namespace
} // namespace iommulab::gart
