// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::traces {

/// A stretch of physical memory, sizes in bytes.
struct memory_range {
    std::uint64_t base = 0;
    std::uint64_t size_bytes = 0;

    bool contains(std::uint64_t address, std::uint64_t bytes) const {
        return address >= base && bytes <= size_bytes && address - base <= size_bytes - bytes;
    }
    friend bool operator<(const memory_range& a, const memory_range& b) {
        return a.base != b.base ? a.base < b.base : a.size_bytes < b.size_bytes;
    }
    friend bool operator==(const memory_range& a, const memory_range& b) {
        return a.base == b.base && a.size_bytes == b.size_bytes;
    }
};

enum class vector_operation { mem_write, mem_fill, mem_check, reg_write, reg_check, dma_read, dma_write };

/// What became of a DMA access: done, refused, done in part (some 4-byte units), or, as an expectation, anything.
enum class vector_result { ok, fault, partial, any };

/// The outcome of a step, or as much of it as is said.
struct vector_outcome {
    std::optional<vector_result> result;
    std::optional<std::vector<std::uint8_t>> data;  ///< of mem_check and dma_read
    std::optional<std::uint64_t> value;             ///< of reg_check, masked
    std::optional<std::vector<std::uint8_t>> after; ///< of dma_write: memory at `watch` after the access
};

struct vector_step {
    vector_operation operation{};
    std::uint64_t address = 0; ///< physical address, register offset, or I/O virtual address
    std::uint64_t size_bytes = 0;
    std::uint32_t source_id = 0;            ///< of DMA
    std::string space;                      ///< of registers; empty where the IOMMU has one register space
    std::uint64_t mask = ~std::uint64_t{0}; ///< of reg_check
    std::uint64_t value = 0;                ///< of reg_write; the byte of mem_fill
    std::vector<std::uint8_t> data;         ///< of mem_write and dma_write
    std::optional<std::uint64_t> watch;     ///< of dma_write: where the data lands when it is allowed
    vector_outcome expected;                ///< the recorded outcome, replaced field by field by the architecture's
    std::vector<vector_outcome> alternatives;
    bool unreviewed = false; ///< nothing is claimed about the architecture: report only
    std::string note;
    std::size_t line = 0;
};

struct test_vector {
    std::string name;
    std::string machine; ///< the variant of the IOMMU's configuration
    std::string description;
    std::vector<std::string> tags;
    std::vector<vector_step> steps;
    std::size_t line = 0;
};

/// A file of conformance vectors: small programs for an IOMMU with the outcome of each check. docs/replay.md has the
/// format.
struct vector_file {
    std::string path;
    std::string iommu;
    std::string oracle;
    std::vector<memory_range> memory; ///< what else is addressed has no memory behind it
    std::vector<std::uint32_t> masters;
    std::vector<test_vector> vectors;

    /// The reset values of the ID registers of a machine, from the checks of its vectors with the tag `regs`: offset to
    /// value.
    std::map<std::uint64_t, std::uint64_t> id_registers(const std::string& machine) const;
};

/// Reads a file of vectors, plain or gzip. Throws input_error for anything that is not as the format says, with line,
/// column and, in what was found, the vector and the number of the step.
vector_file read_vectors(const std::string& path);

const char* to_string(vector_operation operation);
const char* to_string(vector_result result);

} // namespace iommulab::traces
