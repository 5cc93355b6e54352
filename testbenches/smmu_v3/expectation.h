// SPDX-License-Identifier: Apache-2.0
// What an SMMUv3 must do with an access: the reference walk, put into responses, places in memory and event records.
#pragma once

#include "testbenches/pagetables/table_generator.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::reference {

/// A stream's program: generated tables, its CD (at tables.free_table_page) and its STE.
struct stream_program {
    generator_options options;
    generated_tables tables;
    std::uint32_t stream_id = 0;
    bool cd_aborts = true, cd_records = true; ///< CD.A, CD.R
    bool stage2_records = true;               ///< STE.S2R

    [[nodiscard]] std::array<std::uint64_t, 8> context_descriptor() const;
    [[nodiscard]] std::array<std::uint64_t, 8> stream_table_entry() const;
};

/// Memory as the machine has it.
struct memory_view {
    memory_reader read;
    std::function<bool(std::uint64_t address, std::uint64_t bytes)> exists; ///< all of it, in one range
};

struct device_request {
    request what; ///< address: of the first byte
    std::uint32_t bytes = 1;
};

struct expectation {
    /// False: the access would land, or a walk would read, where the test keeps other things.
    bool worthwhile = true;
    struct piece {
        std::uint64_t output = 0;
        std::uint32_t bytes = 0;
        bool exists = true; ///< else memory answers with an error
    };
    std::vector<piece> pieces; ///< that reach memory, in order
    bool ok = true;            ///< the response
    bool reads_zero = false;   ///< what no piece covers (CD.A = 0)
    std::optional<std::array<std::uint64_t, 4>> record;
    std::vector<descriptor_update> updates, permitted_updates;
    outcome last; ///< of the last piece, for messages
};

expectation expect(const stream_program& program, const memory_view& memory, const device_request& asked);

} // namespace iommulab::reference
