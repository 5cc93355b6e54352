// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/access_log.h"

#include "traces/input_error.h"

#include <fmt/format.h>

#include <algorithm>
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
}

void access_log::add(const std::string& master, std::uint32_t source_id, std::uint64_t address, std::uint64_t bytes,
                     bool write, bool ok, std::uint64_t begin_ps, std::uint64_t end_ps,
                     std::optional<std::uint32_t> pasid) {
    if (!path_.empty() && rows_.size() < most_rows)
        rows_.push_back({master, source_id, pasid, address, bytes, write, ok, begin_ps, end_ps});
}

void access_log::close() {
    if (path_.empty())
        return;
    std::stable_sort(rows_.begin(), rows_.end(), [](const row& a, const row& b) { return a.begin_ps < b.begin_ps; });
    const auto ns = [](std::uint64_t ps) { return fmt::format("{}.{:03}", ps / 1000, ps % 1000); };
    out_ << "time_ns,end_ns,latency_ns,master,source_id,pasid,address,size_bytes,rw,result\n";
    for (const row& r : rows_)
        out_ << fmt::format("{},{},{},{},{:#x},{},{:#x},{},{},{}\n", ns(r.begin_ps), ns(r.end_ps),
                            ns(r.end_ps - r.begin_ps), r.master, r.source_id,
                            r.pasid ? fmt::format("{:#x}", *r.pasid) : "", r.address, r.bytes, r.write ? 'w' : 'r',
                            r.ok ? "ok" : "error");
    out_.close();
    if (!out_)
        throw input_error(path_, 0, 0, errno != 0 ? std::strerror(errno) : "a write error", "room for the file");
}

} // namespace iommulab::scenarios
