// SPDX-License-Identifier: Apache-2.0
#include "testbenches/pagetables/table_generator.h"

#include <gtest/gtest.h>

#include <map>

namespace iommulab::reference {
namespace {

bool in(std::uint64_t address, std::uint64_t base, std::uint64_t bytes) {
    return address - base < bytes;
}

generator_options options_for(std::uint64_t seed) {
    generator_options options;
    options.translation = static_cast<stages>(seed % 3);
    options.hardware_updates = seed % 2 != 0;
    options.bad_configuration = true;
    constexpr unsigned sizes[] = {40, 42, 44, 48, 52};
    options.implemented.oas_bits = options.implemented.ias_bits = sizes[seed / 3 % 5];
    options.implemented.va_52 = options.implemented.oas_bits == 52;
    return options;
}

TEST(table_generator, every_outcome_comes_up_and_no_walk_reads_outside_its_tables) {
    for (const auto translation : {stages::stage1, stages::stage2, stages::nested}) {
        std::map<fault_kind, unsigned> seen;
        std::map<std::uint64_t, unsigned> sizes;
        unsigned inside = 0, all = 0, updates = 0, class_tt = 0;
        for (std::uint64_t seed = 0; seed < 600; ++seed) {
            std::mt19937_64 engine(seed);
            auto options = options_for(seed);
            options.translation = translation;
            const auto tables = generate_tables(choose_with(engine), options);
            for (const auto& [address, word] : tables.memory)
                ASSERT_TRUE(in(address, options.table_base, options.table_bytes) && address % 8 == 0) << seed;
            for (const std::uint64_t input : tables.inputs) {
                const auto result =
                    walk(tables, options, {input, (engine() & 3) == 0, (engine() & 7) == 0, (engine() & 1) == 0});
                ++all;
                ++seen[result.fault];
                ASSERT_LE(result.fetches.size(), 24u) << seed; // (4 + 1) * (4 + 1) - 1
                updates += result.updates.empty() ? 0 : 1;
                class_tt += !result.ok() && result.stage == 2 && result.what == fault_class::TT ? 1 : 0;
                if (result.ok()) {
                    ++sizes[result.mapped_size_bytes];
                    inside += in(result.output_address, options.output_base, options.output_bytes);
                }
            }
        }
        SCOPED_TRACE(static_cast<int>(translation));
        for (const auto kind : {fault_kind::configuration_invalid, fault_kind::translation, fault_kind::address_size,
                                fault_kind::access_flag, fault_kind::permission, fault_kind::walk_external_abort})
            EXPECT_GT(seen[kind], 20u) << to_string(kind);
        EXPECT_GT(seen[fault_kind::none], all / 8);
        EXPECT_GT(inside, seen[fault_kind::none] / 2);
        EXPECT_GT(updates, 100u);
        EXPECT_EQ(class_tt > 20, translation == stages::nested);
        for (const unsigned size_bits : {12, 14, 16, 21, 25})
            EXPECT_GT(sizes[std::uint64_t{1} << size_bits], 20u) << size_bits;
    }
}

TEST(table_generator, same_choices_give_the_same_tables) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        std::mt19937_64 one(seed), two(seed);
        const auto a = generate_tables(choose_with(one), options_for(seed));
        const auto b = generate_tables(choose_with(two), options_for(seed));
        EXPECT_EQ(a.memory, b.memory);
        EXPECT_EQ(a.inputs, b.inputs);
    }
}

TEST(table_generator, choosing_zero_always_gives_plain_working_tables) {
    for (const auto translation : {stages::stage1, stages::stage2, stages::nested}) {
        generator_options options;
        options.translation = translation;
        const auto tables = generate_tables([](std::uint64_t) { return std::uint64_t{0}; }, options);
        ASSERT_FALSE(tables.inputs.empty());
        const auto result = walk(tables, options, {tables.inputs.front(), true, false, false});
        EXPECT_TRUE(result.ok()) << static_cast<int>(translation) << ": " << to_string(result);
        EXPECT_EQ(result.output_address, options.output_base);
    }
}

TEST(table_generator, without_garbage_outputs_of_small_pages_stay_in_the_window) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::mt19937_64 engine(seed);
        auto options = options_for(seed);
        options.garbage = options.bad_configuration = false;
        const auto tables = generate_tables(choose_with(engine), options);
        for (const std::uint64_t input : tables.inputs) {
            const auto result = walk(tables, options, {input, false, false, true});
            if (result.ok() && result.mapped_size_bytes <= 0x20'0000 && options.translation != stages::nested) {
                EXPECT_TRUE(in(result.output_address, options.output_base, options.output_bytes)) << seed;
            }
            EXPECT_NE(result.fault, fault_kind::configuration_invalid);
            EXPECT_NE(result.fault, fault_kind::walk_external_abort) << seed << ' ' << to_string(result);
        }
        if (options.translation == stages::nested) {
            const auto page =
                walk_stage2(*tables.stage2, options.implemented, reader_of(tables, options),
                            {tables.free_table_page + tables.table_ipa_offset, true, false, true}, fault_class::CD);
            ASSERT_TRUE(page.ok()) << seed << ' ' << to_string(page);
            EXPECT_EQ(page.output_address, tables.free_table_page);
        }
    }
}

TEST(table_generator, a_window_too_small_leaves_mappings_out) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        for (const std::uint64_t bytes : {0x40ull, 0x3000ull, 0x2'0000ull, 0x8'0000ull}) {
            std::mt19937_64 engine(seed);
            auto options = options_for(seed);
            options.table_bytes = bytes;
            const auto tables = generate_tables(choose_with(engine), options);
            for (const auto& [address, word] : tables.memory)
                ASSERT_TRUE(in(address, options.table_base, bytes)) << seed;
        }
    }
}

} // namespace
} // namespace iommulab::reference
