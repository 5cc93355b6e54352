// SPDX-License-Identifier: Apache-2.0
#include "traces/access_trace.h"

#include "traces/csv_reader.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace iommulab::traces {

namespace {

enum column : std::size_t { time_ns, source_id, address, size_bytes, rw, pasid };

constexpr std::uint64_t largest_pasid = 0xfffff; // 20 bits: PCIe Base Specification, PASID TLP prefix

} // namespace

struct access_trace_reader::state {
    state(const std::string& path, const access_trace_limits& given)
        : csv(path, {{"time_ns", false}, {"source_id"}, {"address"}, {"size_bytes"}, {"rw"}, {"pasid", false}}),
          limits(given) {}

    csv_reader csv;
    access_trace_limits limits;
    std::uint64_t last_time_ns = 0;
};

access_trace_reader::access_trace_reader(const std::string& path, const access_trace_limits& limits)
    : state_(std::make_unique<state>(path, limits)) {}
access_trace_reader::~access_trace_reader() = default;
access_trace_reader::access_trace_reader(access_trace_reader&&) noexcept = default;
access_trace_reader& access_trace_reader::operator=(access_trace_reader&&) noexcept = default;

bool access_trace_reader::next(traced_access& access) {
    csv_reader& csv = state_->csv;
    if (!csv.next()) {
        return false;
    }
    access = {};
    if (!csv.text(time_ns).empty()) {
        access.time_ns = csv.number(time_ns);
        if (*access.time_ns < state_->last_time_ns) {
            csv.fail(time_ns,
                     "time going backwards: " + std::to_string(*access.time_ns) + " ns after " +
                         std::to_string(state_->last_time_ns) + " ns",
                     "times that never decrease");
        }
        state_->last_time_ns = *access.time_ns;
    }
    access.source_id = static_cast<std::uint32_t>(csv.number(source_id, 0xffffffff));
    access.address = csv.number(address);
    access.size_bytes = csv.number(size_bytes, state_->limits.largest_access_bytes);
    if (access.size_bytes == 0) {
        csv.fail(size_bytes, "at least one byte");
    }
    const unsigned bits = state_->limits.address_bits;
    const std::uint64_t last_address = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    if (access.address > last_address || access.size_bytes - 1 > last_address - access.address) {
        csv.fail(address, "address " + hex(access.address) + " with " + std::to_string(access.size_bytes) + " bytes",
                 "an access that ends at or below " + hex(last_address) + ", the last address of a bus of " +
                     std::to_string(bits) + " bits");
    }
    const std::string_view direction = csv.text(rw);
    if (direction != "r" && direction != "w") {
        csv.fail(rw, "r or w");
    }
    access.write = direction == "w";
    if (!csv.text(pasid).empty()) {
        access.pasid = static_cast<std::uint32_t>(csv.number(pasid, largest_pasid));
    }
    return true;
}

struct access_trace_writer::state {
    std::string path;
    std::ofstream file;
    boost::iostreams::filtering_ostream out;
    bool with_time = false;
    bool with_pasid = false;
    bool closed = false;
};

access_trace_writer::access_trace_writer(const std::string& path, bool with_time, bool with_pasid)
    : state_(std::make_unique<state>()) {
    state_->path = path;
    state_->with_time = with_time;
    state_->with_pasid = with_pasid;
    state_->file.open(path, std::ios::binary);
    if (!state_->file) {
        throw input_error(path, 0, 0, std::strerror(errno), "a file that can be written");
    }
    if (path.ends_with(".gz")) {
        state_->out.push(boost::iostreams::gzip_compressor());
    }
    state_->out.push(state_->file);
    state_->out << (with_time ? "time_ns," : "") << "source_id,address,size_bytes,rw" << (with_pasid ? ",pasid" : "")
                << '\n';
}

access_trace_writer::~access_trace_writer() {
    if (state_ != nullptr) {
        try {
            close();
        } catch (const std::exception&) {
            // A destructor has nobody to tell; close() does.
        }
    }
}

access_trace_writer::access_trace_writer(access_trace_writer&&) noexcept = default;
access_trace_writer& access_trace_writer::operator=(access_trace_writer&&) noexcept = default;

void access_trace_writer::write(const traced_access& access) {
    auto& out = state_->out;
    if (state_->with_time) {
        if (access.time_ns) {
            out << *access.time_ns;
        }
        out << ',';
    }
    out << hex(access.source_id) << ',' << hex(access.address) << ',' << access.size_bytes << ','
        << (access.write ? 'w' : 'r');
    if (state_->with_pasid) {
        out << ',';
        if (access.pasid) {
            out << hex(*access.pasid);
        }
    }
    out << '\n';
}

void access_trace_writer::close() {
    if (state_->closed) {
        return;
    }
    state_->closed = true;
    const bool good = state_->out.good();
    state_->out.reset();
    state_->file.close();
    if (!good || state_->file.fail()) {
        throw input_error(state_->path, 0, 0, "a failed write", "room for the trace");
    }
}

} // namespace iommulab::traces
