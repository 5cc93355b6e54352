// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/pagetables/vmsa_reference.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <unordered_map>
#include <vector>

// Random translation tables for property tests, of the pure logic and of the simulated model alike.
namespace iommulab::reference {

// Every decision comes from here: a number in [0, bound), bound >= 1. 0 is always the simplest choice, so a property
// tester that shrinks towards 0 shrinks towards plain tables.
using chooser = std::function<std::uint64_t(std::uint64_t bound)>;

// A chooser that draws from `engine`, which must outlive it.
chooser choose_with(std::mt19937_64& engine);

enum class stages { stage1, stage2, nested };

struct generator_options {
    stages translation = stages::stage1;
    features implemented;
    // Windows above 2^48 need the 64K granule alone, and oas_bits = 52.
    // Physical window that holds the tables, and nothing else. 16 MiB serves any granule; when it is too small some
    // mappings are left out. At most 1 GiB.
    std::uint64_t table_base = 0x8000'0000, table_bytes = 0x100'0000;
    // Physical window for outputs. At least 64 KiB. A block larger than the window is placed over it, so parts of the
    // block lie outside; garbage may map anywhere. A test whose accesses must land inside filters by the reference's
    // outcome.
    std::uint64_t output_base = 0x1'0000'0000, output_bytes = 0x400'0000;
    // No memory answers here: some garbage table descriptors point at it. 64 KiB aligned.
    std::uint64_t hole_base = 0x80'0000'0000;
    std::vector<granule_size> granules = {granule_size::kib4, granule_size::kib16, granule_size::kib64};
    unsigned mappings = 8;          // runs of leaves for each table tree, at most
    bool garbage = true;            // reserved types, addresses out of range, loops, holes, random words
    bool hardware_updates = false;  // HA, HD and DBM
    bool bad_configuration = false; // now and then a context that is ILLEGAL
};

// Words of memory by physical address, 8-byte aligned. What is absent reads as zero inside the table window.
using sparse_words = std::unordered_map<std::uint64_t, std::uint64_t>;

struct generated_tables {
    sparse_words memory;
    std::optional<stage1_context> stage1; // as the options ask
    std::optional<stage2_context> stage2;
    // Nested: stage 2 maps the physical table window here, so IPA = PA + this (modulo 2^64) for tables. A test that
    // keeps its CD in a free part of the window, whose page it takes from `free_table_page`, gives the STE that IPA.
    std::uint64_t table_ipa_offset = 0;
    // 64 KiB at this physical address are inside the table window and used by no table; garbage spares the way to them
    // through stage 2. Zero when the window was too small.
    std::uint64_t free_table_page = 0;
    // Input addresses worth trying, at byte granularity: in and at the edges of mappings, beside them, out of range, in
    // both ranges of stage 1, with random top bytes.
    std::vector<std::uint64_t> inputs;
};

// Fills tables. Never fails: what does not fit is left out.
generated_tables generate_tables(const chooser& choose, const generator_options& options);

// Both arguments must outlive the reader. Reads `tables.memory`; zero elsewhere in the table window, nullopt outside it
// and the output window (which reads as zero).
memory_reader reader_of(const generated_tables& tables, const generator_options& options);

// The reference walk for the contexts that `tables` has.
outcome walk(const generated_tables& tables, const generator_options& options, const request& access);

} // namespace iommulab::reference
