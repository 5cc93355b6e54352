// SPDX-License-Identifier: Apache-2.0
// The PAMU driver over fakes: set-up, the steps of attaching a LIODN, PCI controllers, stashing, violations, failures.
// Rules: drivers/iommu/fsl_pamu.c and fsl_pamu_domain.c of Linux 6.1.
#include "models/pamu/spec/paace.h"
#include "models/pamu/spec/registers.h"
#include "sw/drivers/fsl_pamu/failures.h"
#include "sw/drivers/fsl_pamu/pamu_driver.h"
#include "testbenches/harness/driver_bench.h"

#include <array>

namespace iommulab::sw::fsl_pamu {
namespace {

using namespace iommulab::pamu;
using harness::driver_bench;
using harness::fake_registers;

std::unique_ptr<fake_registers> fake_pamu() {
    return std::make_unique<fake_registers>(iommulab::pamu::registers());
}

struct bench : driver_bench {
    explicit bench(rule_set rules = rule_set::v6_2, unsigned units_wanted = 1) : driver_bench(description(), rules) {
        for (unsigned n = 0; n < units_wanted; ++n)
            EXPECT_TRUE(add_unit(fake_pamu()));
    }
    ~bench() { kernel.power_off(); }
    fake_registers& unit(std::size_t n = 0) { return static_cast<fake_registers&>(*units[n]); }
    pamu_driver& pamus() { return static_cast<pamu_driver&>(driver); }
    std::uint64_t get(std::size_t n, const register_declaration& r) { return unit(n).bank.get(r); }
    std::uint64_t table(std::size_t n = 0) { return get(n, reg::PPBAH) << 32 | get(n, reg::PPBAL); }
    paace::words entry(std::uint32_t liodn) {
        paace::words w{};
        for (unsigned n = 0; n < w.size(); ++n)
            w[n] = machine.peek64(table() + liodn * paace::bytes + 8 * n);
        return from_memory(w);
    }
    std::uint8_t mapping(std::uint32_t index, unsigned operation) {
        std::uint8_t byte = 0;
        machine.peek((get(0, reg::OBAH) << 32 | get(0, reg::OBAL)) + index * ome::bytes + operation, &byte, 1);
        return byte;
    }
    device& platform_device(const std::string& name, std::vector<std::uint32_t> liodns, device_description d = {}) {
        d.pci = false;
        return add_device(name, std::move(liodns), std::move(d));
    }
};

// --- the failures

struct pamu_row : testing::TestWithParam<std::tuple<std::size_t, rule_set>> {};

const provocation& case_of(std::size_t n) {
    return description().provocations()[n];
}

TEST_P(pamu_row, is_as_the_table_says) {
    const provocation& p = case_of(std::get<0>(GetParam()));
    const rule_set rules = std::get<1>(GetParam());
    const auto make = [](harness::fake_cpu&, const provoking_unit&) { return fake_pamu(); };
    if (row_named(failures(), p.row)->outcome(rules).what == disposition::crashes)
        EXPECT_THROW(harness::expect_row(description(), p, rules, make), kernel_crash);
    else
        harness::expect_row(description(), p, rules, make);
}

INSTANTIATE_TEST_SUITE_P(all, pamu_row,
                         testing::Combine(testing::Range(std::size_t{0}, description().provocations().size()),
                                          testing::ValuesIn(all_rule_sets)),
                         [](const auto& one) {
                             return harness::row_case_name(case_of(std::get<0>(one.param)), std::get<1>(one.param));
                         });

TEST(pamu_rows, are_all_provoked_or_said_to_be_unreachable) {
    harness::expect_all_rows_provoked(description());
}

// Not in the series: an errno that Linux never had. The series changed three sites of this driver, all of patch 4.
TEST(pamu_rows, differ_between_rule_sets_as_the_series_says) {
    for (const failure_row& r : failures()) {
        const bool changed = r.outcome(rule_set::v6_0) != r.outcome(rule_set::v6_2);
        EXPECT_EQ(changed, std::string(r.patch) == "P4") << r.id;
        EXPECT_EQ(r.outcome(rule_set::einval_v5), r.outcome(rule_set::v6_2)) << r.id;
        if (changed) {
            EXPECT_EQ(r.outcome(rule_set::v6_0).number, linux_errno::einval);
            EXPECT_EQ(r.outcome(rule_set::v6_2).number, linux_errno::enodev);
        }
    }
}

// --- set-up

TEST(pamu_start, gives_all_pamus_the_same_tables) {
    bench b(rule_set::v6_2, 5);
    for (std::size_t n = 0; n < 5; ++n) {
        EXPECT_EQ(b.table(n), b.table(0));
        EXPECT_EQ((b.get(n, reg::PPLAH) << 32 | b.get(n, reg::PPLAL)) - b.table(n), 0x500U * 64);
        const auto pair = [&](const register_declaration& h, const register_declaration& l) {
            return b.get(n, h) << 32 | b.get(n, l);
        };
        EXPECT_EQ(pair(reg::SPLAH, reg::SPLAL) - pair(reg::SPBAH, reg::SPBAL), 0x800U * 64);
        EXPECT_EQ(pair(reg::OLAH, reg::OLAL) - pair(reg::OBAH, reg::OBAL), 16U * 128);
        EXPECT_EQ(pair(reg::SPBAH, reg::SPBAL) - b.table(n), 0x2'0000U) << "each part is a power of two of pages";
        EXPECT_EQ(pair(reg::OBAH, reg::OBAL) - b.table(n), 0x4'0000U);
        EXPECT_EQ(b.get(n, reg::PC), 0x4000'1011U);
        EXPECT_EQ(b.get(n, reg::PICS), 4U);
        EXPECT_EQ(b.get(n, reg::PAMUBYPENR), 0U);
    }
    EXPECT_EQ(b.table() % 0x8'0000, 0U) << "the block is aligned to its size";
}

TEST(pamu_start, maps_operations_for_each_kind_of_device) {
    bench b;
    EXPECT_EQ(b.mapping(0, ioe::read), 0x80);
    EXPECT_EQ(b.mapping(0, ioe::enhanced_write0), 0x9d);
    EXPECT_EQ(b.mapping(0, ioe::directive1), 0x92);
    EXPECT_EQ(b.mapping(1, ioe::read), 0x98);
    EXPECT_EQ(b.mapping(2, ioe::enhanced_write0), 0x9b);
    EXPECT_EQ(b.mapping(3, ioe::write), 0x81);
    EXPECT_EQ(b.mapping(3, ioe::enhanced_read0), 0) << "not allowed";
}

TEST(pamu_start, without_interrupt_or_memory_leaves_the_pamus_bypassed_and_registered) {
    for (const bool memory : {false, true}) {
        driver_bench b(description());
        instance_firmware f;
        if (memory)
            b.kernel.injection().nth("pamu.tables.alloc", 1);
        else
            f.properties["no-interrupt"] = 1;
        auto fake = fake_pamu();
        fake_registers& unit = *fake;
        ASSERT_TRUE(b.add_unit(std::move(fake), f));
        EXPECT_EQ(b.kernel.raised().back().row, memory ? &row::table_memory : &row::no_interrupt);
        EXPECT_TRUE(unit.accesses.empty());
        device& dev = b.add_device("dev", {1});
        EXPECT_TRUE(dev.in_group) << "devices are taken all the same";
        auto d = b.core->allocate_domain(dev);
        EXPECT_EQ(b.core->attach_device(*d, dev).error().row, &row::no_entry_to_disable);
        EXPECT_EQ(b.log.count(log_level::debug), 3U);
        b.kernel.power_off();
    }
}

TEST(pamu_start, LIODNs_of_devices_are_open_before_anybody_attaches_them) {
    bench b;
    b.platform_device("dma", {0x10});
    b.platform_device("portal", {0x20}, {.properties = {{"qman-portal", 1}}});
    b.platform_device("qman", {0x21}, {.properties = {{"qman", 1}}});
    const auto open = b.entry(0x10);
    EXPECT_EQ(paace::V.of(open), 1U);
    EXPECT_EQ(paace::WSE.of(open), 35U);
    EXPECT_EQ(paace::ATM.of(open), paace::untranslated);
    EXPECT_EQ(paace::AP.of(open), paace::all);
    EXPECT_EQ(paace::CR.of(open), 1U);
    EXPECT_EQ(paace::OTM.of(b.entry(0x20)), paace::indexed);
    EXPECT_EQ(paace::OMI.of(b.entry(0x20)), 0U);
    EXPECT_EQ(paace::OMI.of(b.entry(0x21)), 2U);
    EXPECT_EQ(paace::CR.of(b.entry(0x21)), 0U);
    EXPECT_EQ(paace::V.of(b.entry(0x11)), 0U);
    // a platform device without LIODN has no group; a LIODN beyond the table is passed over
    EXPECT_FALSE(b.platform_device("none", {}).in_group);
    EXPECT_EQ(b.core->probe_errors().back().why.row, &row::device_without_group);
    EXPECT_TRUE(b.platform_device("far", {0x500}).in_group);
}

// --- attach

TEST(pamu_attach, opens_a_window_of_64_GB_onto_itself) {
    bench b;
    device& dev = b.platform_device("dma", {0x10, 0x11});
    auto d = b.core->allocate_domain(dev);
    ASSERT_TRUE(b.core->attach_device(*d, dev));
    for (const std::uint32_t liodn : {0x10U, 0x11U}) {
        const auto e = b.entry(liodn);
        EXPECT_EQ(paace::V.of(e), 1U);
        EXPECT_EQ(paace::WSE.of(e), 35U);
        EXPECT_EQ(paace::WBAL.of(e) | paace::WBAH.of(e) | paace::TWBAL.of(e) | paace::TWBAH.of(e), 0U);
        EXPECT_EQ(paace::ATM.of(e), paace::window);
        EXPECT_EQ(paace::AP.of(e), paace::query | paace::update);
        EXPECT_EQ(paace::MW.of(e), 0U);
    }
    EXPECT_EQ(iova_to_phys(*d, 0xf'ffff'ffff), 0xf'ffff'ffffU);
    EXPECT_EQ(iova_to_phys(*d, 0x10'0000'0000), 0U);
    EXPECT_EQ(errno_of(map(b.kernel, *d, 0x1000, 0x1000, 0x1000, {.read = true})), linux_errno::enodev)
        << "nothing can be mapped";
    b.core->detach_device(*d, dev);
    EXPECT_EQ(paace::V.of(b.entry(0x10)), 0U);
    EXPECT_EQ(paace::V.of(b.entry(0x11)), 0U);
}

TEST(pamu_attach, rolls_nothing_back) {
    bench b;
    device& dev = b.platform_device("dma", {0x10, 0x500});
    auto d = b.core->allocate_domain(dev);
    EXPECT_EQ(b.core->attach_device(*d, dev).error().row, &row::liodn_range);
    EXPECT_EQ(paace::V.of(b.entry(0x10)), 1U) << "the first LIODN is on the domain whose attach failed";
    EXPECT_EQ(paace::ATM.of(b.entry(0x10)), paace::window);
    EXPECT_EQ(static_cast<pamu_domain&>(*d).liodns(), 1U);
}

TEST(pamu_attach, moves_a_device_from_its_old_domain) {
    bench b;
    device& dev = b.platform_device("dma", {0x10});
    auto first = b.core->allocate_domain(dev), second = b.core->allocate_domain(dev);
    ASSERT_TRUE(first->attach_dev(dev));
    ASSERT_TRUE(second->attach_dev(dev));
    EXPECT_EQ(static_cast<pamu_domain&>(*first).liodns(), 0U);
    EXPECT_EQ(static_cast<pamu_domain&>(*second).liodns(), 1U);
    first.reset();
    EXPECT_EQ(paace::V.of(b.entry(0x10)), 1U);
    second.reset();
    EXPECT_EQ(paace::V.of(b.entry(0x10)), 0U) << "a domain that goes takes its LIODNs along";
}

TEST(pamu_attach, of_a_PCI_device_means_its_controller) {
    bench b;
    device &first = b.add_device("fn0", {0x30}, {.isolation = "pci1"}),
           &second = b.add_device("fn1", {0x30}, {.isolation = "pci1"});
    ASSERT_EQ(first.in_group, second.in_group);
    auto d = b.core->allocate_domain(first);
    ASSERT_TRUE(b.core->attach_group(*d, *first.in_group));
    EXPECT_EQ(static_cast<pamu_domain&>(*d).liodns(), 2U) << "noted for each, though there is one LIODN";
    d->detach_dev(first);
    EXPECT_EQ(paace::V.of(b.entry(0x30)), 0U) << "for the other function as well";
    EXPECT_EQ(static_cast<pamu_domain&>(*d).liodns(), 0U);
}

// Reuse by claim: the driver has no blocked domains, and an empty one of its own lets everything pass.
TEST(pamu_claim, blocks_nothing) {
    bench b;
    device& dev = b.platform_device("dma", {0x10});
    const int owner = 0;
    ASSERT_TRUE(b.core->claim(*dev.in_group, &owner));
    EXPECT_EQ(paace::V.of(b.entry(0x10)), 1U);
    EXPECT_EQ(paace::AP.of(b.entry(0x10)), paace::all);
    b.core->release_claim(*dev.in_group);
    EXPECT_EQ(paace::V.of(b.entry(0x10)), 0U);
}

// --- stashing

TEST(pamu_stash, goes_into_the_entries_of_a_domain_at_once_and_of_later_devices) {
    bench b;
    device &first = b.platform_device("a", {0x10}), &second = b.platform_device("b", {0x11});
    auto d = b.core->allocate_domain(first);
    ASSERT_TRUE(b.core->attach_device(*d, first));
    auto& window = static_cast<pamu_domain&>(*d);
    ASSERT_TRUE(window.stash_into(3));
    EXPECT_EQ(paace::CID.of(b.entry(0x10)), 38U);
    ASSERT_TRUE(b.core->attach_device(*d, second));
    EXPECT_EQ(paace::CID.of(b.entry(0x11)), 38U);
    const auto r = window.stash_into(8);
    EXPECT_EQ(errno_of(r), linux_errno::einval);
    EXPECT_EQ(r.error().row, &row::no_stash_id);
    b.core->detach_device(*d, first);
    b.core->detach_device(*d, second);
}

TEST(pamu_domains, are_unmanaged_alone_and_coherent) {
    bench b;
    device& dev = b.platform_device("dma", {0x10});
    for (const domain_type type : {domain_type::blocked, domain_type::identity, domain_type::dma, domain_type::dma_fq})
        EXPECT_EQ(b.core->allocate_domain(dev, type), nullptr);
    EXPECT_TRUE(b.core->capable(dev, capability::cache_coherency));
    auto d = b.core->allocate_domain(dev);
    EXPECT_EQ(d->aperture_last(), 0xf'ffff'ffffU);
    EXPECT_EQ(d->page_sizes(), 0U);
}

} // namespace
} // namespace iommulab::sw::fsl_pamu
