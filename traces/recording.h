// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/csv_reader.h"
#include "traces/vectors.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace iommulab::traces {

// A recording of a real kernel driving its IOMMU is a folder of files, described in docs/replay.md and in
// traces/README.md. The readers below take one file each, row by row; all throw input_error. `order` is one order over
// all files of a recording.

/// A read of an IOMMU's table in memory.
struct table_read {
    std::uint64_t address = 0;
    std::uint32_t size_bytes = 0;

    friend bool operator==(const table_read& a, const table_read& b) {
        return a.address == b.address && a.size_bytes == b.size_bytes;
    }
};

enum class recorded_result {
    ok,
    fault,
    bypass,   ///< not translated: the IOMMU still off, or an identity domain
    msi,      ///< x86: to interrupt remapping; no address recorded
    resv_msi, ///< virtio-iommu: the reserved window for interrupts, not translated
};

/// dma_trace: one translation.
struct dma_row {
    std::uint64_t sequence = 0;
    std::uint64_t order = 0;
    std::uint64_t time_ns = 0;
    std::uint32_t source_id = 0;
    std::uint64_t iova = 0;
    std::uint64_t pa = 0; ///< meaningless for fault and msi
    std::uint64_t size_bytes = 0;
    bool write = false; ///< the device writes memory
    recorded_result result = recorded_result::ok;
    std::string fault_code;       ///< as recorded; may be empty
    std::uint64_t page_bytes = 0; ///< 0: not said
    bool readable = false;
    bool writable = false;
    bool lookahead = false; ///< a probe without an access
    std::uint64_t request_id = 0;
    std::vector<table_read> walk_reads;
    std::size_t line = 0;
};

class dma_trace_reader {
  public:
    explicit dma_trace_reader(const std::string& path);
    bool next(dma_row& row);
    const std::string& path() const { return csv_.path(); }

  private:
    csv_reader csv_;
    std::uint64_t last_order_ = 0;
};

/// dma_requests: one request of a device, before it is split into pages.
struct dma_request_row {
    std::uint64_t request_id = 0;
    std::uint64_t time_ns = 0;
    std::uint32_t source_id = 0;
    std::string device;
    std::uint64_t iova = 0;
    std::uint64_t size_bytes = 0;
    bool write = false;
    std::string kind;
    std::uint64_t translations = 0;
    bool ok = false;
    std::size_t line = 0;
};

class dma_requests_reader {
  public:
    explicit dma_requests_reader(const std::string& path);
    bool next(dma_request_row& row);

  private:
    csv_reader csv_;
};

/// inv_log of an IOMMU with a command queue: one command, in the order of the queue.
struct command_row {
    std::uint64_t order = 0;
    std::uint64_t time_ns = 0;
    std::uint64_t qword0 = 0;
    std::uint64_t qword1 = 0;
    std::string type;
    std::size_t line = 0;
};

class command_log_reader {
  public:
    explicit command_log_reader(const std::string& path);
    bool next(command_row& row);

  private:
    csv_reader csv_;
    std::uint64_t last_order_ = 0;
};

/// inv_log of a virtio-iommu: one request (VIRTIO 1.2, 5.13.6.3 to 5.13.6.6).
struct virtio_request_row {
    std::uint64_t order = 0;
    std::uint64_t time_ns = 0;
    std::string operation; ///< attach, detach, map, unmap
    std::uint32_t domain = 0;
    std::uint32_t endpoint = 0;
    std::uint64_t virt_start = 0;
    std::uint64_t virt_end = 0; ///< inclusive
    std::uint64_t phys_start = 0;
    std::uint32_t flags = 0; ///< 1 read, 2 write
    std::size_t line = 0;
};

class virtio_request_reader {
  public:
    explicit virtio_request_reader(const std::string& path);
    bool next(virtio_request_row& row);

  private:
    csv_reader csv_;
    std::uint64_t last_order_ = 0;
};

/// mmio_log: one access of the kernel to a register of the IOMMU.
struct register_row {
    std::uint64_t order = 0;
    std::uint64_t time_ns = 0;
    std::uint32_t cpu = 0;
    std::uint64_t offset = 0;
    std::uint32_t width_bytes = 0;
    std::uint64_t value = 0;
    bool write = false;
    std::size_t line = 0;
};

class register_log_reader {
  public:
    explicit register_log_reader(const std::string& path);
    bool next(register_row& row);

  private:
    csv_reader csv_;
    std::uint64_t last_order_ = 0;
};

/// marks: where a phase of the workload began.
struct mark_row {
    std::uint64_t time_ns = 0;
    std::uint64_t order = 0;
    std::string mark;
};
std::vector<mark_row> read_marks(const std::string& path);

/// expected: an access to a snapshot and its outcome.
struct expected_row {
    std::uint32_t source_id = 0;
    std::uint64_t iova = 0;
    bool write = false;
    bool ok = false;
    std::uint64_t pa = 0;
    std::uint64_t page_bytes = 0; ///< 0: untranslated
    std::string fault_code;       ///< empty: the fault is not reported
    std::string origin;
    std::string note;
    std::size_t line = 0;
};

class expected_reader {
  public:
    explicit expected_reader(const std::string& path);
    bool next(expected_row& row);

  private:
    csv_reader csv_;
};

/// leaves: a leaf entry of a snapshot's tables.
struct leaf_row {
    std::vector<std::uint32_t> source_ids; ///< all that share the table
    std::uint64_t iova = 0;
    std::uint64_t size_bytes = 0;
    std::uint64_t pa = 0;
    bool readable = false;
    bool writable = false;
};

class leaves_reader {
  public:
    explicit leaves_reader(const std::string& path);
    bool next(leaf_row& row);

  private:
    csv_reader csv_;
};

/// pages: one page of tables or queues of a snapshot. What is not listed was zero.
struct table_page {
    std::uint64_t address = 0;
    std::string kind;
    std::vector<std::uint8_t> bytes;
};

class pages_reader {
  public:
    explicit pages_reader(const std::string& path);
    bool next(table_page& page);

  private:
    line_reader lines_;
    std::string line_;
};

/// A mapping of a virtio-iommu's domain at the time of a snapshot.
struct virtio_mapping {
    std::uint32_t domain = 0;
    std::uint64_t virt_start = 0;
    std::uint64_t virt_end = 0; ///< inclusive
    std::uint64_t phys_start = 0;
    std::uint32_t flags = 0;
};

/// A snapshot's state.json. The pages, the expected rows and the leaves are read from the files of its folder.
struct snapshot {
    std::string folder;
    std::string name; ///< of the folder
    std::string tag;
    std::uint64_t order = 0;
    std::uint64_t time_ns = 0;
    std::uint64_t mmio_base = 0;
    memory_range memory;                                     ///< size 0: not said
    std::map<std::uint64_t, std::uint32_t> registers;        ///< offset to the 32 bits there
    std::map<std::uint32_t, std::uint32_t> endpoint_domains; ///< virtio-iommu
    std::vector<virtio_mapping> mappings;                    ///< virtio-iommu
    std::vector<memory_range> reserved_regions;              ///< virtio-iommu

    /// The value of a register, 0 when the snapshot has none; 64-bit registers are two neighbours.
    std::uint32_t register32(std::uint64_t offset) const;
    std::uint64_t register64(std::uint64_t offset) const;
    /// A file of the snapshot, compressed or not; throws input_error when there is none.
    std::string file(const std::string& name) const;
};

/// A recording's folder: which IOMMU, which snapshots (in order of time), and where its files are.
struct recording {
    std::string folder;
    std::string name;  ///< of the folder
    std::string iommu; ///< as vector files name it: smmuv3, intel-vtd, amd-vi, virtio-iommu
    std::vector<snapshot> snapshots;

    /// A file of the recording, compressed or not, e.g. file("dma_trace.csv"); throws input_error when there is none.
    std::string file(const std::string& name) const;
    bool has_file(const std::string& name) const;
};

/// True when the folder looks like a recording: a DMA trace or a snapshot in it.
bool is_recording(const std::string& folder);

/// Reads the snapshots' states and finds out which IOMMU the recording is of. Throws input_error.
recording read_recording(const std::string& folder);

} // namespace iommulab::traces
