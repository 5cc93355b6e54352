// SPDX-License-Identifier: Apache-2.0
// What tests of page-table builders give them to write to.
#pragma once

#include "sw/pagetables/table_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace iommulab::harness {

/// Words in a map, tables from a counter; counts what is not released.
class table_test_memory final : public sw::table_memory {
  public:
    std::uint64_t read64(std::uint64_t address) override {
        EXPECT_EQ(address % 8, 0u);
        const auto found = words.find(address);
        return found == words.end() ? 0 : found->second;
    }
    void write64(std::uint64_t address, std::uint64_t value) override {
        EXPECT_EQ(address % 8, 0u);
        words[address] = value;
    }
    void zero(std::uint64_t address, std::uint64_t size_bytes) override {
        words.erase(words.lower_bound(address), words.lower_bound(address + size_bytes));
    }
    std::optional<std::uint64_t> allocate(unsigned /*level*/, std::uint64_t /*iova*/,
                                          std::uint64_t size_bytes) override {
        if (allocated.size() >= limit) {
            return std::nullopt;
        }
        const std::uint64_t place = (next_ + size_bytes - 1) & ~(size_bytes - 1);
        next_ = place + size_bytes;
        allocated[place] = size_bytes;
        words[place] = 0xdead'beef'dead'beef; // whoever gets memory has to clear it
        return place;
    }
    void release(std::uint64_t address, std::uint64_t size_bytes) override {
        EXPECT_EQ(allocated[address], size_bytes);
        allocated.erase(address);
    }

    std::map<std::uint64_t, std::uint64_t> words;
    std::map<std::uint64_t, std::uint64_t> allocated;
    std::size_t limit = 1000000;

  private:
    std::uint64_t next_ = 0x1'0000'0000;
};

class table_test_listener final : public sw::table_listener {
  public:
    void leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) override { leaves.emplace_back(iova, size_bytes); }
    void table_removed(std::uint64_t iova, std::uint64_t size_bytes) override { tables.emplace_back(iova, size_bytes); }
    using ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
    ranges leaves;
    ranges tables;
};

} // namespace iommulab::harness
