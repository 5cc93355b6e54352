// SPDX-License-Identifier: Apache-2.0
// What an IOMMU or its firmware does not allow of a setup: all of it at once, and of which part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace iommulab::firmware {

struct address_space;
struct mapping;

/// What of an address space is refused. `tables`: the memory for all tables; `unit`: the IOMMU itself.
enum class space_part : std::uint8_t { source_id, pasid, translation, granule, levels, map, tables, unit };

struct refusal {
    std::size_t space = 0; ///< of the setup; means nothing for `tables` and `unit`
    space_part part = space_part::source_id;
    std::size_t map = 0; ///< of the space, for `map`
    std::string found, expected;
};

class setup_error : public std::runtime_error {
  public:
    explicit setup_error(std::vector<refusal> all);
    [[nodiscard]] const std::vector<refusal>& all() const { return all_; }

  private:
    std::vector<refusal> all_;
};

class refusals {
  public:
    void add(std::size_t space, space_part part, std::string found, std::string expected, std::size_t map = 0);
    /// A mapping that the tables cannot hold, and why.
    void add_map(std::size_t space, std::size_t map, const mapping& m, const std::string& why);
    /// A page size that none of the tables' is; false: nothing is wrong with it.
    bool add_page(std::size_t space, std::size_t map, const mapping& m, std::span<const std::uint64_t> sizes);
    /// Levels of page tables: as many as the space wants, else `usual`, or more where its addresses need them. `usual`
    /// levels have `usual_bits` of address, each more `index_bits` more.
    unsigned levels_for(std::size_t space, const address_space& a, unsigned usual_bits, unsigned index_bits,
                        unsigned least, unsigned usual, unsigned most);
    [[nodiscard]] bool about(std::size_t space) const;
    /// Throws setup_error if there are any.
    void raise() const;

  private:
    std::vector<refusal> all_;
};

} // namespace iommulab::firmware
