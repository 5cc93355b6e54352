// SPDX-License-Identifier: Apache-2.0
// One line on standard error that says how far a long work is; nothing when that is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace iommulab::scenarios {

class progress_line {
  public:
    /// `wanted`: false shows nothing, whatever standard error is.
    explicit progress_line(bool wanted);
    ~progress_line();
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;

    /// Shows `text` and, unless `total` is 0, how much of it is done; at most ten times a second.
    void show(const std::string& text, std::uint64_t done, std::uint64_t total);
    /// Takes the line away.
    void clear();

  private:
    bool shown_ = false, wanted_;
    std::chrono::steady_clock::time_point next_;
};

} // namespace iommulab::scenarios
