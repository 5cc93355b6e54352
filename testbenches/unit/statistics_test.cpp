// SPDX-License-Identifier: Apache-2.0
#include "models/core/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace iommulab {
namespace {

time_sheet sheet_of(std::uint64_t walk_ps, std::uint64_t memory_ps) {
    time_sheet sheet;
    sheet.begin(1'000'000);
    sheet.charge(time_part::walk_level_0, 1'000'000 + walk_ps);
    sheet.charge(time_part::memory, 1'000'000 + walk_ps + memory_ps);
    return sheet;
}

std::uint64_t parts_of(const latency_profile::summary& s) {
    return std::accumulate(s.sum_part_ps.begin(), s.sum_part_ps.end(), std::uint64_t{0});
}

TEST(time_sheet, parts_and_outcomes_have_distinct_names) {
    std::set<std::string> names, texts;
    for (std::size_t i = 0; i < time_parts; ++i) {
        names.insert(name_of(static_cast<time_part>(i)));
        texts.insert(text_of(static_cast<time_part>(i)));
    }
    EXPECT_EQ(names.size(), time_parts);
    EXPECT_EQ(texts.size(), time_parts);
    EXPECT_STREQ(name_of(time_part::port_wait), "port_wait");
    EXPECT_STREQ(name_of(time_part::response), "response");
    EXPECT_STREQ(name_of(walk_level(1, 3)), "walk_level_3");
    EXPECT_STREQ(name_of(walk_level(2, 4)), "stage2_level_4");
    EXPECT_STREQ(name_of(access_outcome::micro_tlb_hit), "micro_tlb_hit");
    EXPECT_STREQ(name_of(access_outcome::fault), "fault");
    EXPECT_STREQ(text_of(access_outcome::fault), "fault");
}

TEST(time_sheet, charged_and_annotated_parts_add_up_to_the_total) {
    time_sheet sheet;
    sheet.begin(500);
    sheet.charge(time_part::port_wait, 700);
    sheet.add(time_part::tlb, 30);
    sheet.charge(time_part::memory, 1730);
    sheet.charge(time_part::response, 1730);
    EXPECT_EQ(sheet.total_ps(), 1230u);
    EXPECT_EQ(sheet.part_ps(time_part::port_wait), 200u);
    EXPECT_EQ(sheet.part_ps(time_part::tlb), 30u);
    EXPECT_EQ(sheet.part_ps(time_part::memory), 1000u);
    std::uint64_t sum = 0;
    sheet.for_each([&sum](std::size_t, std::uint64_t ps) { sum += ps; });
    EXPECT_EQ(sum, sheet.total_ps());
}

TEST(latency_profile, without_accesses_is_all_zero) {
    latency_profile profile;
    const auto s = profile.summarise();
    EXPECT_EQ(s.count, 0u);
    EXPECT_EQ(s.min_ps, 0.0);
    EXPECT_EQ(s.max_ps, 0.0);
    EXPECT_EQ(s.p999_ps, 0.0);
    EXPECT_EQ(s.mean_ps, 0.0);
}

TEST(latency_profile, a_single_latency_is_given_exactly) {
    for (const std::uint64_t latency : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{255}, std::uint64_t{256},
                                        std::uint64_t{1'234'567}, std::uint64_t{1} << 62}) {
        latency_profile profile;
        profile.add(sheet_of(0, latency));
        const auto s = profile.summarise();
        const auto expected = static_cast<double>(latency);
        for (const double value : {s.min_ps, s.mean_ps, s.p50_ps, s.p90_ps, s.p99_ps, s.p999_ps, s.max_ps})
            EXPECT_EQ(value, expected);
    }
}

TEST(latency_profile, two_latencies_are_given_exactly_at_the_boundary_rank) {
    latency_profile profile;
    for (int i = 0; i < 90; ++i)
        profile.add(sheet_of(0, 20'000));
    for (int i = 0; i < 10; ++i)
        profile.add(sheet_of(180'000, 20'000));
    auto s = profile.summarise();
    EXPECT_EQ(s.p50_ps, 20'000.0);
    EXPECT_EQ(s.p90_ps, 20'000.0); // the 90th of 100
    EXPECT_EQ(s.p99_ps, 200'000.0);
    EXPECT_EQ(s.mean_ps, 38'000.0);
    profile.add(sheet_of(180'000, 20'000)); // rank 91 of 101
    EXPECT_EQ(profile.summarise().p90_ps, 200'000.0);
}

TEST(latency_profile, percentiles_are_latencies_that_occurred_within_one_percent_of_the_true_ones) {
    std::mt19937_64 random(7);
    for (const double sigma : {0.1, 1.0, 3.0}) {
        std::lognormal_distribution<double> distribution(11.0, sigma);
        latency_profile profile;
        std::vector<std::uint64_t> latencies;
        for (int i = 0; i < 20'000; ++i) {
            latencies.push_back(static_cast<std::uint64_t>(distribution(random)));
            profile.add(sheet_of(0, latencies.back()));
        }
        std::sort(latencies.begin(), latencies.end());
        const auto s = profile.summarise();
        for (const auto& [value, per_mille] :
             {std::pair{s.p50_ps, 500u}, {s.p90_ps, 900u}, {s.p99_ps, 990u}, {s.p999_ps, 999u}}) {
            const auto truth = static_cast<double>(latencies[latencies.size() * per_mille / 1000 - 1]);
            EXPECT_GE(value, truth);
            EXPECT_LE(value, truth * 1.01);
            EXPECT_TRUE(std::binary_search(latencies.begin(), latencies.end(), static_cast<std::uint64_t>(value)));
        }
        EXPECT_EQ(s.min_ps, static_cast<double>(latencies.front()));
        EXPECT_EQ(s.max_ps, static_cast<double>(latencies.back()));
    }
}

TEST(latency_profile, sums_of_parts_are_exact) {
    std::mt19937_64 random(3);
    latency_profile profile;
    std::uint64_t total = 0, walks = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t walk = random() % 1'000'003, memory = random() % 99'991;
        profile.add(sheet_of(walk, memory));
        total += walk + memory;
        walks += walk;
    }
    const auto s = profile.summarise();
    EXPECT_EQ(s.sum_ps, total);
    EXPECT_EQ(parts_of(s), total);
    EXPECT_EQ(s.sum_part_ps[static_cast<std::size_t>(time_part::walk_level_0)], walks);
    EXPECT_NEAR(std::accumulate(s.mean_part_ps.begin(), s.mean_part_ps.end(), 0.0), s.mean_ps, 1e-6);
}

TEST(latency_profile, runs_of_equal_hits_count_like_single_accesses) {
    latency_profile runs, singles;
    const auto hit = [&](std::uint64_t lookup_ps, std::uint64_t memory_ps, int times) {
        for (int i = 0; i < times; ++i) {
            runs.add_hit(lookup_ps, memory_ps);
            time_sheet sheet;
            sheet.begin(0);
            sheet.add(time_part::micro_tlb, lookup_ps);
            sheet.add(time_part::memory, memory_ps);
            singles.add(sheet);
        }
    };
    hit(0, 0, 3); // equal to the state of a fresh profile
    hit(1000, 50'000, 1000);
    hit(1000, 70'000, 1);
    hit(3000, 48'000, 500); // the same total as the first, another split
    runs.add(sheet_of(5, 6));
    singles.add(sheet_of(5, 6));
    hit(3000, 48'000, 7);
    EXPECT_EQ(runs.count(), 1512u);
    for (int i = 0; i < 2; ++i) { // reading ends the run; the next hit begins another
        const auto a = runs.summarise(), b = singles.summarise();
        EXPECT_EQ(a.count, b.count);
        EXPECT_EQ(a.sum_ps, b.sum_ps);
        EXPECT_EQ(a.sum_part_ps, b.sum_part_ps);
        EXPECT_EQ(parts_of(a), a.sum_ps);
        for (const auto member :
             {&latency_profile::summary::min_ps, &latency_profile::summary::mean_ps, &latency_profile::summary::p50_ps,
              &latency_profile::summary::p90_ps, &latency_profile::summary::p99_ps, &latency_profile::summary::p999_ps,
              &latency_profile::summary::max_ps})
            EXPECT_EQ(a.*member, b.*member);
        hit(3000, 48'000, 2);
    }
}

TEST(latency_profile, merging_equals_adding_to_one) {
    std::mt19937_64 random(5);
    latency_profile a, b, both, empty;
    for (int i = 0; i < 5000; ++i) {
        const std::uint64_t latency = random() % (i % 3 == 0 ? 40'000'000 : 30'000);
        (i % 2 ? a : b).add(sheet_of(0, latency));
        both.add(sheet_of(0, latency));
    }
    for (int i = 0; i < 50; ++i) {
        b.add_hit(10, 20);
        both.add_hit(10, 20);
    }
    a.merge(b);
    a.merge(empty);
    const auto s = a.summarise(), t = both.summarise();
    EXPECT_EQ(s.count, t.count);
    EXPECT_EQ(s.sum_part_ps, t.sum_part_ps);
    EXPECT_EQ(s.p50_ps, t.p50_ps);
    EXPECT_EQ(s.p90_ps, t.p90_ps);
    EXPECT_EQ(s.p99_ps, t.p99_ps);
    EXPECT_EQ(s.min_ps, t.min_ps);
    EXPECT_EQ(s.max_ps, t.max_ps);
}

TEST(access_statistics, keeps_a_profile_a_key_in_order_of_source_outcome_and_page) {
    access_statistics statistics;
    const access_statistics::key keys[] = {{2, access_outcome::miss, 12},
                                           {1, access_outcome::fault, 0},
                                           {1, access_outcome::micro_tlb_hit, 21},
                                           {1, access_outcome::micro_tlb_hit, 12}};
    for (int round = 0; round < 3; ++round)
        for (std::uint64_t i = 0; i < 4; ++i)
            statistics.of(keys[i]).add(sheet_of(0, 100 + i));
    ASSERT_EQ(statistics.all().size(), 4u);
    std::vector<std::uint64_t> order;
    for (const auto& [key, profile] : statistics.all()) {
        EXPECT_EQ(profile.count(), 3u);
        order.push_back(profile.summarise().sum_ps / 3);
    }
    EXPECT_EQ(order, (std::vector<std::uint64_t>{103, 102, 101, 100}));
}

TEST(access_statistics, references_stay_valid_and_thousands_of_keys_do_not_mix) {
    access_statistics statistics;
    latency_profile& first = statistics.of({0, access_outcome::tlb_hit, 12});
    for (int round = 0; round < 2; ++round)
        for (std::uint32_t source = 0; source < 3000; ++source)
            for (unsigned outcome = 0; outcome < access_outcomes; ++outcome)
                statistics.of({source, static_cast<access_outcome>(outcome), 12}).add(sheet_of(0, source));
    EXPECT_EQ(&first, &statistics.of({0, access_outcome::tlb_hit, 12}));
    EXPECT_EQ(statistics.all().size(), 3000u * access_outcomes);
    for (const auto& [key, profile] : statistics.all())
        ASSERT_EQ(profile.summarise().sum_ps, 2 * key.source_id);
}

TEST(access_statistics, reset_forgets_everything) {
    access_statistics statistics;
    statistics.of({7, access_outcome::miss, 12}).add(sheet_of(1, 2));
    statistics.reset();
    EXPECT_TRUE(statistics.all().empty());
    EXPECT_EQ(statistics.of({7, access_outcome::miss, 12}).count(), 0u);
}

} // namespace
} // namespace iommulab
