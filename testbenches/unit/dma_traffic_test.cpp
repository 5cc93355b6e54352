// SPDX-License-Identifier: Apache-2.0
#include "models/dma/data_checker.h"
#include "models/dma/generators.h"
#include "models/dma/random.h"
#include "models/dma/ring_traffic.h"
#include "models/dma/zipf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

namespace iommulab {
namespace {

TEST(random, splitmix64_gives_the_published_sequence) {
    std::uint64_t state = 1234567; // test vector of Rosetta Code's "Pseudo-random numbers/Splitmix64"
    EXPECT_EQ(splitmix64(state), 6457827717110365317u);
    EXPECT_EQ(splitmix64(state), 3203168211198807973u);
    EXPECT_EQ(splitmix64(state), 9817491932198370423u);
}

TEST(random, below_is_uniform_and_repeatable) {
    random_generator a(7), b(7), c(8);
    std::array<int, 10> histogram{};
    bool differs = false;
    for (int i = 0; i < 100'000; ++i) {
        const auto x = a.below(10);
        ASSERT_LT(x, 10u);
        ASSERT_EQ(x, b.below(10));
        differs |= x != c.below(10);
        ++histogram[x];
    }
    EXPECT_TRUE(differs);
    for (const int n : histogram)
        EXPECT_NEAR(n, 10'000, 500); // five standard deviations
    EXPECT_EQ(random_generator(1).below(1), 0u);
}

TEST(zipf, weights_follow_the_power_law) {
    for (const unsigned s : {50u, 99u, 100u, 150u})
        for (const std::uint64_t rank : {1u, 2u, 9u, 99u, 4095u}) {
            const double exact = std::pow(static_cast<double>(rank + 1), -static_cast<double>(s) / 100);
            const double found = static_cast<double>(zipf_distribution::weight(rank, s)) / std::pow(2.0, 40);
            EXPECT_NEAR(found / exact, 1, 1e-5) << rank << " " << s;
        }
    EXPECT_EQ(zipf_distribution::weight(0, 100), std::uint64_t{1} << 40);
    EXPECT_EQ(zipf_distribution::weight(77, 0), std::uint64_t{1} << 40); // exponent 0: uniform
}

TEST(zipf, ranks_come_as_often_as_their_weight_says) {
    const zipf_distribution zipf(1000, 100);
    random_generator random(3);
    std::vector<int> count(1000);
    constexpr int draws = 200'000;
    for (int i = 0; i < draws; ++i)
        ++count.at(zipf(random));
    double harmonic = 0;
    for (int r = 1; r <= 1000; ++r)
        harmonic += 1.0 / r;
    EXPECT_NEAR(count[0] / (draws / harmonic), 1, 0.03);
    EXPECT_NEAR(count[9] / (draws / harmonic / 10), 1, 0.1);
    EXPECT_THROW(zipf_distribution(0, 100), std::invalid_argument);
    EXPECT_THROW(zipf_distribution((1 << 23) + 1, 100), std::invalid_argument);
    EXPECT_THROW(zipf_distribution(10, 401), std::invalid_argument);
}

traffic_window window(std::uint64_t size, std::uint32_t length = 64) {
    traffic_window w;
    w.base = 0x10000;
    w.size_bytes = size;
    w.length_bytes = length;
    return w;
}

std::vector<std::uint64_t> offsets(traffic& source, int count) {
    std::vector<std::uint64_t> list;
    for (int i = 0; i < count; ++i)
        list.push_back(source.next()->address - 0x10000);
    return list;
}

TEST(traffic, sequential_walks_the_window_and_begins_again) {
    sequential_traffic source(window(256 + 32));
    EXPECT_EQ(offsets(source, 6), (std::vector<std::uint64_t>{0, 64, 128, 192, 0, 64}));
}

TEST(traffic, strided_shifts_each_round) {
    strided_traffic source(window(0x3000), 0x1000, 0x40);
    EXPECT_EQ(offsets(source, 7), (std::vector<std::uint64_t>{0, 0x1000, 0x2000, 0x40, 0x1040, 0x2040, 0x80}));
    strided_traffic wide(window(128), 4096);
    EXPECT_EQ(offsets(wide, 2), (std::vector<std::uint64_t>{0, 0}));
    EXPECT_THROW(strided_traffic(window(128), 0), std::invalid_argument);
}

TEST(traffic, uniform_reaches_every_place_and_nothing_else) {
    uniform_traffic source(window(1024));
    std::set<std::uint64_t> seen;
    for (const auto o : offsets(source, 2000)) {
        EXPECT_EQ(o % 64, 0u);
        EXPECT_LE(o, 1024u - 64u);
        seen.insert(o);
    }
    EXPECT_EQ(seen.size(), 16u);
}

TEST(traffic, zipf_scatters_all_blocks_over_the_window) {
    for (const std::uint64_t blocks : {1, 2, 7, 100, 1024}) {
        zipf_traffic source(window(blocks * 4096), 4096, 20); // nearly uniform, so that all come
        std::set<std::uint64_t> seen;
        for (const auto o : offsets(source, static_cast<int>(blocks) * 30)) {
            ASSERT_LT(o, blocks * 4096);
            seen.insert(o / 4096);
        }
        EXPECT_EQ(seen.size(), blocks);
    }
    EXPECT_THROW(zipf_traffic(window(4096, 128), 64, 100), std::invalid_argument);
    EXPECT_THROW(zipf_traffic(window(4096), 0, 100), std::invalid_argument);
}

TEST(traffic, share_of_writes_is_as_asked) {
    auto w = window(4096);
    w.write_percent = 30;
    uniform_traffic source(w);
    int writes = 0;
    for (int i = 0; i < 10'000; ++i)
        writes += source.next()->write;
    EXPECT_NEAR(writes, 3000, 250);
    w.write_percent = 101;
    EXPECT_THROW(uniform_traffic{w}, std::invalid_argument);
}

TEST(traffic, windows_that_make_no_sense_are_refused) {
    EXPECT_THROW(sequential_traffic(window(63)), std::invalid_argument);
    EXPECT_THROW(sequential_traffic(window(64, 0)), std::invalid_argument);
    auto w = window(4096);
    w.base = ~std::uint64_t{0} - 100;
    EXPECT_THROW(sequential_traffic{w}, std::invalid_argument);
    EXPECT_NO_THROW(sequential_traffic(window(64)));
}

std::array<unsigned char, 64> pointer(std::uint64_t value) {
    std::array<unsigned char, 64> data{};
    for (unsigned i = 0; i < 8; ++i)
        data[8 + i] = static_cast<unsigned char>(value >> (8 * i));
    return data;
}

TEST(traffic, pointer_chase_goes_where_the_data_say) {
    pointer_chase_traffic source(window(4096), 8);
    auto r = source.next();
    ASSERT_TRUE(r);
    EXPECT_EQ(r->address, 0x10000u);
    EXPECT_FALSE(source.next());
    EXPECT_TRUE(source.waiting());
    source.completed(*r, dma_status::ok, pointer(0x10FC0));
    r = source.next();
    ASSERT_TRUE(r);
    EXPECT_EQ(r->address, 0x10FC0u);
    source.completed(*r, dma_status::ok, pointer(0));
    EXPECT_FALSE(source.next());
    EXPECT_FALSE(source.waiting());
    EXPECT_FALSE(source.strayed());
}

TEST(traffic, pointer_chase_ends_at_a_stray_pointer_and_at_a_fault) {
    pointer_chase_traffic stray(window(4096), 8), fault(window(4096), 8);
    auto r = stray.next();
    stray.completed(*r, dma_status::ok, pointer(0x10FC1)); // would run over the end
    EXPECT_FALSE(stray.next());
    EXPECT_TRUE(stray.strayed());
    r = fault.next();
    fault.completed(*r, dma_status::address_error, {});
    EXPECT_FALSE(fault.next());
    EXPECT_FALSE(fault.waiting());
    EXPECT_THROW(pointer_chase_traffic(window(4096, 8), 1), std::invalid_argument);
}

TEST(ring_traffic, entry_is_descriptor_then_buffer_then_completion) {
    ring_parameters p;
    p.ring_base = 0x1000;
    p.completion_base = 0x2000;
    p.entries = 4;
    p.depth = 1;
    p.descriptors_in_memory = true;
    ring_traffic source(p);
    for (std::uint64_t entry = 0; entry < 9; ++entry) {
        auto r = source.next();
        ASSERT_TRUE(r);
        EXPECT_EQ(r->address, 0x1000 + entry % 4 * 16);
        EXPECT_EQ(r->length_bytes, 16u);
        EXPECT_FALSE(r->write);
        EXPECT_FALSE(source.next());
        EXPECT_TRUE(source.waiting());
        const ring_descriptor d{0xABC000 + entry, 1500, ring_descriptor::device_writes};
        source.completed(*r, dma_status::ok, d.encode());
        r = source.next();
        ASSERT_TRUE(r);
        EXPECT_EQ(r->address, 0xABC000 + entry);
        EXPECT_EQ(r->length_bytes, 1500u);
        EXPECT_TRUE(r->write);
        source.completed(*r, dma_status::ok, {});
        r = source.next();
        ASSERT_TRUE(r);
        EXPECT_EQ(r->address, 0x2000 + entry % 4 * 16);
        EXPECT_TRUE(r->write);
        source.completed(*r, dma_status::ok, {});
    }
    EXPECT_EQ(source.entries_done(), 9u);
}

TEST(ring_traffic, depth_bounds_the_entries_in_work_and_a_fault_gives_one_up) {
    ring_parameters p;
    p.depth = 3;
    p.buffer.length_bytes = 4096;
    ring_traffic source(p);
    std::vector<dma_request> open;
    while (const auto r = source.next())
        open.push_back(*r);
    EXPECT_EQ(open.size(), 3u);
    source.completed(open[0], dma_status::address_error, {});
    EXPECT_EQ(source.entries_given_up(), 1u);
    EXPECT_TRUE(source.next()); // the fourth entry's descriptor
    EXPECT_FALSE(source.next());
    source.completed(open[1], dma_status::ok, ring_descriptor{}.encode());
    EXPECT_EQ(source.next()->length_bytes, 4096u); // descriptors that are not in memory do not count
    p.entries = 0;
    EXPECT_THROW(ring_traffic{p}, std::invalid_argument);
}

dma_request request(std::uint64_t address, std::uint32_t length) {
    dma_request r;
    r.address = address;
    r.length_bytes = length;
    return r;
}

TEST(data_checker, shadow_knows_what_was_written_and_nothing_else) {
    data_checker checker(verification::shadow);
    std::vector<unsigned char> data(16), read(32, 0xEE);
    checker.provide(request(0x1008, 16), data);
    EXPECT_EQ(checker.wrong_bytes(request(0x1000, 32), read), 0u); // nothing written yet
    checker.written(request(0x1008, 16), true, data);
    std::copy(data.begin(), data.end(), read.begin() + 8);
    EXPECT_EQ(checker.wrong_bytes(request(0x1000, 32), read), 0u);
    read[8] ^= 1;
    read[23] ^= 1;
    read[24] ^= 1; // not known
    EXPECT_EQ(checker.wrong_bytes(request(0x1000, 32), read), 2u);
    checker.written(request(0x1010, 8), false, std::span(data).first(8)); // failed: unknown from now on
    EXPECT_EQ(checker.wrong_bytes(request(0x1000, 32), read), 1u);
}

TEST(data_checker, pattern_is_compared_where_it_is_known) {
    data_checker checker(verification::pattern, 1, [](const dma_request& r, std::span<unsigned char> data) {
        for (std::size_t i = 0; i < data.size(); ++i)
            data[i] = static_cast<unsigned char>(r.address + i);
        return r.address < 0x1000;
    });
    std::vector<unsigned char> data(4);
    checker.provide(request(0x20, 4), data);
    EXPECT_EQ(data, (std::vector<unsigned char>{0x20, 0x21, 0x22, 0x23}));
    EXPECT_EQ(checker.wrong_bytes(request(0x20, 4), data), 0u);
    EXPECT_EQ(checker.wrong_bytes(request(0x21, 4), data), 4u);
    EXPECT_EQ(checker.wrong_bytes(request(0x1021, 4), data), 0u);
    EXPECT_THROW(data_checker{verification::pattern}, std::invalid_argument);
}

TEST(data_checker, writes_differ_from_each_other) {
    data_checker checker(verification::none);
    std::vector<unsigned char> a(64), b(64);
    checker.provide(request(0, 64), a);
    checker.provide(request(0, 64), b);
    EXPECT_NE(a, b);
}

} // namespace
} // namespace iommulab
