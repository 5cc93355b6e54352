// SPDX-License-Identifier: Apache-2.0
// The times of single accesses as comma-separated values, which a master can play back (traces/access_trace.h).
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::scenarios {

class access_log {
  public:
    static constexpr std::uint64_t most_rows = 1'000'000;

    /// With an empty path nothing is written. Throws input_error when the file can't be written.
    explicit access_log(const std::string& path);

    void add(const std::string& master, std::uint32_t source_id, std::uint64_t address, std::uint64_t bytes, bool write,
             bool ok, std::uint64_t begin_ps, std::uint64_t end_ps, std::optional<std::uint32_t> pasid = {});
    /// Writes the rows in the order of their begin; throws input_error when not everything could be written.
    void close();

  private:
    struct row {
        std::string master;
        std::uint32_t source_id;
        std::optional<std::uint32_t> pasid;
        std::uint64_t address, bytes;
        bool write, ok;
        std::uint64_t begin_ps, end_ps;
    };

    std::string path_;
    std::ofstream out_;
    std::vector<row> rows_;
};

} // namespace iommulab::scenarios
