// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/figures.h"
#include "testbenches/results/iommu_report.h"
#include "testbenches/results/json_text.h"
#include "testbenches/results/text_table.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <sstream>
#include <string>

namespace iommulab::results {
namespace {

using testing::HasSubstr;
using testing::Not;

time_sheet sheet_of(std::initializer_list<std::pair<time_part, std::uint64_t>> parts) {
    time_sheet sheet;
    sheet.begin(0);
    for (const auto& [part, duration_ps] : parts)
        sheet.add(part, duration_ps);
    return sheet;
}

/// Three masters as a real run has them: mostly hits, some walks, a few faults.
class results_test : public testing::Test {
  protected:
    results_test() {
        std::mt19937_64 random(1);
        const auto some = [&](std::uint64_t most) { return random() % most * 500; };
        for (int i = 0; i < 9000; ++i)
            statistics_.of({0x100, access_outcome::micro_tlb_hit, 12}).add_hit(1000, 42'000);
        for (int i = 0; i < 1800; ++i)
            statistics_.of({0x100, access_outcome::tlb_hit, 21})
                .add(sheet_of({{time_part::port_wait, some(4)},
                               {time_part::micro_tlb, 1000},
                               {time_part::tlb, 4000 + some(8)},
                               {time_part::memory, 40'000 + some(40)}}));
        for (int i = 0; i < 700; ++i)
            statistics_.of({0x200, access_outcome::miss, 12})
                .add(sheet_of({{time_part::port_wait, some(30)},
                               {time_part::micro_tlb, 1000},
                               {time_part::tlb, 4000 + some(8)},
                               {time_part::walker_wait, i % 10 ? 0 : some(100)},
                               {time_part::walk_cache, 2000},
                               {time_part::walk_level_2, i % 4 ? 0 : 45'000},
                               {time_part::walk_level_3, 45'000 + some(60)},
                               {time_part::memory, 40'000 + some(40)},
                               {time_part::response, 1000}}));
        for (int i = 0; i < 3; ++i)
            statistics_.of({0x300, access_outcome::fault, 0})
                .add(sheet_of({{time_part::walk_level_1, 51'333}, {time_part::fault_report, 8000}}));
        report_ = {.name = "smmu0",
                   .model = "smmu_v3, mmu-600",
                   .accesses = &statistics_,
                   .counters = {{"tlb_fills", "entries written into the main TLB", &fills_},
                                {"busy_ps", "time in which it worked", &busy_ps_},
                                {"sync", "SYNC commands completed", &none_}},
                   .master_names = {{0x100, "nvme"}, {0x200, "nic"}}};
    }
    access_statistics statistics_;
    std::uint64_t fills_ = 1700, none_ = 0, busy_ps_ = 36'218'300;
    iommu_report report_;
};

std::size_t longest_line(const std::string& text) {
    std::size_t longest = 0;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        longest = std::max(longest, width_of(line));
    return longest;
}

TEST_F(results_test, json_counts_by_master_and_outcome) {
    const auto json = to_json(report_);
    EXPECT_EQ(json.at("accesses"), 11'503);
    EXPECT_EQ(json.at("outcomes").at("micro_tlb_hit"), 9000);
    EXPECT_EQ(json.at("outcomes").at("bypass"), 0);
    ASSERT_EQ(json.at("masters").as_array().size(), 3u);
    const auto& nvme = json.at("masters").as_array()[0];
    EXPECT_EQ(nvme.at("source_id"), 0x100);
    EXPECT_EQ(nvme.at("name"), "nvme");
    EXPECT_EQ(nvme.at("accesses"), 10'800);
    EXPECT_EQ(nvme.at("outcomes").at("tlb_hit"), 1800);
    EXPECT_EQ(json.at("masters").as_array()[2].at("name"), "0x300");
    EXPECT_EQ(json.at("by_outcome").as_array().size(), 4u);
    EXPECT_EQ(json.at("by_page_size").as_array()[1].at("page_bytes"), 2 << 20);
    EXPECT_EQ(json.at("profiles").as_array()[3].at("page_bytes"), 0);
    EXPECT_EQ(json.at("counters").at("tlb_fills"), 1700);
    EXPECT_EQ(json.at("counters").at("sync"), 0);
}

TEST_F(results_test, accesses_that_failed_are_in_no_latency_of_the_others) {
    const auto json = to_json(report_);
    EXPECT_EQ(json.at("latency").at("count"), 11'500);
    EXPECT_EQ(json.at("failed_latency").at("count"), 3);
    EXPECT_EQ(json.at("failed_latency").at("ns").at("max"), 59.333);
    EXPECT_EQ(json.at("masters").as_array()[2].at("latency").at("count"), 0);
    EXPECT_EQ(json.at("masters").as_array()[2].at("failed_latency").at("count"), 3);
    EXPECT_THAT(to_text(report_), HasSubstr("failed ones"));
}

TEST_F(results_test, json_keys_have_the_documented_order) {
    std::string keys;
    for (const auto& member : to_json(report_))
        keys += std::string(member.key()) + ' ';
    EXPECT_EQ(keys,
              "name model accesses outcomes latency failed_latency masters by_outcome by_page_size profiles counters ");
}

TEST_F(results_test, json_parts_add_up_to_the_mean_and_the_total_exactly) {
    const auto json = to_json(report_);
    std::vector<const boost::json::value*> latencies{&json.at("latency")};
    for (const char* list : {"masters", "by_outcome", "by_page_size", "profiles"})
        for (const auto& item : json.at(list).as_array())
            latencies.push_back(&item.at(item.at("latency").at("count") == 0 ? "failed_latency" : "latency"));
    ASSERT_EQ(latencies.size(), 1u + 3 + 4 + 2 + 4);
    for (const auto* latency : latencies) {
        std::int64_t mean_ps = 0;
        for (const auto& part : latency->at("mean_parts_ns").as_object())
            mean_ps += std::llround(part.value().as_double() * 1000.0);
        EXPECT_EQ(mean_ps, std::llround(latency->at("ns").at("mean").as_double() * 1000.0));
        std::uint64_t total_ps = 0;
        for (const auto& part : latency->at("total_parts_ps").as_object())
            total_ps += part.value().to_number<std::uint64_t>();
        EXPECT_EQ(total_ps, latency->at("total_ps").to_number<std::uint64_t>());
        EXPECT_NEAR(static_cast<double>(total_ps) / latency->at("count").to_number<double>() / 1000.0,
                    latency->at("ns").at("mean").as_double(), 0.0006);
    }
}

TEST_F(results_test, json_is_the_same_for_the_same_accesses) {
    const std::string first = to_text(boost::json::value(to_json(report_)));
    EXPECT_EQ(first, to_text(boost::json::value(to_json(report_))));
    EXPECT_EQ(boost::json::serialize(boost::json::parse(first).at("masters").at(0).at("latency").at("ns").at("p50")),
              boost::json::serialize(boost::json::value(43.0)));
    EXPECT_THAT(first, HasSubstr("\"p50\": 43.000,"));
}

TEST_F(results_test, an_empty_report_is_complete) {
    const iommu_report nothing{.name = "idle", .model = ""};
    EXPECT_EQ(to_text(nothing), "idle: no accesses\n");
    const auto json = to_json(nothing);
    EXPECT_EQ(json.at("accesses"), 0);
    EXPECT_EQ(json.at("latency").at("ns").at("p99_9"), 0.0);
    EXPECT_TRUE(json.at("masters").as_array().empty());
}

TEST_F(results_test, text_says_who_was_answered_where) {
    const std::string text = to_text(report_);
    EXPECT_THAT(text, HasSubstr("smmu0 (smmu_v3, mmu-600): 11,503 accesses by 3 masters\n"));
    EXPECT_THAT(text, testing::ContainsRegex("nvme +10,800 +9,000  83\\.3% +1,800  16\\.7% +0      - +0      -\n"));
    EXPECT_THAT(text,
                testing::ContainsRegex("all +11,503 +9,000  78\\.2% +1,800  15\\.6% +700   6\\.1% +3  <0\\.1%\n"));
    EXPECT_THAT(text,
                testing::ContainsRegex("failed ones +3 +59\\.3 +59\\.3 +59\\.3 +59\\.3 +59\\.3 +59\\.3 +59\\.3\n"));
    EXPECT_THAT(text, Not(HasSubstr("bypass")));
    EXPECT_THAT(text, HasSubstr("2 MiB"));
}

TEST_F(results_test, text_breaks_each_outcome_down_into_its_parts) {
    const std::string text = to_text(report_);
    EXPECT_THAT(text, HasSubstr("fault: 59.3 ns each, 3 accesses, <0.1% of all time"));
    EXPECT_THAT(text, testing::ContainsRegex("table walk, level 1 +51\\.3 ns +86\\.5%"));
    EXPECT_THAT(text, testing::ContainsRegex("reporting the fault +8\\.0 ns +13\\.5%"));
    EXPECT_THAT(text, Not(HasSubstr("level 0")));
    EXPECT_THAT(text, testing::ContainsRegex("tlb_fills +1,700 +entries written into the main TLB\n"));
    EXPECT_THAT(text, testing::ContainsRegex("busy +36\\.2 us +time in which it worked\n"));
    EXPECT_THAT(text, Not(HasSubstr("SYNC")));
    EXPECT_THAT(text, Not(HasSubstr("_ps")));
}

TEST_F(results_test, one_access_is_singular) {
    access_statistics one;
    one.of({7, access_outcome::miss, 12}).add(sheet_of({{time_part::memory, 1000}}));
    report_.accesses = &one;
    EXPECT_THAT(to_text(report_), HasSubstr(": 1 access by 1 master\n"));
    EXPECT_THAT(to_text(report_), HasSubstr("miss: 1.00 ns each, 1 access, "));
}

TEST_F(results_test, what_has_no_tlb_is_told_without_hits) {
    access_statistics some;
    some.of({7, access_outcome::miss, 12}).add(sheet_of({{time_part::own_table, 6000}}));
    report_.accesses = &some;
    EXPECT_TRUE(to_json(report_).at("outcomes").as_object().contains("tlb_hit"));
    report_.has_micro_tlb = report_.has_tlb = false;
    const auto outcomes = to_json(report_).at("outcomes").as_object();
    EXPECT_FALSE(outcomes.contains("micro_tlb_hit") || outcomes.contains("tlb_hit"));
    EXPECT_EQ(outcomes.at("miss"), 1);
    EXPECT_THAT(to_text(report_), testing::AllOf(HasSubstr("translated: 6.00 ns each"), Not(HasSubstr("miss:"))));
}

TEST_F(results_test, latencies_are_told_in_one_unit_that_fits_them) {
    access_statistics slow;
    for (const std::uint64_t us : {2, 40'000})
        slow.of({7, access_outcome::miss, 12}).add(sheet_of({{time_part::stalled, us * 1'000'000}}));
    report_.accesses = &slow;
    const std::string text = to_text(report_);
    EXPECT_THAT(text, HasSubstr("Latency of an access (us)"));
    EXPECT_THAT(text, testing::ContainsRegex("0x7 +2 +2\\.0 +20,001\\.0 "));
}

TEST_F(results_test, no_line_is_longer_than_asked) {
    report_.master_names[0x200] = "a network card with a name far longer than any table can hold in its first column";
    for (int i = 0; i < 40; ++i)
        statistics_.of({0x400, access_outcome::bypass, 12}).add(sheet_of({{time_part::stalled, 123'456'789'000'000}}));
    for (const unsigned columns : {80u, 100u, 140u})
        EXPECT_LE(longest_line(to_text(report_, {.columns = columns})), columns);
    const std::string plain = to_text(report_, {.unicode = false});
    EXPECT_TRUE(std::ranges::all_of(plain, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    EXPECT_THAT(plain, HasSubstr("####"));
}

TEST_F(results_test, many_masters_are_added_up) {
    for (std::uint32_t source = 0x1000; source < 0x1064; ++source)
        statistics_.of({source, access_outcome::tlb_hit, 12}).add(sheet_of({{time_part::tlb, 4000}}));
    const std::string text = to_text(report_, {.masters = 4});
    EXPECT_THAT(text, testing::ContainsRegex("100 others +100 +0      - +100 100\\.0%"));
    EXPECT_THAT(text, testing::ContainsRegex("all +11,603 "));
    EXPECT_THAT(text, Not(HasSubstr("0x1000")));
}

TEST_F(results_test, masters_of_the_same_name_are_told_apart) {
    report_.master_names[0x200] = "nvme";
    EXPECT_THAT(to_text(report_), testing::AllOf(HasSubstr("nvme 0x100 "), HasSubstr("nvme 0x200 ")));
}

TEST(json_text, doubles_have_three_decimals_or_what_it_takes) {
    const auto text = [](double value) { return to_text(boost::json::value(value)); };
    EXPECT_EQ(text(20), "20.000\n");
    EXPECT_EQ(text(20.5), "20.500\n");
    EXPECT_EQ(text(0.1234567), "0.1234567\n");
    EXPECT_EQ(text(-1e21), "-1000000000000000000000.000\n");
    EXPECT_EQ(text(std::numeric_limits<double>::infinity()), "null\n");
    for (const double value : {std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min()})
        EXPECT_EQ(std::strtod(text(value).c_str(), nullptr), value);
}

TEST(json_text, reads_back_as_the_same_value) {
    const auto value = boost::json::parse(
        R"({"a \"key\"":[1,2,{"b":null}],"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "e":[],"o":{},"n":-5,"big":18446744073709551615,"f":1.25,"t":true,"nested":{"x":{"y":[[1],[2,3]]}}})");
    EXPECT_EQ(boost::json::parse(to_text(value)), value);
    EXPECT_EQ(to_text(boost::json::parse(R"({"a":[1,2],"b":{}})")), "{\n  \"a\": [1, 2],\n  \"b\": {}\n}\n");
}

TEST(text_table, cuts_by_characters_not_bytes) {
    EXPECT_EQ(width_of("µ-TLB"), 5u);
    EXPECT_EQ(cut("µ-TLB", 5), "µ-TLB");
    EXPECT_EQ(cut("µµµµµµ", 4), "µµµ…");
    EXPECT_EQ(cut("a\x1b[31mb", 80), "a?[31mb");
}

TEST(figures, times_are_scaled_in_one_style) {
    EXPECT_EQ(time_text(0), "0 ns");
    EXPECT_EQ(time_text(1), "<0.01 ns");
    EXPECT_EQ(time_text(915), "0.92 ns");
    EXPECT_EQ(time_text(56'900), "56.9 ns");
    EXPECT_EQ(time_text(999'940), "999.9 ns");
    EXPECT_EQ(time_text(999'990), "1.00 us");
    EXPECT_EQ(time_text(41'846'829'000.0), "41.8 ms");
    EXPECT_EQ(time_text(7.5e15), "7,500.0 s");
    EXPECT_EQ(unit_for(std::array{0.0, 2e6, 4e10}).text(4e10), "40,000.0");
    EXPECT_STREQ(unit_for(std::array{56e3, 4e10}).name, "ns");
    EXPECT_STREQ(unit_for(std::array{0.0}).name, "ns");
    EXPECT_EQ(unit_for(std::array{2e6}).text(4e3), "<0.1");
}

TEST(figures, counts_have_thousands_and_a_singular) {
    EXPECT_EQ(count_text(1'234'567), "1,234,567");
    EXPECT_EQ(count_text(1'234'567, true), "1.23M");
    EXPECT_EQ(count_text(999), "999");
    EXPECT_EQ(decimal_text(-123'456.78, 1), "-123,456.8");
    EXPECT_EQ(counted(1, "access"), "1 access");
    EXPECT_EQ(counted(12'345, "access"), "12,345 accesses");
    EXPECT_EQ(counted(0, "entry"), "0 entries");
    EXPECT_EQ(counted(2, "try"), "2 tries");
    EXPECT_EQ(counted(2, "match"), "2 matches");
    EXPECT_EQ(counted(2, "delay"), "2 delays");
}

TEST(figures, bandwidth_has_one_unit) {
    EXPECT_EQ(rate_text(4.396e9), "4.40 GB/s");
    EXPECT_EQ(rate_text(25e6), "0.025 GB/s");
    EXPECT_EQ(rate_text(1.2345e12), "1,234.50 GB/s");
    EXPECT_EQ(bytes_text(4096), "4 KiB");
    EXPECT_EQ(bytes_text(1536), "1,536 B");
}

TEST(figures, a_measure_has_the_unit_that_its_name_ends_in) {
    EXPECT_EQ(measure_name("command_busy_ps"), "command_busy");
    EXPECT_EQ(measure_text("command_busy_ps", 877'421'000), "877.4 us");
    EXPECT_EQ(measure_text("software.min_throughput", 4'396'000'000), "4.40 GB/s");
    EXPECT_EQ(measure_text("walks", 20'464), "20,464");
}

TEST(text_table, the_smallest_stretch_shows_and_the_last_ends_at_the_edge) {
    EXPECT_EQ(stretch(0, 5, 10, 10, false), "#####");
    EXPECT_EQ(stretch(5, 10, 10, 10, false), "     #####");
    EXPECT_EQ(stretch(3, 3.01, 10, 10, false), "   |");
    EXPECT_EQ(stretch(9.99, 10, 10, 10, false), "         |");
    EXPECT_EQ(stretch(0, 1, 0, 10, false), "");
    EXPECT_EQ(stretch(2, 4.5, 10, 10, true), "  ██▌");
    EXPECT_EQ(stretch(9.9, 10, 10, 10, true), "         ▏");
    EXPECT_EQ(stretch(0, 10, 10, 10, true), "██████████");
}

} // namespace
} // namespace iommulab::results
