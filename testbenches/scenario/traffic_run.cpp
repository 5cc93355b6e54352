// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/traffic_run.h"

#include "models/core/iommu_module.h"
#include "platforms/settings/error_list.h"
#include "testbenches/firmware/control_cpu.h"
#include "testbenches/iommu_testbench.h"
#include "testbenches/process/interruption.h"
#include "testbenches/scenario/access_log.h"
#include "testbenches/scenario/gated_traffic.h"
#include "testbenches/scenario/progress_line.h"
#include "testbenches/scenario/report.h"
#include "testbenches/scenario/shared_spaces.h"
#include "traces/number.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>

namespace iommulab::scenarios {

using firmware::control_cpu;
using firmware::translation_kind;
using sc_core::sc_time;

namespace {

constexpr std::uint64_t no_time = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t shortest_slice_ps = 10'000'000, longest_slice_ps = 10'000'000'000;

sc_time of_ps(std::uint64_t ps) {
    return sc_time(static_cast<double>(ps), sc_core::SC_PS);
}

/// A wired interrupt that wakes a processor.
struct interrupt_line : sc_core::sc_module {
    sc_core::sc_signal<bool> level{"level"};
    control_cpu& cpu;
    interrupt_line(sc_core::sc_module_name name, control_cpu& c) : sc_core::sc_module(name), cpu(c) {
        SC_HAS_PROCESS(interrupt_line);
        SC_METHOD(rise);
        sensitive << level.posedge_event();
        dont_initialize();
    }
    void rise() { cpu.wake(); }
};

/// One IOMMU with the software that belongs to it.
struct unit {
    iommu_findings found;
    std::unique_ptr<firmware::firmware> software;
    std::unique_ptr<control_cpu> cpu, fault_cpu;
    std::unique_ptr<interrupt_line> line;
    std::vector<std::size_t> spaces;               ///< by master of the scenario: its space, or ~0
    std::vector<const master_description*> owners; ///< by space: the first master that has it
    std::vector<std::uint64_t> due_ps; ///< by invalidation of the scenario; no_time: not this unit's, or over
    bool booted = false;
};

class traffic_run {
  public:
    traffic_run(const scenario& s, const run_options& options) : s_(s), options_(options), log_(options.timeline) {
        std::vector<platforms::attachment> attached;
        for (const master_description& m : s.masters)
            attached.push_back({m.iommu, m.port});
        for (std::size_t n = 0; n < 2 * s.platform.iommus.size(); ++n)
            attached.push_back({}); // processors: one for each IOMMU's set-up, one for its faults
        platform_ = std::make_unique<platforms::platform>("platform", s.platform, s.mode, attached);
        for (std::size_t n = 0; n < s.platform.iommus.size(); ++n)
            make_unit(n);
        for (std::size_t n = 0; n < s.masters.size(); ++n)
            make_master(n);
        if (message_doorbell* const doorbell = platform_->doorbell())
            doorbell->on_message([this](const message_doorbell::message& m) {
                if (m.source_id == 0) // of an IOMMU: it has no wire
                    for (auto& u : units_)
                        u->fault_cpu->wake();
            });
    }

    run_result run() {
        if (!options_.vcd.empty())
            record_waves();
        for (const master_description& m : s_.masters)
            load_words(m);
        progress_line progress(!options_.quiet);
        const auto began = std::chrono::steady_clock::now();
        if (units_.empty())
            open_gates();
        simulate(progress);
        if (options_.only_set_up)
            return {};
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        progress.clear();
        if (waves_)
            waves_->finish(control_cpu::now_ps());
        log_.close();

        findings f;
        f.what = &s_;
        f.hardware = platform_.get();
        // cut short, nothing may have begun
        f.firmware_ps = std::min(gates_ps_, control_cpu::now_ps());
        f.simulated_ps = ending_ == run_ending::done ? f.firmware_ps : control_cpu::now_ps();
        f.ending = ending_;
        f.wall_seconds = took.count();
        for (const auto& m : masters_) {
            f.masters.push_back(m.get());
            f.simulated_ps = std::max(f.simulated_ps, m->counted().last_end_ps);
        }
        for (auto& u : units_)
            f.iommus.push_back(std::move(u->found));
        for (const master_description& m : s_.masters)
            for (const std::string& note : m.requests.notes)
                f.notes.push_back(m.name + ": " + note);
        const auto unfinished =
            std::count_if(masters_.begin(), masters_.end(), [](const auto& m) { return !m->finished(); });
        if (unfinished != 0 && ending_ == run_ending::done)
            f.notes.push_back(std::to_string(unfinished) + " masters did not finish: they wait for what never comes");
        return report(f, options_);
    }

  private:
    void make_unit(std::size_t n) {
        const platforms::iommu_description& d = s_.platform.iommus[n];
        auto u = std::make_unique<unit>();
        u->found.unit = &platform_->iommu(n);
        u->found.description = &platform_->description().iommus[n];
        firmware::firmware_setup setup;
        setup.registers_base = d.registers_base;
        // an equal part of the tables' memory for each
        setup.area_bytes = s_.tables_bytes / s_.platform.iommus.size() / 65536 * 65536;
        setup.area_base = s_.tables_base + n * setup.area_bytes;
        for (const master_description& m : s_.masters) {
            u->spaces.push_back(~std::size_t{0});
            if (m.iommu != d.name)
                continue;
            std::string& name = u->found.masters[m.parameters.source_id];
            name += (name.empty() ? "" : "+") + m.name;
            const auto shared = std::find_if(u->owners.begin(), u->owners.end(),
                                             [&](const auto* other) { return same_space(*other, m); });
            u->spaces.back() = static_cast<std::size_t>(shared - u->owners.begin());
            if (shared != u->owners.end())
                continue;
            u->owners.push_back(&m);
            setup.spaces.push_back(
                {m.parameters.source_id, m.parameters.pasid, m.translation, m.granule_log2, m.levels, m.maps});
        }
        for (const invalidation_description& i : s_.invalidations) {
            const bool mine = master_named(i.master).iommu == d.name;
            u->due_ps.push_back(mine ? 0 : no_time);
            u->found.invalidations.push_back({i.name, 0, 0, 0, mine ? i.count : 0});
        }
        u->software = find_iommu_testbench(d.model)->make_firmware(std::move(setup)); // reading saw to it
        unit& self = *u;
        u->cpu =
            std::make_unique<control_cpu>((d.name + "_cpu").c_str(), [this, &self](control_cpu& c) { serve(self, c); });
        u->cpu->socket.bind(platform_->inlet(s_.masters.size() + 2 * n));
        u->fault_cpu = std::make_unique<control_cpu>((d.name + "_fault_cpu").c_str(),
                                                     [&self](control_cpu& c) { take_faults(self, c); });
        u->fault_cpu->socket.bind(platform_->inlet(s_.masters.size() + 2 * n + 1));
        u->line = std::make_unique<interrupt_line>((d.name + "_fault_line").c_str(), *u->fault_cpu);
        platform_->iommu(n).interrupt(u->software->fault_interrupt()).bind(u->line->level);
        units_.push_back(std::move(u));
    }

    void make_master(std::size_t n) {
        const master_description& d = s_.masters[n];
        auto traffic = std::make_unique<gated_traffic>(d.requests.make());
        gates_.push_back(traffic.get());
        auto m = std::make_unique<dma_master>(d.name.c_str(), d.parameters, std::move(traffic));
        m->initiator.bind(platform_->inlet(n));
        m->on_finish = [this] {
            if (++finished_ == masters_.size())
                all_finished();
        };
        if (!options_.timeline.empty())
            m->on_complete = [this, &d](const dma_completion& c) {
                log_.add(d.name, c.request.source_id.value_or(d.parameters.source_id), c.request.address,
                         c.request.length_bytes, c.request.write, c.status == dma_status::ok, c.begin_ps, c.end_ps,
                         c.request.pasid ? c.request.pasid : d.parameters.pasid);
            };
        masters_.push_back(std::move(m));
    }

    [[nodiscard]] const master_description& master_named(const std::string& name) const {
        return *std::find_if(s_.masters.begin(), s_.masters.end(), [&](const auto& m) { return m.name == name; });
    }

    /// Words at input addresses, put where the master's maps (or none) lead.
    void load_words(const master_description& m) {
        if (!m.requests.words)
            return;
        for (const auto& [iova, value] : m.requests.words()) {
            std::uint64_t address = iova;
            bool mapped = m.translation == translation_kind::bypass;
            for (const firmware::mapping& map : m.maps)
                if (iova >= map.iova && iova - map.iova < map.size_bytes) {
                    address = map.address + (iova - map.iova);
                    mapped = true;
                }
            memory* where = mapped ? platform_->memory_at(address, 8) : nullptr;
            if (where)
                where->store().write_u64(address, value);
        }
    }

    void record_waves() {
        waves_.emplace(options_.vcd);
        for (std::size_t n = 0; n < platform_->iommus(); ++n)
            platform_->iommu(n).trace(*waves_);
        for (std::size_t n = 0; n < platform_->memories(); ++n)
            platform_->memory(n).record(*waves_, platform_->memory(n).name());
        for (auto& m : masters_)
            m->record(*waves_, m->name());
    }

    // --- software
    void serve(unit& u, control_cpu& c) {
        if (u.booted)
            return; // woken at the end, with nothing left to do
        u.software->boot(c);
        u.booted = true;
        if (std::all_of(units_.begin(), units_.end(), [](const auto& other) { return other->booted; }))
            open_gates();
        while (gates_ps_ == no_time)
            c.wait_or_wake(shortest_slice_ps);
        for (std::size_t n = 0; n < u.due_ps.size(); ++n)
            if (u.due_ps[n] != no_time)
                u.due_ps[n] = gates_ps_ + s_.invalidations[n].start_ps;
        while (!over_) {
            const auto next = std::min_element(u.due_ps.begin(), u.due_ps.end());
            if (next == u.due_ps.end() || *next == no_time)
                return;
            if (*next > control_cpu::now_ps()) {
                c.wait_or_wake(*next - control_cpu::now_ps());
                continue;
            }
            invalidate(u, c, static_cast<std::size_t>(next - u.due_ps.begin()));
        }
    }

    void invalidate(unit& u, control_cpu& c, std::size_t n) {
        const invalidation_description& d = s_.invalidations[n];
        const auto master = static_cast<std::size_t>(&master_named(d.master) - s_.masters.data());
        const std::uint64_t began = control_cpu::now_ps();
        u.software->invalidate(c, u.spaces[master], d.iova, d.size_bytes);
        const std::uint64_t took = control_cpu::now_ps() - began;
        measured_invalidation& m = u.found.invalidations[n];
        ++m.done;
        m.total_ps += took;
        m.longest_ps = std::max(m.longest_ps, took);
        u.due_ps[n] = d.count != 0 && m.done >= d.count ? no_time : u.due_ps[n] + d.every_ps;
    }

    static void take_faults(unit& u, control_cpu& c) {
        if (!u.booted)
            return; // the event queue is not there yet
        for (std::string& text : u.software->take_faults(c)) {
            ++u.found.fault_records;
            if (u.found.faults.size() < most_faults_kept)
                u.found.faults.push_back(std::move(text));
        }
    }

    void open_gates() {
        gates_ps_ = control_cpu::now_ps();
        if (s_.limit_ps != 0) {
            for (auto& m : masters_)
                m->end_at(gates_ps_ + s_.limit_ps);
            if (sc_core::sc_is_running())
                sc_core::sc_pause(); // the end is known now
        }
        for (std::size_t n = 0; n < gates_.size(); ++n)
            gates_[n]->open(gates_ps_ + s_.masters[n].start_ps);
        for (auto& m : masters_)
            m->poke();
    }

    /// Posted writes may still be on their way, and invalidations under way.
    void all_finished() {
        over_ = true;
        for (auto& u : units_)
            u->cpu->wake();
    }

    // --- time
    void simulate(progress_line& progress) {
        std::uint64_t slice_ps = shortest_slice_ps;
        for (;;) {
            const std::uint64_t now = control_cpu::now_ps();
            std::uint64_t step = slice_ps;
            if (s_.limit_ps != 0 && gates_ps_ != no_time) {
                if (now - gates_ps_ >= s_.limit_ps) {
                    ending_ = run_ending::time_limit;
                    return;
                }
                step = std::min(step, s_.limit_ps - (now - gates_ps_));
            }
            if (options_.only_set_up && gates_ps_ != no_time)
                return;
            const auto began = std::chrono::steady_clock::now();
            sc_core::sc_start(of_ps(step));
            look_at_firmware();
            show(progress);
            if ((over_ && platform_->idle()) || !sc_core::sc_pending_activity())
                break;
            if (process::interrupted()) {
                ending_ = run_ending::interruption;
                return;
            }
            if (std::chrono::steady_clock::now() - began < std::chrono::milliseconds(5))
                slice_ps = std::min(slice_ps * 2, longest_slice_ps);
        }
        // what the last accesses left behind: fault records
        for (auto& u : units_)
            u->fault_cpu->wake();
        sc_core::sc_start();
        for (const auto& u : units_)
            u->fault_cpu->rethrow();
    }

    /// What the firmware of all units refuses, once all of them have booted or will not.
    void look_at_firmware() {
        settings::error_list refused;
        bool under_way = false;
        for (const auto& u : units_) {
            u->fault_cpu->rethrow();
            try {
                u->cpu->rethrow();
                under_way |= !u->booted;
            } catch (const firmware::setup_error& e) {
                for (const firmware::refusal& r : e.all())
                    refused.keep([&] { place_of(*u, r).fail(r.found, r.expected); });
            }
        }
        if (!under_way || !sc_core::sc_pending_activity())
            refused.raise();
    }

    [[nodiscard]] const settings::place& place_of(const unit& u, const firmware::refusal& r) const {
        using firmware::space_part;
        if (r.part == space_part::tables || u.owners.empty())
            return s_.where_tables;
        const master_description& m = *u.owners.at(r.space);
        switch (r.part) {
        case space_part::pasid:
            return m.where.pasid;
        case space_part::translation:
            return m.where.translation;
        case space_part::granule:
            return m.where.granule;
        case space_part::levels:
            return m.where.levels;
        case space_part::map:
            // the second stage of nested translation has maps that nobody wrote
            return r.map < m.where.maps.size() ? m.where.maps[r.map].first : m.where.translation;
        case space_part::unit:
            return m.where.iommu;
        default:
            return m.where.source_id;
        }
    }

    void show(progress_line& progress) {
        std::uint64_t done = 0, total = 0;
        bool known = true;
        for (std::size_t n = 0; n < masters_.size(); ++n) {
            const std::uint64_t most = s_.masters[n].parameters.max_requests;
            known &= most != 0;
            total += most;
            done += masters_[n]->counted().requests;
        }
        progress.show(s_.name + ": " + std::to_string(done) + " requests", done, known ? total : 0);
    }

    const scenario& s_;
    const run_options& options_;
    access_log log_;
    std::optional<waveform_writer> waves_;
    std::unique_ptr<platforms::platform> platform_;
    std::vector<std::unique_ptr<unit>> units_;
    std::vector<std::unique_ptr<dma_master>> masters_;
    std::vector<gated_traffic*> gates_;
    std::size_t finished_ = 0;
    std::uint64_t gates_ps_ = no_time;
    bool over_ = false;
    run_ending ending_ = run_ending::done;
};

} // namespace

run_result run_traffic(const scenario& s, const run_options& options) {
    return traffic_run(s, options).run();
}

} // namespace iommulab::scenarios
