// SPDX-License-Identifier: Apache-2.0
#include "testbenches/bench/bench.h"

#include "models/core/iommu_module.h"
#include "testbenches/bench/raw_baseline.h"
#include "testbenches/iommu_testbench.h"
#include "testbenches/results/figures.h"
#include "testbenches/results/json_text.h"
#include "traces/names.h"

#include <benchmark/benchmark.h>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ostream>

namespace iommulab::bench {

namespace {

using rawbench::bench_base;

/// Every access to another page than the last ones, more pages than the micro-TLB holds; and all of it in the host's
/// first-level cache, as the baseline's sequential accesses find it prefetched.
constexpr rawbench::addr_walk other_pages{.base = 0, .span = 8 * 4096, .stride = 4096 + 64};

/// Debug reads, one after the other.
struct debug_initiator : bench_base, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> i{"i"};
    SC_HAS_PROCESS(debug_initiator);
    debug_initiator(sc_core::sc_module_name name, std::string text, std::uint64_t operations)
        : bench_base(name, std::move(text), operations) {
        i.bind(*this);
        SC_METHOD(run);
        sensitive << start;
        dont_initialize();
    }
    void run() {
        if (!payload_.get_extension<sideband>())
            translating_world::identify(payload_);
        const rawbench::addr_walk walk;
        for (std::uint64_t k = 0; k < ops; ++k) {
            payload_.set_read();
            payload_.set_address(walk(k));
            payload_.set_data_ptr(buffer_);
            payload_.set_data_length(sizeof buffer_);
            if (i->transport_dbg(payload_) != sizeof buffer_)
                SC_REPORT_FATAL("/iommulab/bench", "a debug access failed");
        }
        done.notify();
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override {
        return tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

  private:
    tlm::tlm_generic_payload payload_;
    unsigned char buffer_[64] = {};
};

struct contest {
    std::string name, what;
    bench_base* ours;
    bench_base* baseline;
    double target; ///< at most this many times the baseline; 0: none set
    std::vector<double> ratios, ns;
};

double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

/// All modules, and the contests between them.
class arena {
  public:
    explicit arena(const bench_options& options) : options_(options) {
        using rawbench::lt_mode;
        auto* lt_direct = raw_lt("lt_direct", lt_mode::nosync, 8);
        auto* lt_translate = raw_lt_translating("lt_xlate_tlbhit", 6);
        auto* dmi = raw_lt("dmi_memcpy", lt_mode::dmi, 40);
        auto* at_stage = raw_at_stage("at4_stage_peqheap", 0.2);

        // What is asked of one model is asked of the next.
        for (const iommu_testbench* t : iommu_testbenches()) {
            if (!t->contestant)
                continue;
            contestant_ = &*t->contestant;
            add("lt_hit", "b_transport, TLB hit", lt("lt_hit", {}, lt_mode::nosync, 4), lt_translate, 1.6);
            add("lt_miss", "b_transport, every access walks 4 levels",
                lt("lt_miss", {.misses = true}, lt_mode::nosync, 1), lt_direct, 12);
            add("lt_nested_miss", std::string("b_transport, ") + contestant_->nested_walk,
                lt("lt_nested_miss", {.nested = true, .misses = true}, lt_mode::nosync, 0.3), lt_direct, 0);
            add("lt_dmi", "copies through a direct memory pointer", lt("lt_dmi", {}, lt_mode::dmi, 40), dmi, 0);
            add("at_hit", "four phases, 16 outstanding, TLB hit", at("at_hit", {.loosely_timed = false}, 0.2), at_stage,
                1.4);
            add("at_miss", "four phases, 16 outstanding, every access walks 4 levels",
                at("at_miss", {.loosely_timed = false, .misses = true}, 0.05), at_stage, 0);
            add("debug", "transport_dbg, walks 4 levels", debug("debug", 0.3), lt_direct, 0);
        }
        select(options.only);
    }

    std::vector<contest>& contests() { return contests_; }

    /// Nanoseconds of host CPU time an operation.
    static double sample(bench_base& b) {
        const rawbench::times before = rawbench::now_times();
        b.start.notify(sc_core::SC_ZERO_TIME);
        sc_core::sc_start();
        return (rawbench::now_times().user - before.user) * 1e9 / static_cast<double>(b.ops);
    }

    void program() {
        for (auto& w : worlds_)
            w->program();
    }

  private:
    std::uint64_t operations(double millions) const {
        return std::max<std::uint64_t>(1000, static_cast<std::uint64_t>(millions * 1e6 * options_.scale));
    }
    template <class Module, class... Arguments>
    Module* make(const std::string& name, Arguments&&... arguments) {
        auto module = std::make_unique<Module>(name.c_str(), std::forward<Arguments>(arguments)...);
        Module* raw = module.get();
        modules_.push_back(std::move(module));
        return raw;
    }
    void add(const char* name, const std::string& what, bench_base* ours, bench_base* baseline, double target) {
        contests_.push_back({contestant_->prefix + std::string(name),
                             contestant_->title + (": " + what),
                             ours,
                             baseline,
                             target,
                             {},
                             {}});
    }

    bench_base* raw_lt(const std::string& label, rawbench::lt_mode mode, double millions) {
        auto* i = make<rawbench::lt_initiator>("raw_" + label, label, operations(millions), mode);
        i->i.bind(make<rawbench::lt_memory>("raw_" + label + "_memory")->t);
        return i;
    }
    bench_base* raw_lt_translating(const std::string& label, double millions) {
        auto* i = make<rawbench::lt_initiator>("raw_" + label, label, operations(millions), rawbench::lt_mode::nosync);
        auto* x = make<rawbench::xlate>("raw_" + label + "_xlate");
        i->i.bind(x->t);
        x->i.bind(make<rawbench::lt_memory>("raw_" + label + "_memory")->t);
        i->prepare = [](tlm::tlm_generic_payload& p) {
            auto* e = new rawbench::stream_ext;
            e->stream = 5;
            p.set_extension(e);
        };
        return i;
    }
    bench_base* raw_at_stage(const std::string& label, double millions) {
        using peq = rawbench::at_stage<rawbench::peq_heap>;
        auto* i = make<rawbench::at_initiator<rawbench::peq_heap>>("raw_" + label, label, operations(millions));
        auto* stage = make<peq>("raw_" + label + "_stage");
        i->i.bind(stage->t);
        stage->i.bind(make<rawbench::at_memory<rawbench::peq_heap>>("raw_" + label + "_memory")->t);
        return i;
    }

    /// Of the contestant whose turn it is.
    iommu_module& world(const std::string& name, const world_options& o) {
        worlds_.push_back(contestant_->make_world(name, o));
        return worlds_.back()->model();
    }
    bench_base* lt(const char* which, const world_options& o, rawbench::lt_mode mode, double millions) {
        const std::string name = contestant_->prefix + std::string(which);
        auto* i = make<rawbench::lt_initiator>(name, name, operations(millions), mode);
        iommu_module& unit = world(name, o);
        i->i.bind(unit.upstream());
        unit.downstream().bind(make<rawbench::lt_memory>(name + "_memory")->t);
        i->prepare = translating_world::identify;
        if (o.misses)
            i->walk = other_pages;
        return i;
    }
    bench_base* at(const char* which, const world_options& o, double millions) {
        const std::string name = contestant_->prefix + std::string(which);
        auto* i = make<rawbench::at_initiator<rawbench::peq_heap>>(name, name, operations(millions));
        iommu_module& unit = world(name, o);
        i->i.bind(unit.upstream());
        i->mm.prepare = translating_world::identify;
        unit.downstream().bind(make<rawbench::at_memory<rawbench::peq_heap>>(name + "_memory")->t);
        if (o.misses)
            i->walk = other_pages;
        return i;
    }
    bench_base* debug(const char* which, double millions) {
        const std::string name = contestant_->prefix + std::string(which);
        auto* i = make<debug_initiator>(name, name, operations(millions));
        iommu_module& unit = world(name, {});
        i->i.bind(unit.upstream());
        memory_parameters p;
        p.ranges = {{0, window_pages * 4096, "window"}};
        unit.downstream().bind(make<memory>(name + "_memory", p)->target);
        return i;
    }

    void select(const std::vector<std::string>& only) {
        std::vector<std::string> names;
        for (const contest& c : contests_)
            names.push_back(c.name);
        const std::vector<bool> wanted = chosen(names, only, "--only");
        std::erase_if(contests_, [&, n = std::size_t{0}](const contest&) mutable { return !wanted[n++]; });
    }

    bench_options options_;
    const contestant* contestant_ = nullptr;
    std::vector<std::unique_ptr<sc_core::sc_module>> modules_;
    std::vector<std::unique_ptr<translating_world>> worlds_;
    std::vector<contest> contests_;
};

/// Google Benchmark runs and times; what it prints would mix machines with models.
struct silent : benchmark::BenchmarkReporter {
    bool ReportContext(const Context&) override { return true; }
    void ReportRuns(const std::vector<Run>&) override {}
};

void print(const std::vector<contest>& contests, std::ostream& out) {
    out << fmt::format("{:<22}{:>9}{:>8}  {:<20}{:>8}  {}\n", "case", "ns", "ratio", "to", "target", "what");
    for (const contest& c : contests)
        out << fmt::format("{:<22}{:>9}{:>8.2f}  {:<20}{:>8}  {}\n", c.name, results::decimal_text(median(c.ns), 1),
                           median(c.ratios), c.baseline->label, c.target > 0 ? fmt::format("{:.1f}", c.target) : "-",
                           c.what);
}

void list(const std::vector<contest>& contests, bool json, std::ostream& out) {
    boost::json::array all;
    for (const contest& c : contests) {
        all.push_back(boost::json::object{{"name", c.name}, {"what", c.what}});
        if (!json)
            out << fmt::format("{:<22}{}\n", c.name, c.what);
    }
    if (json)
        out << results::to_text(boost::json::object{{"cases", std::move(all)}});
}

void print_json(const std::vector<contest>& contests, std::ostream& out) {
    boost::json::array all;
    for (const contest& c : contests)
        all.push_back(boost::json::object{
            {"name", c.name}, {"baseline", c.baseline->label}, {"ratio", median(c.ratios)}, {"ns", median(c.ns)}});
    out << results::to_text(boost::json::object{{"results", std::move(all)}});
}

} // namespace

void run_bench(const bench_options& options, std::ostream& out) {
    arena all(options);
    if (options.list) {
        list(all.contests(), options.json, out);
        return;
    }
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    all.program();
    for (contest& c : all.contests()) {
        arena::sample(*c.baseline); // warms both up
        arena::sample(*c.ours);
        benchmark::RegisterBenchmark(c.name.c_str(),
                                     [&c](benchmark::State& state) {
                                         for (auto _ : state) {
                                             const double before = arena::sample(*c.baseline);
                                             const double ours = arena::sample(*c.ours);
                                             const double after = arena::sample(*c.baseline);
                                             c.ns.push_back(ours);
                                             c.ratios.push_back(ours / (0.5 * (before + after)));
                                             state.SetIterationTime(ours * 1e-9 * static_cast<double>(c.ours->ops));
                                         }
                                     })
            ->UseManualTime()
            ->Iterations(options.rounds);
    }
    silent reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::ClearRegisteredBenchmarks();
    if (options.json)
        print_json(all.contests(), out);
    else
        print(all.contests(), out);
}

} // namespace iommulab::bench
