// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/core_cases.h"

#include "sw/drivers/drivers.h"
#include "sw/iommu/core_failures.h"
#include "sw/iommu/iommu_core.h"
#include "sw/iommu/mapping.h"
#include "testbenches/errno/bare_driver.h"
#include "testbenches/iommu_testbench.h"

#include <stdexcept>
#include <string_view>
#include <utility>

namespace iommulab::errno_matrix {

using sw::domain_type;
using sw::result;

sw::domain& core_scene::fresh() {
    kept.push_back(core.allocate_domain(dev));
    if (!kept.back())
        throw std::runtime_error("the scene could not be set: no domain");
    return *kept.back();
}

void core_scene::must(const result<void>& r) {
    if (!r)
        throw std::runtime_error(std::string("the scene could not be set: ") + sw::name_of(r.error().number));
}

sw::device& core_scene::add(const char* name, const sw::device_description& as) {
    sw::device_description d = as;
    d.name = name;
    return core.add_device(std::move(d));
}

sw::device& core_scene::add_bare() {
    sw::iommu_driver& driver = core.add_driver(bare_driver());
    if (!core.add_instance(driver, {.name = "bare0"}))
        throw std::runtime_error("the scene could not be set: no IOMMU");
    return add("bare", {.spec = sw::firmware_spec{"bare0", {1}}});
}

namespace {

/// The driver on which the core is shown.
const core_stage& stage() {
    for (const iommu_testbench* t : iommu_testbenches())
        if (t->core_stage)
            return *t->core_stage;
    throw std::logic_error("no testbench has a stage for the core");
}

sw::device_description at(const char* name, std::uint32_t stream, unsigned pasid_bits = 0, const char* together = "") {
    sw::device_description d;
    d.name = name;
    d.spec = sw::firmware_spec{sw::provoking_unit_name(0), {stream}};
    d.pasid_bits = pasid_bits;
    d.isolation = together;
    return d;
}

sw::provocation scene(std::vector<sw::device_description> devices) {
    return {.row = "",
            .preset = stage().preset,
            .units = {{.hardware = {{"CD2L", 1}, {"SSIDSIZE", 16}}}},
            .devices = std::move(devices)};
}
sw::provocation alone() {
    return scene({at("dev", 1, 8)});
}
sw::provocation together() {
    return scene({at("first", 1, 0, "bridge"), at("second", 2, 0, "bridge")});
}

void nothing(core_scene&) {}
void attached(core_scene& s) {
    s.must(s.core.attach_device(s.fresh(), s.dev));
}
void claimed(core_scene& s) {
    s.must(s.core.claim(*s.dev.in_group, &s));
}
void refusing(core_scene& s) {
    s.must(s.core.enable_feature(s.dev, sw::device_feature::shared_virtual_addressing));
}
result<void> claim(core_scene& s) {
    return s.core.claim(*s.dev.in_group, &s);
}
result<void> to_identity(core_scene& s) {
    return s.core.change_default_domain(s.dev, domain_type::identity);
}
/// A device whose group got no default domain, for want of memory.
sw::device& without_default(core_scene& s) {
    s.core.in().injection().every(stage().domain_memory);
    sw::device& late = s.add("late", at("late", 7));
    s.core.in().injection().cancel(stage().domain_memory);
    if (!late.in_group || late.in_group->default_domain())
        throw std::runtime_error("the scene could not be set: there is a default domain");
    return late;
}
sw::device& named(core_scene& s, const char* name) {
    return *s.core.find_device(name);
}

std::vector<core_case> attach_cases() {
    std::vector<core_case> all;
    all.push_back({"C-1", alone(), [](core_scene& s) { s.add_bare(); },
                   [](core_scene& s) {
                       sw::device& bare = named(s, "bare");
                       s.kept.push_back(s.core.allocate_domain(bare));
                       return s.core.attach_device(*s.kept.back(), bare);
                   }});
    all.push_back({"C-2", alone(), nothing,
                   [](core_scene& s) { return s.core.attach_device(s.fresh(), s.add("stranger", {})); }});
    all.push_back({"C-3", together(), nothing, [](core_scene& s) { return s.core.attach_device(s.fresh(), s.dev); }});
    all.push_back({"C-4", alone(), attached, [](core_scene& s) { return s.core.attach_device(s.fresh(), s.dev); }});
    all.push_back({"C-5",
                   alone(),
                   refusing,
                   [](core_scene& s) {
                       static_cast<void>(s.core.attach_device(s.fresh(), s.dev)); // it fails, and the rollback too
                       return result<void>();
                   },
                   {stage().refuses_all, stage().refuses_all}});
    all.push_back({"C-6",
                   alone(),
                   [](core_scene& s) { s.must(s.core.attach_device(s.fresh(), without_default(s))); },
                   [](core_scene& s) {
                       s.core.detach_device(*s.kept.back(), named(s, "late"));
                       return result<void>();
                   },
                   {"C-7"}});
    all.push_back({"C-7",
                   alone(),
                   [](core_scene& s) {
                       attached(s);
                       refusing(s);
                   },
                   [](core_scene& s) {
                       s.core.detach_device(*s.kept.back(), s.dev);
                       return result<void>();
                   },
                   {stage().refuses_all}});
    all.push_back({"C-8", alone(), nothing, [](core_scene& s) {
                       s.core.detach_device(s.fresh(), s.dev);
                       return result<void>();
                   }});
    return all;
}

std::vector<core_case> ownership_cases() {
    std::vector<core_case> all;
    all.push_back({"C-9", alone(), claimed, [](core_scene& s) { return s.core.use_default_domain(s.dev); }});
    all.push_back({"C-10", alone(), claimed, claim});
    all.push_back({"C-11", alone(), attached, claim});
    all.push_back(
        {"C-12", alone(), [](core_scene& s) { s.core.in().injection().every(stage().domain_memory); }, claim});
    all.push_back({"C-13", alone(), nothing, [](core_scene& s) {
                       s.core.release_claim(*s.dev.in_group);
                       return result<void>();
                   }});
    all.push_back({"C-14",
                   alone(),
                   [](core_scene& s) {
                       claimed(s);
                       refusing(s);
                   },
                   [](core_scene& s) {
                       s.core.release_claim(*s.dev.in_group);
                       return result<void>();
                   },
                   {stage().refuses_all}});
    return all;
}

std::vector<core_case> mapping_cases() {
    std::vector<core_case> all;
    all.push_back({"C-17", alone(), [](core_scene& s) { s.add_bare(); },
                   [](core_scene& s) {
                       s.kept.push_back(s.core.allocate_domain(named(s, "bare")));
                       return sw::map(s.core.in(), *s.kept.back(), 0x1000, 0x1000, 0x1000, {.read = true});
                   }});
    all.push_back({"C-18", alone(), nothing, [](core_scene& s) {
                       s.kept.push_back(s.core.allocate_domain(s.dev, domain_type::identity));
                       return sw::map(s.core.in(), *s.kept.back(), 0x1000, 0x1000, 0x1000, {.read = true});
                   }});
    all.push_back({"C-19", alone(), attached, [](core_scene& s) {
                       return sw::map(s.core.in(), *s.kept.back(), 0x1000, 0x1800, 0x1000, {.read = true});
                   }});
    all.push_back({"C-20", alone(), attached, [](core_scene& s) {
                       static_cast<void>(sw::unmap(s.core.in(), *s.kept.back(), 0x1000, 0x800));
                       return result<void>();
                   }});
    return all;
}

std::vector<core_case> device_cases() {
    std::vector<core_case> all;
    all.push_back({"C-15", alone(), nothing, [](core_scene& s) { return s.core.probe(s.add("stranger", {})); }});
    // The group's default domain has a context descriptor table for one; the newcomer would need more (S3-4).
    all.push_back({"C-16",
                   scene({at("first", 1, 0, "bridge")}),
                   nothing,
                   [](core_scene& s) -> result<void> {
                       s.add("newcomer", at("newcomer", 2, 8, "bridge"));
                       return s.core.probe_errors().empty() ? result<void>() : s.core.probe_errors().back().why;
                   },
                   {"S3-4"},
                   "S3-4"});
    all.push_back({"C-21", alone(), attached, to_identity});
    all.push_back({"C-22", together(), nothing, to_identity});
    all.push_back(
        {"C-23", alone(), [](core_scene& s) { without_default(s); },
         [](core_scene& s) { return s.core.change_default_domain(named(s, "late"), domain_type::identity); }});
    all.push_back({"C-24", alone(), [](core_scene& s) { s.add_bare(); },
                   [](core_scene& s) { return s.core.change_default_domain(named(s, "bare"), domain_type::dma); }});
    all.push_back(
        {"C-25", alone(), [](core_scene& s) { s.core.in().injection().every(stage().domain_memory); }, to_identity});
    all.push_back({"C-26", alone(), nothing, [](core_scene& s) {
                       s.kept.push_back(s.core.allocate_domain(s.dev, domain_type::dma));
                       return s.core.enable_nesting(*s.kept.back());
                   }});
    all.push_back({"C-27", alone(), [](core_scene& s) { s.add_bare(); },
                   [](core_scene& s) {
                       s.kept.push_back(s.core.allocate_domain(named(s, "bare")));
                       return s.core.enable_nesting(*s.kept.back());
                   }});
    all.push_back(
        {"C-28", alone(), [](core_scene& s) { s.add_bare(); },
         [](core_scene& s) { return s.core.enable_feature(named(s, "bare"), sw::device_feature::io_page_faults); }});
    return all;
}

} // namespace

const sw::driver_description& core_as_driver() {
    static const sw::driver_description core = [] {
        sw::driver_description d{};
        d.name = "core";
        d.model = sw::driver_named(stage().driver)->model;
        d.failures = sw::core_failures();
        return d;
    }();
    return core;
}

std::span<const core_case> core_cases() {
    static const std::vector<core_case> all = [] {
        std::vector<core_case> cases;
        for (auto&& part : {attach_cases(), ownership_cases(), mapping_cases(), device_cases()})
            cases.insert(cases.end(), part.begin(), part.end());
        return cases;
    }();
    return all;
}

const core_case* core_case_of(const std::string& row) {
    for (const core_case& c : core_cases())
        if (row == c.row)
            return &c;
    return nullptr;
}

sw::linux_errno expected_of_core(const sw::failure_row& row, sw::rule_set rules) {
    const core_case* const c = core_case_of(row.id);
    const sw::failure_row* const passed_on =
        c ? sw::row_named(sw::driver_named(stage().driver)->failures, c->passes_on) : nullptr;
    return (passed_on ? *passed_on : row).outcome(rules).number;
}

} // namespace iommulab::errno_matrix
