// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/comparison_run.h"

#include "models/core/iommu_module.h"
#include "models/dma/generators.h"
#include "testbenches/process/interruption.h"
#include "testbenches/results/figures.h"
#include "testbenches/results/json_text.h"
#include "testbenches/results/text_table.h"
#include "testbenches/scenario/comparison.h"
#include "testbenches/scenario/gated_traffic.h"
#include "testbenches/scenario/progress_line.h"
#include "testbenches/software/isolated.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>

namespace iommulab::scenarios {

using boost::json::array;
using boost::json::object;
using results::bytes_text;

namespace {

/// Time between two looks of the waiting software at the device.
constexpr std::uint64_t look_every_ns = 1000;
constexpr const char* expected = "a machine on which the work can be done";

/// One machine, and the work on it.
class worker {
  public:
    worker(const comparison& c, const comparison::machine& m, bool only_set_up)
        : c_(c), m_(m), only_set_up_(only_set_up), machine_("machine", description()) {
        dma_parameters p;
        p.source_id = m.source_id;
        p.outstanding = c.outstanding;
        p.max_requests = c.requests;
        // the window's place is known once the driver is there: the source adds it
        auto inner =
            std::make_unique<uniform_traffic>(traffic_window{.base = 0,
                                                             .size_bytes = c.window_bytes,
                                                             .length_bytes = static_cast<std::uint32_t>(c.length_bytes),
                                                             .write_percent = c.write_percent,
                                                             .seed = c.seed});
        auto source = std::make_unique<gated_traffic>(
            std::make_unique<traffic_function>([this, u = std::shared_ptr<traffic>(std::move(inner))] {
                std::optional<dma_request> r = u->next();
                if (r)
                    r->address += iova_;
                return r;
            }));
        gate_ = source.get();
        master_ = std::make_unique<dma_master>("device", p, std::move(source));
        master_->initiator.bind(machine_.inlet(0));
    }

    object work() {
        machine_.run([this] { act(); });
        machine_.kernel().power_off();
        if (!only_set_up_)
            describe();
        return std::move(out_);
    }

  private:
    software::software_machine_description description() {
        software::software_machine_description d;
        d.platform = m_.platform;
        // a quarter of the first memory for the kernel, the window in its middle
        const memory_range& first = m_.platform.memories.front().parameters.ranges.front();
        d.kernel_memory_bytes = first.size_bytes / 4;
        d.kernel_memory_base = first.base + first.size_bytes - d.kernel_memory_bytes;
        window_ = (first.base + first.size_bytes / 2) / c_.page_bytes * c_.page_bytes;
        sw::device_description device;
        device.name = "device";
        device.pci = m_.pci;
        device.spec = sw::firmware_spec{m_.iommu, {m_.source_id}};
        d.devices.push_back({device, m_.port});
        d.masters.push_back({m_.iommu, m_.port});
        return d;
    }

    template <class Act>
    std::uint64_t ns(Act&& act) {
        sw::cpu& cpu = machine_.kernel().machine();
        const std::uint64_t began = cpu.now_ns();
        act();
        return cpu.now_ns() - began;
    }
    void must(const char* what, const sw::result<void>& r) {
        if (!r)
            m_.where.fail(fmt::format("{}, where {} fails with {}", m_.name, what, name_of(sw::errno_of(r))), expected);
    }

    void act() {
        for (const auto& p : machine_.probed())
            if (p.number != sw::linux_errno::none)
                m_.where.fail(
                    fmt::format("{}, where the probe of {} fails with {}", m_.name, p.name, name_of(p.number)),
                    expected);
        sw::iommu_core& core = machine_.core();
        sw::kernel& k = machine_.kernel();
        sw::device& dev = machine_.device("device");
        for (const auto& e : core.probe_errors())
            m_.where.fail(
                fmt::format("{}, where the probe of the device fails with {}", m_.name, name_of(e.why.number)),
                expected);
        std::unique_ptr<sw::domain> d = core.allocate_domain(dev);
        if (!d)
            m_.where.fail(m_.name + ", where there is no domain for the device", expected);
        out_["attach_ns"] = ns([&] { must("attach", core.attach_device(*d, dev)); });
        const std::uint64_t pages = c_.window_bytes / c_.page_bytes;
        const bool maps = d->offers_mapping();
        iova_ = maps ? std::max(d->aperture_first(), c_.page_bytes) : window_;
        if (maps) {
            const std::uint64_t took = ns([&] {
                for (std::uint64_t n = 0; n < pages; ++n)
                    must("map", sw::map(k, *d, iova_ + n * c_.page_bytes, window_ + n * c_.page_bytes, c_.page_bytes,
                                        {.read = true, .write = true}));
            });
            out_["map_ns"] = static_cast<double>(took) / static_cast<double>(pages);
        }
        if (!only_set_up_)
            access();
        if (maps)
            unmap(k, *d, pages);
        out_["detach_ns"] = ns([&] { core.detach_device(*d, dev); });
        out_["page_sizes"] = page_sizes(*d, maps);
        out_["aperture_bytes"] = d->aperture_last() - d->aperture_first() + 1; // 0: all 64 bits
        core.retire(std::move(d));
    }

    void access() {
        platforms::platform& hardware = machine_.hardware();
        for (std::size_t n = 0; n < m_.platform.iommus.size(); ++n)
            if (m_.platform.iommus[n].name == m_.iommu)
                unit_ = &hardware.iommu(n);
        gate_->open(0);
        master_->poke();
        while (!master_->finished())
            machine_.kernel().machine().delay_ns(look_every_ns);
        const dma_master::statistics& counted = master_->counted();
        if (counted.ok != counted.requests)
            m_.where.fail(fmt::format("{}, where {} of {} requests ended with errors", m_.name,
                                      counted.requests - counted.ok, counted.requests),
                          expected);
        latency_profile all;
        for (const auto& [key, profile] : unit_->statistics().all())
            if (key.source_id == m_.source_id)
                all.merge(profile);
        const latency_profile::summary s = all.summarise();
        object causes;
        for (std::size_t n = 0; n < time_parts; ++n)
            if (s.sum_part_ps[n] != 0)
                causes[name_of(static_cast<time_part>(n))] = s.mean_part_ps[n] / 1000;
        out_["accesses"] = s.count;
        out_["bytes_per_second"] = counted.bytes_per_second();
        out_["latency_ns"] = object{{"mean", s.mean_ps / 1000}, {"p50", s.p50_ps / 1000}, {"p99", s.p99_ps / 1000}};
        out_["causes_ns"] = std::move(causes);
    }

    void unmap(sw::kernel& k, sw::domain& d, std::uint64_t pages) {
        std::uint64_t unmapping = 0, invalidating = 0;
        for (std::uint64_t n = 0; n < pages; ++n) {
            sw::iotlb_gather gather;
            unmapping += ns([&] {
                if (sw::unmap_fast(k, d, iova_ + n * c_.page_bytes, c_.page_bytes, gather) != c_.page_bytes)
                    m_.where.fail(m_.name + ", where a mapped page could not be unmapped", expected);
            });
            invalidating += ns([&] { sw::iotlb_sync(d, gather); });
        }
        out_["unmap_ns"] = static_cast<double>(unmapping) / static_cast<double>(pages);
        out_["invalidate_ns"] = static_cast<double>(invalidating) / static_cast<double>(pages);
    }

    static array page_sizes(const sw::domain& d, bool maps) {
        array sizes;
        for (unsigned n = 0; maps && n < 64; ++n)
            if ((d.page_sizes() >> n) & 1)
                sizes.push_back(std::uint64_t{1} << n);
        return sizes;
    }

    void describe() {
        out_["name"] = m_.name;
        out_["platform"] = m_.platform.name;
        for (const platforms::iommu_description& i : m_.platform.iommus)
            if (i.name == m_.iommu) {
                out_["model"] = i.model;
                out_["preset"] = i.preset;
            }
        out_["tlb_entries"] = unit_->parameters().tlb.entries;
    }

    const comparison& c_;
    const comparison::machine& m_;
    bool only_set_up_;
    std::uint64_t window_ = 0, iova_ = 0;
    software::software_machine machine_;
    std::unique_ptr<dma_master> master_;
    gated_traffic* gate_ = nullptr;
    const iommu_module* unit_ = nullptr;
    object out_;
};

/// A time in nanoseconds.
std::string time_of(const object& o, const char* key) {
    const boost::json::value* v = o.if_contains(key);
    return v ? results::time_text(v->to_number<double>() * 1000) : "-";
}

/// Runs of doubling sizes as "4 KiB to 256 GiB".
std::string page_sizes_text(const object& o) {
    std::vector<std::uint64_t> sizes;
    for (const boost::json::value& size : o.at("page_sizes").as_array())
        sizes.push_back(size.to_number<std::uint64_t>());
    std::string text;
    for (std::size_t first = 0, last = 0; first < sizes.size(); first = ++last) {
        while (last + 1 < sizes.size() && sizes[last + 1] == 2 * sizes[last])
            ++last;
        text += (text.empty() ? "" : ", ") + bytes_text(sizes[first]);
        if (last != first)
            text += " to " + bytes_text(sizes[last]);
    }
    return text.empty() ? "-" : text;
}

/// Without a TLB for pages: the aperture, all of which is looked up in the same time.
std::string reach_text(const object& o) {
    const auto entries = o.at("tlb_entries").to_number<std::uint64_t>();
    if (const array& sizes = o.at("page_sizes").as_array(); entries != 0 && !sizes.empty())
        return bytes_text(entries * sizes.front().to_number<std::uint64_t>());
    const auto aperture = o.at("aperture_bytes").to_number<std::uint64_t>();
    return aperture == 0 ? "all" : bytes_text(aperture);
}

std::string to_text(const scenario& s, const array& machines, const run_options& options) {
    const comparison& c = *s.compared;
    std::string out = fmt::format("{}: {} of {} in {}, mapped by {}\n", s.name, results::counted(c.requests, "request"),
                                  bytes_text(c.length_bytes), bytes_text(c.window_bytes), bytes_text(c.page_bytes));
    if (!s.text.empty())
        out += s.text + "\n";
    if (process::interrupted())
        out += "interrupted: machines that were not done by then are left out\n";
    std::vector<std::string> header{""};
    for (const boost::json::value& m : machines)
        header.emplace_back(m.at("name").as_string());
    results::text_table table(header);
    const auto row = [&](const std::string& name, auto&& cell) {
        std::vector<std::string> cells{name};
        for (const boost::json::value& m : machines)
            cells.push_back(cell(m.as_object()));
        table.add(std::move(cells));
    };
    row("IOMMU", [](const object& o) { return std::string(o.at("model").as_string()); });
    row("reach of TLB or window", reach_text);
    for (const auto& [name, key] : {std::pair{"attach", "attach_ns"},
                                    {"map a page", "map_ns"},
                                    {"unmap it", "unmap_ns"},
                                    {"invalidate it", "invalidate_ns"},
                                    {"detach", "detach_ns"}})
        row(name, [k = key](const object& o) { return time_of(o, k); });
    row("GB/s", [](const object& o) { return results::gigabytes_text(o.at("bytes_per_second").to_number<double>()); });
    for (const auto& [name, key] : {std::pair{"latency, mean", "mean"}, {"  median", "p50"}, {"  99 %", "p99"}})
        row(name, [k = key](const object& o) { return time_of(o.at("latency_ns").as_object(), k); });
    std::vector<double> means;
    for (const boost::json::value& m : machines)
        means.push_back(m.at("latency_ns").at("mean").to_number<double>() * 1000);
    const results::time_unit unit = results::unit_for(means);
    row(fmt::format("of the mean, {}:", unit.name), [](const object&) { return std::string(); });
    for (std::size_t n = 0; n < time_parts; ++n) {
        const auto part = static_cast<time_part>(n);
        const auto has = [&](const boost::json::value& m) {
            return m.at("causes_ns").as_object().contains(name_of(part));
        };
        if (std::any_of(machines.begin(), machines.end(), has))
            row(std::string("  ") + text_of(part), [&](const object& o) {
                const boost::json::value* ns = o.at("causes_ns").as_object().if_contains(name_of(part));
                return ns ? unit.text(ns->to_number<double>() * 1000) : "-";
            });
    }
    out += "\n" + table.text(options.columns, options.unicode) + "\npage sizes\n";
    for (const boost::json::value& m : machines)
        out += "  " + std::string(m.at("name").as_string()) + ": " + page_sizes_text(m.as_object()) + "\n";
    return out + "\n";
}

} // namespace

run_result run_comparison(const scenario& s, const run_options& options) {
    const comparison& c = *s.compared;
    std::vector<std::function<std::string()>> jobs;
    for (const comparison::machine& m : c.machines)
        jobs.emplace_back([&c, &m, &options] {
            // "stopped"
            sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
            return boost::json::serialize(worker(c, m, options.only_set_up).work());
        });
    const auto began = std::chrono::steady_clock::now();
    progress_line progress(!options.quiet);
    const auto results = software::run_isolated(
        jobs, [&](std::size_t done) { progress.show(s.name + ": machines", done, jobs.size()); });
    progress.clear();
    array machines;
    for (std::size_t n = 0; n < results.size(); ++n) {
        if (results[n].failure == software::interrupted_job)
            continue;
        if (!results[n].failure.empty())
            throw std::runtime_error(results[n].failure);
        machines.push_back(boost::json::parse(results[n].text));
    }
    if (options.only_set_up)
        return {};
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    run_result out;
    out.text = to_text(s, machines, options);
    out.json = results::to_text(object{{"scenario", s.name},
                                       {"seed", c.seed},
                                       {"ended", process::interrupted() ? "interrupted" : "done"},
                                       {"machines", std::move(machines)},
                                       {"met", true},
                                       {"wall", object{{"seconds", took.count()}}}});
    return out;
}

} // namespace iommulab::scenarios
