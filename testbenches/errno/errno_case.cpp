// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/errno_case.h"

#include "testbenches/errno/core_cases.h"
#include "testbenches/software/caller_machine.h"
#include "testbenches/software/software_machine.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace iommulab::errno_matrix {
namespace {

// A machine of no particular make: what is measured is what software says, not how long it takes.
constexpr std::uint64_t ram = 0x40000000, ram_bytes = 0x40000000, kernel_bytes = 0x20000000;
constexpr std::uint64_t buffer = ram + kernel_bytes; // memory that the kernel does not allocate from
constexpr std::uint64_t first_registers = 0x09000000, registers_spacing = 0x100000;
constexpr std::uint64_t buffer_iova = 0x10000, buffer_bytes = 0x2000;

software::software_machine_description scene_of(const sw::driver_description& driver, const sw::provocation& p,
                                                sw::rule_set rules) {
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_INFO, sc_core::SC_DO_NOTHING); // "stopped"
    software::software_machine_description d;
    memory_parameters memory;
    memory.ranges.push_back({ram, ram_bytes, "memory"});
    d.platform.name = "errno";
    d.platform.memories.push_back({"memory", memory});
    for (std::size_t n = 0; n < p.units.size(); ++n) {
        const std::string name = sw::provoking_unit_name(n);
        d.platform.iommus.push_back({.name = name,
                                     .model = driver.model,
                                     .preset = p.preset,
                                     .parameters = p.units[n].hardware,
                                     .reset_values = {},
                                     .registers_base = first_registers + n * registers_spacing});
        sw::instance_firmware f;
        f.name = name;
        f.properties = p.units[n].firmware;
        d.firmware.push_back(std::move(f));
    }
    for (const sw::device_description& dev : p.devices)
        d.devices.push_back({dev, 0});
    d.kernel_memory_base = ram;
    d.kernel_memory_bytes = kernel_bytes;
    d.kernel.rules = rules;
    d.core.default_domain = p.default_domain;
    d.core.no_default_domains = p.no_default_domains;
    return d;
}

/// Where the domains of a device let a buffer be mapped; nothing: they map nothing.
std::optional<std::uint64_t> place_for_buffer(sw::iommu_core& core, const sw::device& dev) {
    const auto d = core.allocate_domain(dev);
    if (!d)
        return buffer_iova;
    if (!d->offers_mapping())
        return std::nullopt;
    return std::max(d->aperture_first(), buffer_iova);
}

void must_have_booted(software::software_machine& m) {
    for (const auto& probed : m.probed())
        if (probed.number != sw::linux_errno::none)
            throw std::runtime_error("the probe of " + probed.name + " failed with " + name_of(probed.number));
    for (const auto& e : m.core().probe_errors())
        if (m.device(e.device).spec())
            throw std::runtime_error("the probe of " + e.device + " failed with " + name_of(e.why.number));
}

} // namespace

measurement measure(const sw::driver_description& driver, const sw::failure_row& row, const sw::provocation& p,
                    sw::rule_set rules) {
    software::software_machine m("machine", scene_of(driver, p, rules));
    sw::kept_domains kept;
    measurement found;
    m.run([&] {
        const bool at_probe = row.outcome(rules).at_probe;
        if (!at_probe) // else the device may have met the row at boot already
            must_have_booted(m);
        sw::domain* const d = at_probe ? nullptr : sw::prepare(p, m.core(), kept);
        if (at_probe ? !p.probe : !d)
            throw std::runtime_error("the scene could not be set");
        const std::size_t lines = m.log().entries().size(), raised = m.kernel().raised().size();
        try {
            found.number = name_of(sw::errno_of(at_probe ? p.probe(m.core(), m.device(p.devices.back().name))
                                                         : sw::attempt(p, m.core(), *d)));
        } catch (const sw::kernel_crash&) {
            found.number = crash_name;
        }
        for (const sw::log_level level :
             {sw::log_level::alert, sw::log_level::error, sw::log_level::warning, sw::log_level::debug})
            if (const std::size_t n = m.log().count(level, lines); n != 0) {
                found.log = name_of(level);
                found.lines = static_cast<unsigned>(n);
                break;
            }
        if (found.log != name_of(sw::log_level::warning))
            found.warnings = static_cast<unsigned>(m.log().count(sw::log_level::warning, lines));
        std::string met;
        for (std::size_t n = raised; n < m.kernel().raised().size(); ++n)
            met += (met.empty() ? "" : ", ") + std::string(m.kernel().raised()[n].row->id);
        if (met != p.row)
            found.problem = "met " + (met.empty() ? "no row" : met);
        m.kernel().power_off();
    });
    return found;
}

measurement measure_core(const core_case& c, sw::rule_set rules) {
    software::software_machine m("machine", scene_of(core_as_driver(), c.scene, rules));
    sw::kept_domains kept;
    measurement found;
    m.run([&] {
        must_have_booted(m);
        core_scene scene{m.core(), kept, m.device(c.scene.devices.back().name)};
        c.before(scene);
        const std::size_t before = m.kernel().raised().size();
        const sw::result<void> r = c.act(scene);
        std::vector<std::string> others = c.also;
        unsigned times = 0;
        for (std::size_t n = before; n < m.kernel().raised().size(); ++n) {
            const sw::raised_failure& raised = m.kernel().raised()[n];
            const auto other = std::find(others.begin(), others.end(), raised.row->id);
            if (std::string_view(raised.row->id) != c.row) {
                if (other == others.end())
                    found.problem = std::string("met ") + raised.row->id;
                else
                    others.erase(other);
                continue;
            }
            ++times;
            found.number = name_of(raised.number);
            found.lines = static_cast<unsigned>(raised.end_line - raised.first_line);
            if (found.lines != 0)
                found.log = sw::name_of(m.log().entries()[raised.first_line].level);
        }
        if (times != 1 || !others.empty())
            found.problem = "met " + std::to_string(times) + " times";
        else if (!r && (std::string_view(r.error().row ? r.error().row->id : "") != c.row ||
                        name_of(r.error().number) != found.number))
            found.problem = std::string("returned ") + name_of(r.error().number);
        m.kernel().power_off();
    });
    return found;
}

caller_measurement measure_caller(const sw::driver_description& driver, const sw::provocation& p, sw::rule_set rules,
                                  const sw::caller_description& by) {
    software::software_machine m("machine", scene_of(driver, p, rules));
    sw::kept_domains kept;
    caller_measurement found;
    m.run([&] {
        must_have_booted(m);
        sw::device& last = m.device(p.devices.back().name);
        for (unsigned n = 0; n < p.used_up; ++n) {
            kept.push_back(m.core().allocate_domain(last));
            if (!kept.back() || !m.core().attach_device(*kept.back(), last))
                throw std::runtime_error("the scene could not be set: nothing is left too early");
            m.core().detach_device(*kept.back(), last);
        }
        const auto caller = by.make(software::caller_machine_of(m), {});
        const std::optional<std::uint64_t> iova = place_for_buffer(m.core(), last);
        const auto map_buffer = [&] {
            return caller->map({*iova, buffer, buffer_bytes, {.read = true, .write = true}});
        };
        bool mapped = !iova || map_buffer(); // VFIO maps only once there is a group
        const auto map_late = [&] {
            if (const auto r = mapped ? sw::result<void>() : map_buffer(); !r)
                throw std::runtime_error(std::string("nothing could be mapped: ") + name_of(sw::errno_of(r)));
            return !std::exchange(mapped, true);
        };
        for (std::size_t n = 0; p.others_join && n + 1 < p.devices.size(); ++n) {
            if (const auto r = caller->run(m.device(p.devices[n].name)); r.number != sw::linux_errno::none)
                throw std::runtime_error(r.device + " could not be attached: " + name_of(r.number));
            map_late();
        }
        const auto between = [&] {
            if (p.before && !p.before(m.core(), last))
                throw std::runtime_error("the scene could not be set");
            if (*p.inject)
                m.kernel().injection().nth(p.inject, p.inject_nth);
        };
        sw::caller_report r;
        try {
            r = caller->run(last, between);
        } catch (const sw::kernel_crash&) {
            found.number = crash_name;
            return;
        }
        if (r.number == sw::linux_errno::none && map_late())
            r.dma = caller->try_dma(last);
        found.number = name_of(r.number);
        found.at_claim = r.at_claim;
        found.domains = r.domains;
        found.attach_calls = r.effort().attach_calls;
        found.error_lines = r.effort().error_lines;
        found.attach_ns = r.effort().attach_ns;
        found.dma = name_of(r.dma);
    });
    m.kernel().power_off();
    return found;
}

} // namespace iommulab::errno_matrix
