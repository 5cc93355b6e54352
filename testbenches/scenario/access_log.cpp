// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/access_log.h"

#include "traces/input_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace iommulab::scenarios {

access_log::access_log(const std::string& path) : path_(path) {
    if (path_.empty())
        return;
    errno = 0;
    out_.open(path_);
    if (!out_)
        throw input_error(path_, 0, 0, errno != 0 ? std::strerror(errno) : "an error", "a file that can be written");
    out_ << "begin_ns,end_ns,latency_ns,master,source_id,address,bytes,rw,result\n";
}

void access_log::add(const std::string& master, std::uint32_t source_id, std::uint64_t address, std::uint64_t bytes,
                     bool write, bool ok, std::uint64_t begin_ps, std::uint64_t end_ps) {
    if (path_.empty() || rows_ == most_rows)
        return;
    ++rows_;
    const auto ns = [](std::uint64_t ps) { return fmt::format("{}.{:03}", ps / 1000, ps % 1000); };
    out_ << fmt::format("{},{},{},{},{:#x},{:#x},{},{},{}\n", ns(begin_ps), ns(end_ps), ns(end_ps - begin_ps), master,
                        source_id, address, bytes, write ? 'w' : 'r', ok ? "ok" : "error");
}

void access_log::close() {
    if (path_.empty())
        return;
    out_.close();
    if (!out_)
        throw input_error(path_, 0, 0, "a write error", "room for the file");
}

} // namespace iommulab::scenarios
