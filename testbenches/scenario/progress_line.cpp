// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace iommulab::scenarios {

progress_line::progress_line(bool wanted) : wanted_(wanted && isatty(STDERR_FILENO) == 1) {}

progress_line::~progress_line() {
    clear();
}

void progress_line::show(const std::string& text, std::uint64_t done, std::uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (!wanted_ || now < next_)
        return;
    next_ = now + std::chrono::milliseconds(100);
    shown_ = true;
    const std::string share =
        total == 0
            ? ""
            : fmt::format("  {:.0f}%", 100.0 * static_cast<double>(std::min(done, total)) / static_cast<double>(total));
    std::fprintf(stderr, "\r\033[K%.78s", (text + share).c_str());
    std::fflush(stderr);
}

void progress_line::clear() {
    if (shown_)
        std::fprintf(stderr, "\r\033[K");
    shown_ = false;
}

} // namespace iommulab::scenarios
