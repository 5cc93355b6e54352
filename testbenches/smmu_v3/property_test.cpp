// SPDX-License-Identifier: Apache-2.0
// Simulated SMMUv3s against the independent reference walk: random tables, random accesses, random shapes of the
// hardware. One simulation serves all cases of a test; each case begins with a reset.
#include "testbenches/harness/random_cases.h"
#include "testbenches/smmu_v3/cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <random>

namespace iommulab::harness {
namespace {

namespace ref = iommulab::reference;
using machines = std::vector<std::unique_ptr<smmu_v3_machine>>;

constexpr unsigned cases = 300; // enough for every kind of fault; by hand, more

smmu_v3::smmu_parameters parameters_of(unsigned set) {
    smmu_v3::smmu_parameters p;
    p.id = id_registers_of(feature_set(set));
    return p;
}

/// One machine for each set of features.
machines machine_for_each_set(const std::function<void(smmu_v3::smmu_parameters&)>& adjust = {},
                              const std::string& prefix = "m") {
    machines all;
    for (unsigned set = 0; set < feature_sets; ++set) {
        auto p = parameters_of(set);
        if (adjust)
            adjust(p);
        all.push_back(std::make_unique<smmu_v3_machine>((prefix + std::to_string(set)).c_str(), p,
                                                        memory_of(ref::generator_options{})));
    }
    return all;
}

void expect_record(const std::vector<smmu_v3_machine::event_record>& got,
                   const std::optional<std::array<std::uint64_t, 4>>& want) {
    ASSERT_EQ(got.size(), want ? 1U : 0U) << (got.empty() ? text_of(*want) : text_of(got[0]));
    if (want) {
        EXPECT_EQ(got[0], *want) << "found " << text_of(got[0]) << ", expected " << text_of(*want);
    }
}

// --- the reference

/// Access after access, each compared with the reference on memory as it is then.
void compare(smmu_v3_machine& m, const ref::chooser& choose, ref::stages translation, const ref::features& f,
             case_tally& seen) {
    const ref::stream_program program = random_program(choose, translation, f);
    m.clear();
    load(m, program);
    shadow_memory shadow(m, program);
    for (const std::uint64_t input : program.tables.inputs) {
        device_access a = random_access(choose, program, input);
        SCOPED_TRACE(text_of(a));
        const ref::expectation e = expect(m, program, a);
        SCOPED_TRACE("reference: " + ref::to_string(e.last));
        if (!e.worthwhile)
            continue;
        seen.count(e);
        shadow.prepare(choose, e, a);
        m.devices[0]->issue(a);
        ASSERT_TRUE(m.settle());
        shadow.apply(e, a);
        shadow.expect_updates(e);
        expect_answer(e, a, shadow);
        expect_record(m.take_events(), e.record);
        if (::testing::Test::HasFailure())
            return;
    }
    shadow.expect_same();
    EXPECT_EQ(m.violations(), "");
}

void agrees_with_the_reference(ref::stages translation) {
    const machines all = machine_for_each_set();
    case_tally seen;
    check_random_cases("accesses end as the reference says", cases, [&](const ref::chooser& choose) {
        const auto set = static_cast<unsigned>(choose(feature_sets));
        compare(*all[set], choose, translation, feature_set(set), seen);
    });
    seen.expect_variety();
}

TEST(smmu_v3_property, stage_1_accesses_end_as_the_reference_says) {
    agrees_with_the_reference(ref::stages::stage1);
}
TEST(smmu_v3_property, stage_2_accesses_end_as_the_reference_says) {
    agrees_with_the_reference(ref::stages::stage2);
}
TEST(smmu_v3_property, nested_accesses_end_as_the_reference_says) {
    agrees_with_the_reference(ref::stages::nested);
}

// --- the three modes

/// The same program and accesses on both machines. Debug accesses look on before each access is made.
void compare_modes(smmu_v3_machine& at, smmu_v3_machine& lt, const ref::chooser& choose, const ref::features& f,
                   case_tally& seen) {
    const auto translation = static_cast<ref::stages>(choose(3));
    const ref::stream_program program = random_program(choose, translation, f);
    for (auto* m : {&at, &lt}) {
        m->clear();
        load(*m, program);
    }
    shadow_memory shadow_of_at(at, program), shadow_of_lt(lt, program);
    for (const std::uint64_t input : program.tables.inputs) {
        device_access a = random_access(choose, program, input);
        SCOPED_TRACE(text_of(a));
        const ref::expectation e = expect(at, program, a);
        if (!e.worthwhile)
            continue;
        seen.count(e);
        const std::uint64_t contents = choose(~std::uint64_t{0});
        for (auto* s : {&shadow_of_at, &shadow_of_lt}) {
            std::mt19937_64 engine(contents);
            s->prepare(ref::choose_with(engine), e, a);
        }
        device_access debug = a, loose = a;
        const std::uint64_t faults = at.counted("faults");
        const bool ends_well = e.ok && !e.reads_zero;
        if (!a.write || ends_well) { // a debug write that ends half-way has changed something already
            const unsigned moved = at.devices[0]->look(debug);
            EXPECT_EQ(moved == a.data.size(), ends_well);
            EXPECT_EQ(at.counted("faults"), faults);
        }
        at.devices[0]->issue(a);
        ASSERT_TRUE(at.settle());
        lt.devices[0]->transport(loose);
        ASSERT_TRUE(lt.settle());
        EXPECT_EQ(a.status, loose.status);
        if (a.status == tlm::TLM_OK_RESPONSE) {
            EXPECT_EQ(a.data, loose.data);
        }
        if (ends_well && !a.write) {
            EXPECT_EQ(a.data, debug.data);
        }
        const auto at_events = at.take_events(), lt_events = lt.take_events();
        ASSERT_EQ(at_events.size(), lt_events.size());
        for (std::size_t n = 0; n < at_events.size(); ++n)
            EXPECT_EQ(at_events[n], lt_events[n])
                << text_of(at_events[n]) << ", loosely timed " << text_of(lt_events[n]);
        shadow_of_at.apply(e, a);
        shadow_of_lt.apply(e, a);
        shadow_of_at.expect_updates(e);
        shadow_of_lt.expect_updates(e);
        if (::testing::Test::HasFailure())
            return;
    }
    shadow_of_at.expect_same();
    shadow_of_lt.expect_same();
    EXPECT_EQ(at.violations() + lt.violations(), "");
}

TEST(smmu_v3_property, all_modes_give_the_same_translations_faults_and_records) {
    const machines at = machine_for_each_set();
    const machines lt =
        machine_for_each_set([](smmu_v3::smmu_parameters& p) { p.mode = simulation_mode::loosely_timed; }, "lt");
    case_tally seen;
    check_random_cases("AT, LT and debug agree", cases, [&](const ref::chooser& choose) {
        const auto set = static_cast<unsigned>(choose(feature_sets));
        compare_modes(*at[set], *lt[set], choose, feature_set(set), seen);
    });
    seen.expect_variety();
}

// --- any shape of the hardware, many accesses at a time

struct planned {
    device_access a;
    ref::expectation e;
};

/// Accesses whose results do not depend on their order: no byte of memory is touched twice.
std::deque<planned> plan(const smmu_v3_machine& m, const ref::stream_program& program, const ref::chooser& choose,
                         shadow_memory& shadow, case_tally& seen) {
    std::deque<planned> all;
    std::map<std::uint64_t, std::uint64_t> taken; // first byte to end
    const auto is_free = [&](std::uint64_t first, std::uint64_t end) {
        auto next = taken.lower_bound(end);
        return next == taken.begin() || std::prev(next)->second <= first;
    };
    constexpr std::size_t most = std::size_t{1} << machine_layout::evtq_log2; // a record each at most
    for (const std::uint64_t input : program.tables.inputs) {
        if (all.size() == most)
            break;
        device_access a = random_access(choose, program, input);
        ref::expectation e = expect(m, program, a);
        bool good = e.worthwhile;
        for (const auto& piece : e.pieces) {
            const std::uint64_t end = piece.output + piece.bytes;
            good = good && (!piece.exists || is_free(piece.output, end));
            if (good && piece.exists)
                taken[piece.output] = end;
        }
        if (!good)
            continue;
        seen.count(e);
        shadow.prepare(choose, e, a);
        shadow.apply(e, a);
        all.push_back({std::move(a), std::move(e)});
    }
    return all;
}

/// Whatever their order.
void expect_same_records(std::vector<smmu_v3_machine::event_record> got,
                         std::vector<smmu_v3_machine::event_record> want) {
    std::sort(got.begin(), got.end());
    std::sort(want.begin(), want.end());
    std::vector<smmu_v3_machine::event_record> only;
    std::set_difference(got.begin(), got.end(), want.begin(), want.end(), std::back_inserter(only));
    for (const auto& r : only)
        ADD_FAILURE() << "not expected: " << text_of(r);
    only.clear();
    std::set_difference(want.begin(), want.end(), got.begin(), got.end(), std::back_inserter(only));
    for (const auto& r : only)
        ADD_FAILURE() << "missing: " << text_of(r);
}

void run_at_once(smmu_v3_machine& m, const ref::chooser& choose, const ref::features& f, case_tally& seen) {
    const ref::stream_program program = random_program(choose, static_cast<ref::stages>(choose(3)), f);
    m.clear();
    load(m, program);
    shadow_memory shadow(m, program);
    std::deque<planned> all = plan(m, program, choose, shadow, seen);
    std::vector<std::array<std::uint64_t, 4>> records;
    for (auto& d : m.devices)
        d->response_ps = choose(3) ? 0 : choose(5) * 700;
    for (planned& p : all) {
        p.a.not_before_ps = sc_core::sc_time_stamp().value() + choose(choose(2) ? 1'000'000 : 1000);
        m.devices[choose(m.devices.size())]->issue(p.a);
        if (p.e.record)
            records.push_back(*p.e.record);
    }
    ASSERT_TRUE(m.settle(10'000'000));
    for (const planned& p : all) {
        SCOPED_TRACE(text_of(p.a) + "; reference: " + ref::to_string(p.e.last));
        shadow.expect_updates(p.e);
        expect_answer(p.e, p.a, shadow);
        if (::testing::Test::HasFailure())
            return;
    }
    const auto got = m.take_events();
    expect_same_records(got, records);
    shadow.expect_same();
    EXPECT_EQ(m.violations(), "");
}

TEST(smmu_v3_property, results_do_not_depend_on_sizes_policies_ports_or_order) {
    std::random_device seeds;
    const std::uint64_t shapes_seed = seeds();
    SCOPED_TRACE("shapes of seed " + std::to_string(shapes_seed));
    std::mt19937_64 engine(shapes_seed);
    const ref::chooser choose_shape = ref::choose_with(engine);
    constexpr unsigned shapes = 12;
    machines all;
    for (unsigned n = 0; n < shapes; ++n) {
        smmu_v3::smmu_parameters p;
        if (n >= feature_sets) // the first have their full size, so that both are seen against the reference
            p = small_parameters(choose_shape, 1 + static_cast<unsigned>(choose_shape(4)));
        else
            p.ports = 2;
        p.id = id_registers_of(feature_set(n % feature_sets));
        all.push_back(std::make_unique<smmu_v3_machine>(
            ("m" + std::to_string(n)).c_str(), p, memory_of(ref::generator_options{}), 1'000 * choose_shape(200)));
    }
    case_tally seen;
    check_random_cases("small structures give the same results", cases, [&](const ref::chooser& choose) {
        const auto n = static_cast<unsigned>(choose(shapes));
        run_at_once(*all[n], choose, feature_set(n % feature_sets), seen);
    });
    seen.expect_variety();
}

// --- time

struct measured {
    std::uint64_t begin_ps, total_ps, parts_ps;
};

TEST(smmu_v3_property, every_time_sheet_adds_up_to_what_the_device_measures) {
    machines all;
    for (unsigned n = 0; n < feature_sets; ++n) {
        std::mt19937_64 engine(n);
        auto p = n == 0 ? smmu_v3::smmu_parameters{} : small_parameters(ref::choose_with(engine), n);
        p.id = id_registers_of(feature_set(n));
        if (n == 1)
            p.mode = simulation_mode::loosely_timed;
        all.push_back(std::make_unique<smmu_v3_machine>(("m" + std::to_string(n)).c_str(), p,
                                                        memory_of(ref::generator_options{})));
    }
    case_tally seen;
    std::map<access_outcome, unsigned> outcomes;
    check_random_cases("the parts of a sheet are the latency", cases, [&](const ref::chooser& choose) {
        const auto n = static_cast<unsigned>(choose(feature_sets));
        smmu_v3_machine& m = *all[n];
        const auto translation = static_cast<ref::stages>(choose(3));
        const ref::stream_program program = random_program(choose, translation, feature_set(n));
        m.clear();
        load(m, program);
        shadow_memory shadow(m, program);
        std::vector<measured> sheets;
        m.model.on_access([&](const answered_access& done) {
            EXPECT_EQ(done.what.source_id, program.stream_id);
            std::uint64_t parts = 0;
            done.sheet.for_each([&](std::size_t, std::uint64_t ps) { parts += ps; });
            sheets.push_back({done.sheet.begin_ps(), done.sheet.total_ps(), parts});
            ++outcomes[done.how];
        });
        std::deque<planned> accesses = plan(m, program, choose, shadow, seen);
        for (planned& p : accesses) {
            if (n == 1) {
                m.devices[0]->transport(p.a);
                m.run(1);
                continue;
            }
            p.a.not_before_ps = sc_core::sc_time_stamp().value() + choose(choose(2) ? 1'000'000 : 1000);
            m.devices[choose(m.devices.size())]->issue(p.a);
        }
        ASSERT_TRUE(m.settle(10'000'000));
        m.model.on_access({});
        ASSERT_EQ(sheets.size(), accesses.size());
        std::vector<std::pair<std::uint64_t, std::uint64_t>> got, want; // begin, latency
        for (const measured& s : sheets) {
            EXPECT_EQ(s.parts_ps, s.total_ps);
            got.emplace_back(s.begin_ps, s.total_ps);
        }
        for (const planned& p : accesses)
            want.emplace_back(p.a.begun_ps, p.a.ended_ps - p.a.begun_ps);
        std::sort(got.begin(), got.end());
        std::sort(want.begin(), want.end());
        EXPECT_EQ(got, want);
        m.take_events();
    });
    for (const auto how :
         {access_outcome::micro_tlb_hit, access_outcome::tlb_hit, access_outcome::miss, access_outcome::fault})
        EXPECT_GT(outcomes[how], 0U) << name_of(how);
}

} // namespace
} // namespace iommulab::harness
