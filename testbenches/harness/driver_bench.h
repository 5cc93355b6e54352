// SPDX-License-Identifier: Apache-2.0
// A kernel with any driver, over fakes in the place of its IOMMUs; and the test that every row of its attach table is
// met as the table says.
#pragma once

#include "models/core/registers.h"
#include "sw/iommu/iommu_core.h"
#include "sw/iommu/mapping.h"
#include "sw/iommu/provocation.h"
#include "testbenches/harness/fake_cpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::harness {

/// Registers that do nothing but what their declarations say, and keep a record of how they were used.
class fake_registers : public fake_device {
  public:
    struct access {
        std::uint32_t offset = 0;
        std::uint64_t value = 0;
        bool write = false;
        friend bool operator==(const access&, const access&) = default;
    };
    explicit fake_registers(std::span<const register_declaration> declarations) : bank(declarations) {}

    register_bank bank;
    std::vector<access> accesses;

    std::uint64_t read(std::uint32_t offset, unsigned bytes) override {
        const std::uint64_t value = bank.read(offset, bytes);
        accesses.push_back({offset, value, false});
        return value;
    }
    void write(std::uint32_t offset, std::uint64_t value, unsigned bytes) override {
        accesses.push_back({offset, value, true});
        bank.write(offset, bytes, value);
    }
};

/// A fake for the n-th unit of a provocation.
using unit_maker = std::function<std::unique_ptr<fake_device>(fake_cpu&, const sw::provoking_unit&)>;

struct driver_bench {
    static constexpr std::uint64_t first_base = 0x9000000, spacing = 0x100000;

    explicit driver_bench(const sw::driver_description& d, sw::rule_set rules = sw::rule_set::v6_2,
                          sw::core_options options = {})
        : machine(log),
          kernel(machine, log, {.rules = rules}),
          core(std::make_unique<sw::iommu_core>(kernel, options)),
          driver(core->add_driver(d)) {}

    /// "iommu0", "iommu1", … in the order of the calls.
    sw::result<sw::instance*> add_unit(std::unique_ptr<fake_device> unit, sw::instance_firmware f = {}) {
        const std::size_t n = units.size();
        units.push_back(std::move(unit));
        f.name = sw::provoking_unit_name(n);
        f.base = first_base + n * spacing;
        f.bytes = spacing;
        machine.add_device(f.base, f.bytes, *units.back());
        return core->add_instance(driver, f);
    }
    sw::device& add_device(const std::string& name, std::vector<std::uint32_t> ids, sw::device_description d = {}) {
        d.name = name;
        d.spec = sw::firmware_spec{sw::provoking_unit_name(0), std::move(ids)};
        return core->add_device(std::move(d));
    }

    sw::log_stream log;
    fake_cpu machine;
    sw::kernel kernel;
    std::vector<std::unique_ptr<fake_device>> units;
    std::unique_ptr<sw::iommu_core> core;
    sw::iommu_driver& driver;
};

/// Rule: what the table says of a row is what the driver does: errno, level, number of lines, and nothing else fails.
inline void expect_row(const sw::driver_description& description, const sw::provocation& p, sw::rule_set rules,
                       const unit_maker& make) {
    const sw::failure_row* const expected = sw::row_named(description.failures, p.row);
    ASSERT_TRUE(expected);
    const sw::failure_outcome& o = expected->outcome(rules);
    driver_bench b(description, rules);
    for (const sw::provoking_unit& u : p.units) {
        sw::instance_firmware f;
        f.properties = u.firmware;
        ASSERT_TRUE(b.add_unit(make(b.machine, u), f));
    }
    for (const sw::device_description& d : p.devices)
        b.core->add_device(d);
    sw::kept_domains kept;
    sw::domain* const d = sw::prepare(p, *b.core, kept);
    ASSERT_TRUE(d);
    const std::size_t raised = b.kernel.raised().size(), line = b.log.entries().size();
    const sw::result<void> r = sw::attempt(p, *b.core, *d);
    EXPECT_EQ(sw::errno_of(r), o.number);
    ASSERT_EQ(b.kernel.raised().size(), raised + 1) << "the row, and nothing else";
    EXPECT_EQ(b.kernel.raised().back().row, expected);
    for (const sw::log_level level : {sw::log_level::error, sw::log_level::warning, sw::log_level::debug})
        EXPECT_EQ(b.log.count(level, line), o.log == level ? o.lines : 0U) << name_of(level);
    b.kernel.power_off();
}

/// Rule: every row of scope attach is provoked, or says why it cannot be.
inline void expect_all_rows_provoked(const sw::driver_description& description) {
    std::set<std::string> provoked;
    for (const sw::provocation& p : description.provocations())
        provoked.insert(p.row);
    for (const sw::failure_row& r : description.failures)
        if (r.scope == sw::failure_scope::attach) {
            EXPECT_EQ(provoked.contains(r.id), r.reachable()) << r.id;
        }
}

/// The name of a case of expect_row, for parameterised tests.
inline std::string row_case_name(const sw::provocation& p, sw::rule_set rules) {
    std::string name = std::string(p.row) + "_" + name_of(rules);
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
}

} // namespace iommulab::harness
