// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/software_run.h"

#include "models/core/iommu_module.h"
#include "platforms/settings/error_list.h"
#include "testbenches/process/interruption.h"
#include "testbenches/scenario/access_log.h"
#include "testbenches/scenario/exposure.h"
#include "testbenches/scenario/queue_driver.h"
#include "testbenches/scenario/report.h"
#include "testbenches/scenario/software_report.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

namespace iommulab::scenarios {

namespace {

std::uint64_t counted(const iommu_module& unit, std::string_view name) {
    for (const counter& c : unit.counters())
        if (name == c.name)
            return *c.value;
    return 0;
}

/// CPUs beside those that run drivers, in this order.
enum service : unsigned { timers, tries, interrupts, services };

class software_run {
  public:
    software_run(const scenario& s, const run_options& options)
        : s_(s), what_(*s.software), options_(options), log_(options.timeline), shown_(s) {
        software::software_machine_description d;
        d.platform = s.platform;
        d.mode = s.mode;
        d.kernel_memory_base = s.tables_base;
        d.kernel_memory_bytes = s.tables_bytes;
        d.cpus.cpus = what_.cpus + services;
        d.cpus.interrupt_cpu = what_.cpus + interrupts;
        d.core.default_domain = what_.domains;
        for (const software_device& device : what_.devices)
            for (unsigned n = 0; n < device.count; ++n) {
                sw::device_description description;
                description.name = name_of(device, n);
                description.spec = sw::firmware_spec{device.iommu, {device.source_id + n}};
                d.devices.push_back({description, device.port});
                for (unsigned q = 0; q < device.queues; ++q)
                    d.masters.push_back({device.iommu, device.port});
            }
        machine_ = std::make_unique<software::software_machine>("machine", d);
        tries_ = std::make_unique<exposure>(*machine_, what_.probe_every);
        sw::dma_options dma;
        dma.on_timer = [this](std::uint64_t at_ns) { start_timer(at_ns); };
        dma.observer = tries_.get();
        dma_ = std::make_unique<sw::dma_api>(machine_->core(), dma);
        make_queues();
    }

    run_result run() {
        std::optional<waveform_writer> waves;
        if (!options_.vcd.empty()) {
            waves.emplace(options_.vcd);
            record(*waves);
        }
        const auto began = std::chrono::steady_clock::now();
        machine_->run([this] { set_up(); });
        if (options_.only_set_up)
            return {};
        const std::uint64_t booted_ns = now_ns();
        working_ = what_.cpus;
        for (unsigned n = 1; n < what_.cpus; ++n)
            machine_->cpus().run(n, [this, n] { work(n); });
        if (what_.probe_every != 0 && what_.domains == sw::domain_type::dma_fq)
            machine_->cpus().run(what_.cpus + tries, [this] { keep_trying(); });
        machine_->run([this] { work(0); });
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        if (waves)
            waves->finish(now_ns() * 1000);
        log_.close();
        return gather(booted_ns, took.count());
    }

  private:
    static std::string name_of(const software_device& d, unsigned n) {
        return d.count == 1 ? d.name : d.name + std::to_string(n);
    }
    static std::uint64_t now_ns() {
        return static_cast<std::uint64_t>(sc_core::sc_time_stamp() / sc_core::sc_time(1, sc_core::SC_NS));
    }

    void make_queues() {
        std::uint64_t buffers = what_.buffers_base;
        for (const software_device& device : what_.devices)
            for (unsigned n = 0; n < device.count; ++n)
                for (unsigned q = 0; q < device.queues; ++q) {
                    master_description m;
                    m.name = name_of(device, n) + (device.queues == 1 ? "" : "_queue" + std::to_string(q));
                    m.iommu = device.iommu;
                    m.port = device.port;
                    dma_parameters& p = m.parameters;
                    p.loosely_timed = s_.mode == simulation_mode::loosely_timed;
                    p.source_id = device.source_id + n;
                    p.outstanding = device.outstanding;
                    p.burst_bytes = static_cast<std::uint32_t>(device.burst_bytes);
                    p.quantum_ps = 0; // drivers see completions when they happen
                    p.seed = s_.seed + masters_.size();
                    auto traffic = std::make_unique<software::queue_traffic>();
                    queues_.push_back(traffic.get());
                    masters_.push_back(
                        std::make_unique<dma_master>(("queue_" + m.name).c_str(), p, std::move(traffic)));
                    masters_.back()->initiator.bind(machine_->inlet(masters_.size() - 1));
                    if (!options_.timeline.empty())
                        masters_.back()->on_complete = [this, name = m.name,
                                                        sid = p.source_id](const dma_completion& c) {
                            log_.add(name, sid, c.request.address, c.request.length_bytes, c.request.write,
                                     c.status == dma_status::ok, c.begin_ps, c.end_ps);
                        };
                    drivers_.push_back(
                        std::make_unique<queue_driver>(name_of(device, n), device, what_, buffers, *dma_, *tries_));
                    drivers_.back()->connect({machine_.get(), masters_.back().get(), queues_.back()});
                    buffers += device.memory_bytes_of_queue();
                    shown_.masters.push_back(std::move(m));
                }
    }

    void record(waveform_writer& waves) {
        for (std::size_t n = 0; n < machine_->hardware().iommus(); ++n)
            machine_->hardware().iommu(n).trace(waves);
        for (const auto& m : masters_)
            m->record(waves, m->name());
    }

    // --- software
    void set_up() {
        settings::error_list errors;
        for (const auto& p : machine_->probed())
            if (p.number != sw::linux_errno::none)
                errors.keep([&] {
                    what_.where.fail("a driver of " + p.name + " that fails with " + sw::name_of(p.number),
                                     "an IOMMU that it can drive");
                });
        for (const software_device& device : what_.devices)
            for (unsigned n = 0; n < device.count; ++n)
                if (machine_->device(name_of(device, n)).in_group == nullptr)
                    errors.keep([&] {
                        device.where.fail("device " + name_of(device, n) + why_not_probed(name_of(device, n)),
                                          "one that the driver of its IOMMU takes");
                    });
        errors.raise();
        for (const auto& d : drivers_) {
            dma_->set_up(machine_->device(d->device()));
            tries_->learn(d->device());
        }
        for (std::size_t n = 0; n < drivers_.size(); ++n) {
            drivers_[n]->allocate_rings();
            queues_[n]->configure(drivers_[n]->parameters());
        }
    }

    [[nodiscard]] std::string why_not_probed(const std::string& device) const {
        for (const auto& e : machine_->core().probe_errors())
            if (e.device == device)
                return std::string(", whose probe fails with ") + sw::name_of(e.why.number);
        return " without an IOMMU";
    }

    /// What one CPU does: the queues that are its own, in turn.
    void work(unsigned cpu) {
        std::vector<queue_driver*> mine;
        for (std::size_t n = cpu; n < drivers_.size(); n += what_.cpus)
            mine.push_back(drivers_[n].get());
        for (queue_driver* d : mine)
            d->start();
        for (;;) {
            bool any = false, all = true;
            for (queue_driver* d : mine) {
                any |= !d->finished() && d->poll();
                all &= d->finished();
            }
            if (all || process::interrupted())
                break;
            if (!any)
                machine_->cpus().delay_ns(what_.poll_ns);
        }
        --working_;
        if (process::interrupted())
            return; // buffers stay mapped
        for (queue_driver* d : mine)
            d->stop();
        if (cpu == 0) // what is still to be flushed belongs to the measurement
            while (!process::interrupted() && (working_ != 0 || dma_->next_timer_ns()))
                machine_->cpus().delay_ns(sw::flush_queue::timeout_ns / 10);
    }

    void start_timer(std::uint64_t at_ns) {
        machine_->cpus().run(what_.cpus + timers, [this, at_ns] {
            if (const std::uint64_t now = machine_->cpus().now_ns(); now < at_ns)
                machine_->cpus().delay_ns(at_ns - now);
            dma_->run_timers();
        });
    }

    void keep_trying() {
        while (!process::interrupted() && (working_ != 0 || dma_->next_timer_ns())) {
            machine_->cpus().delay_ns(what_.probe_interval_ns);
            tries_->try_again();
        }
    }

    // --- what came of it
    run_result gather(std::uint64_t booted_ns, double seconds) {
        findings f;
        f.what = &shown_;
        f.hardware = &machine_->hardware();
        f.firmware_ps = booted_ns * 1000;
        f.simulated_ps = now_ns() * 1000;
        if (process::interrupted())
            f.ending = run_ending::interruption;
        f.wall_seconds = seconds;
        for (const auto& m : masters_)
            f.masters.push_back(m.get());
        software_findings found;
        found.what = &what_;
        found.reach = &tries_->result();
        for (std::size_t n = 0; n < s_.platform.iommus.size(); ++n) {
            iommu_findings i;
            i.unit = &machine_->hardware().iommu(n);
            i.description = &s_.platform.iommus[n];
            for (const software_device& device : what_.devices)
                for (unsigned k = 0; k < device.count && device.iommu == i.description->name; ++k)
                    i.masters[device.source_id + k] = name_of(device, k);
            for (const sw::log_entry& e : machine_->log().entries())
                if (e.device == i.description->name && e.message.starts_with("event")) {
                    ++i.fault_records;
                    if (i.faults.size() < most_faults_kept)
                        i.faults.push_back(e.message);
                }
            found.commands += counted(*i.unit, "invalidations");
            found.synchronisations += counted(*i.unit, "synchronisations");
            f.iommus.push_back(std::move(i));
        }
        for (const auto& d : drivers_)
            found.queues.push_back(&d->counted());
        add_domains(found);
        found.error_lines = machine_->log().errors();
        report_software(found, f);
        return report(f, options_);
    }

    void add_domains(software_findings& found) {
        for (const software_device& device : what_.devices)
            for (unsigned n = 0; n < device.count; ++n) {
                const sw::device& dev = machine_->device(name_of(device, n));
                if (const sw::iova_allocator* const a = dma_->addresses(dev)) {
                    const auto& c = a->counted();
                    found.addresses.allocations += c.allocations;
                    found.addresses.cache_hits += c.cache_hits;
                    found.addresses.tree_searches += c.tree_searches;
                    found.addresses.tree_steps += c.tree_steps;
                    found.addresses.above_4g += c.above_4g;
                    found.addresses.refused += c.refused;
                    found.lock_waits += a->contended();
                }
                if (const sw::flush_queue* const q = dma_->lazy(dev)) {
                    const auto& c = q->counted();
                    found.flushes.queued += c.queued;
                    found.flushes.flushes_full += c.flushes_full;
                    found.flushes.flushes_timer += c.flushes_timer;
                    found.flushes.most_stale_on_a_cpu =
                        std::max(found.flushes.most_stale_on_a_cpu, c.most_stale_on_a_cpu);
                }
            }
    }

    const scenario& s_;
    const software_description& what_;
    const run_options& options_;
    access_log log_;
    scenario shown_; // with the queues as masters, for the report
    std::unique_ptr<software::software_machine> machine_;
    std::unique_ptr<exposure> tries_;
    std::unique_ptr<sw::dma_api> dma_;
    std::vector<software::queue_traffic*> queues_;
    std::vector<std::unique_ptr<dma_master>> masters_;
    std::vector<std::unique_ptr<queue_driver>> drivers_;
    unsigned working_ = 0;
};

} // namespace

run_result run_software(const scenario& s, const run_options& options) {
    return software_run(s, options).run();
}

} // namespace iommulab::scenarios
