// SPDX-License-Identifier: Apache-2.0
// A recording's folder and the states of its snapshots; recording.cpp has the files' rows.
#include "traces/input_error.h"
#include "traces/json_document.h"
#include "traces/number.h"
#include "traces/recording.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace iommulab::traces {

namespace fs = std::filesystem;

namespace {

void read_virtio_state(const json_node& root, snapshot& state) {
    if (const auto domains = root.find("endpoint_domain")) {
        for (const auto& [endpoint, domain] : domains->members()) {
            const auto id = parse_number(endpoint);
            if (!id || *id > 0xffffffff) {
                domain.fail("endpoint " + quoted(endpoint), "a number");
            }
            state.endpoint_domains[static_cast<std::uint32_t>(*id)] =
                static_cast<std::uint32_t>(domain.number(0xffffffff));
        }
    }
    if (const auto mappings = root.find("mappings")) {
        for (const json_node& node : mappings->elements()) {
            state.mappings.push_back({static_cast<std::uint32_t>(node.at("domain").number(0xffffffff)),
                                      node.at("virt_start").number(), node.at("virt_end").number(),
                                      node.at("phys_start").number(),
                                      static_cast<std::uint32_t>(node.at("flags").number(0xffffffff))});
        }
    }
    if (const auto regions = root.find("reserved_regions")) {
        for (const json_node& node : regions->elements()) {
            const std::uint64_t start = node.at("start").number();
            const std::uint64_t end = node.at("end").number();
            if (end < start) {
                node.at("end").fail_value("at least the start, " + hex(start));
            }
            state.reserved_regions.push_back({start, end - start + 1});
        }
    }
}

snapshot read_snapshot(const std::string& folder, const std::string& name) {
    snapshot state;
    state.folder = folder;
    state.name = name;
    const auto document = read_json(state.file("state.json"));
    const json_node root = document->root();
    state.tag = root.at("tag").text();
    state.order = root.at("order").number();
    if (const auto time = root.find("time_ns")) {
        state.time_ns = time->number(~std::uint64_t{0} >> 1); // differences of times have signs
    }
    state.mmio_base = root.at("mmio_base").number();
    if (const auto base = root.find("ram_base")) {
        state.memory = {base->number(), root.at("ram_size").number()};
        if (state.memory.size_bytes == 0 || state.memory.base + (state.memory.size_bytes - 1) < state.memory.base) {
            base->fail("memory of " + hex(state.memory.size_bytes) + " bytes from " + hex(state.memory.base),
                       "a range inside 64 bits of address");
        }
    }
    if (const auto registers = root.find("registers")) {
        for (const auto& [offset, value] : registers->members()) {
            const auto at = parse_number(offset);
            if (!at) {
                value.fail("register offset " + quoted(offset), "a number");
            }
            state.registers[*at] = static_cast<std::uint32_t>(value.number(0xffffffff));
        }
    }
    read_virtio_state(root, state);
    return state;
}

/// Which IOMMU: the names of the trace events that were on, else the header and the first command of the command log.
std::string find_iommu(const recording& record) {
    if (record.has_file("trace_events.txt")) {
        line_reader lines(record.file("trace_events.txt"));
        std::string line;
        while (lines.next(line)) {
            for (const auto& [prefix, iommu] :
                 {std::pair{"smmuv3_", "smmuv3"}, std::pair{"vtd_", "intel-vtd"}, std::pair{"amdvi_", "amd-vi"},
                  std::pair{"virtio_iommu_", "virtio-iommu"}}) {
                if (line.starts_with(prefix)) {
                    return iommu;
                }
            }
        }
    }
    const std::string path = record.file("inv_log.csv");
    line_reader lines(path);
    std::string line;
    if (lines.next(line) && line.find("endpoint") != std::string::npos) {
        return "virtio-iommu";
    }
    while (lines.next(line)) {
        if (line.find("SMMU_CMD_") != std::string::npos) {
            return "smmuv3";
        }
        if (line.find("INVALIDATE_") != std::string::npos || line.find("COMPLETION_WAIT") != std::string::npos) {
            return "amd-vi";
        }
        if (line.find("iec") != std::string::npos || line.find("iotlb") != std::string::npos) {
            return "intel-vtd";
        }
    }
    throw input_error(path, 0, 0, "no command that names an IOMMU",
                      "commands of an SMMUv3, VT-d, AMD-Vi or virtio-iommu");
}

std::string file_in(const std::string& folder, const std::string& name) {
    const std::string path = find_plain_or_gz(folder, name);
    if (path.empty()) {
        throw input_error(folder + '/' + name, 0, 0, "no such file", "it, or it with .gz");
    }
    return path;
}

} // namespace

std::uint32_t snapshot::register32(std::uint64_t offset) const {
    const auto found = registers.find(offset);
    return found == registers.end() ? 0 : found->second;
}

std::uint64_t snapshot::register64(std::uint64_t offset) const {
    return register32(offset) | std::uint64_t{register32(offset + 4)} << 32;
}

std::string snapshot::file(const std::string& file_name) const {
    return file_in(folder, file_name);
}

std::string recording::file(const std::string& file_name) const {
    return file_in(folder, file_name);
}

bool recording::has_file(const std::string& file_name) const {
    return !find_plain_or_gz(folder, file_name).empty();
}

bool is_recording(const std::string& folder) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) {
        return false;
    }
    if (!find_plain_or_gz(folder, "dma_trace.csv").empty()) {
        return true;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
        if (!find_plain_or_gz(entry.path().string(), "state.json").empty()) {
            return true;
        }
    }
    return false;
}

recording read_recording(const std::string& folder) {
    if (!is_recording(folder)) {
        throw input_error(folder, 0, 0, "neither dma_trace.csv nor a snapshot with state.json", "a recording's folder");
    }
    recording record;
    record.folder = folder;
    fs::path path = fs::path(folder).lexically_normal();
    record.name = (path.has_filename() ? path : path.parent_path()).filename().string();
    std::vector<fs::path> entries;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        entries.push_back(entry.path());
    }
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries) {
        if (fs::is_directory(entry) && !find_plain_or_gz(entry.string(), "state.json").empty()) {
            record.snapshots.push_back(read_snapshot(entry.string(), entry.filename().string()));
        }
    }
    std::stable_sort(record.snapshots.begin(), record.snapshots.end(),
                     [](const snapshot& a, const snapshot& b) { return a.order < b.order; });
    record.iommu = find_iommu(record);
    return record;
}

} // namespace iommulab::traces
