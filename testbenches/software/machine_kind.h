// SPDX-License-Identifier: Apache-2.0
// A machine with one kind of IOMMU and its driver, for what is said of all drivers alike.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::software {

/// What map does where something is mapped.
enum class occupied : std::uint8_t {
    refused,  ///< EEXIST
    kept,     ///< success, and the old stays
    replaced, ///< success, and the old is gone
};

struct machine_kind {
    std::string name; ///< of the test
    std::string model, preset;
    std::vector<std::pair<std::string, std::uint64_t>> parameters{};
    std::map<std::string, std::uint64_t> properties{};
    unsigned page_shift = 12;
    occupied over = occupied::refused;
    /// A page is unmapped as it was mapped: a part of a larger one takes it all.
    bool whole_leaves = false;
    /// Of a range that is not aligned to its size, the driver leaves the end in the TLB, as Linux does.
    bool flushes_aligned_alone = false;
    bool spans = true;        ///< a domain may have devices behind several IOMMUs
    std::string fault_text{}; ///< part of the line that a fault of a missing page leaves in the log
};
inline void PrintTo(const machine_kind& k, std::ostream* out) {
    *out << k.name;
}

} // namespace iommulab::software
