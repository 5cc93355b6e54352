// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/machine.h"
#include "traces/recording.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::conformance {

/// A fault as an IOMMU reported it to software.
struct fault_record {
    std::vector<std::string> codes; ///< the names that recordings use for this kind of fault
    std::optional<std::uint32_t> source_id;
    std::optional<std::uint64_t> address; ///< the input address; compared under address_mask
    std::uint64_t address_mask = ~std::uint64_t{0};
    std::optional<bool> write;
    std::string text; ///< for messages
};

/// What a recorded access must leave behind when it faults. An empty code: no record at all.
struct expected_fault {
    std::string code;
    std::uint32_t source_id = 0;
    std::uint64_t iova = 0;
    bool write = false;
};

/// Empty when the record says what the access must leave behind; otherwise what differs.
std::string difference(const fault_record& record, const expected_fault& expected);

/// What became of an access when it was recorded.
struct recorded_access {
    std::uint64_t iova = 0;
    std::uint64_t pa = 0; ///< when it is ok
    bool write = false;
    bool ok = false;
    bool untranslated = false; ///< ok, and past all tables
};

/// What the replay in motion offers to a motion_driver.
class motion_context {
  public:
    virtual ~motion_context() = default;
    virtual machine& target() = 0;
    virtual machine_mode mode() const = 0;
    /// Waits until no access is under way for which `concerned` is true.
    virtual void drain(const std::function<bool(const traces::dma_row&)>& concerned) = 0;
    /// Counts a failure of the recording's case and keeps its text.
    virtual void fail(const std::string& text) = 0;
};

/// Does to a machine, step by step, what software did to its IOMMU in a recording: the tables in memory, the registers,
/// the commands. The functions are called in the recording's order.
class motion_driver {
  public:
    virtual ~motion_driver() = default;

    virtual void register_access(const traces::register_row& row) = 0;
    virtual void command(const traces::command_row& row) = 0;
    /// Makes memory such that the access gives what is recorded; for a row with a role of lookahead too.
    virtual void before_access(const traces::dma_row& row) = 0;
    /// True for a read of the IOMMU's configuration structures (not of translation tables) for this source.
    virtual bool is_configuration_read(std::uint32_t source_id, const traces::table_read& read) const = 0;
    /// The reads of the configuration, as the source has it now, in the first recorded walk that lists any.
    virtual std::vector<traces::table_read> recorded_configuration(std::uint32_t source_id) const = 0;
    /// True when a byte of the range belongs to what the IOMMU reads or writes by itself: replayed data must not change
    /// it.
    virtual bool is_structure(std::uint64_t address, std::uint64_t size_bytes) const = 0;
    /// After the last row: waits for what software would wait for.
    virtual void finish() = 0;
    /// What happened, for the case's summary.
    virtual std::string summary() const = 0;
};

/// What the replay of recordings has to know of one IOMMU. One implementation an IOMMU.
class recording_dialect {
  public:
    virtual ~recording_dialect() = default;

    /// The ID registers that the machine must have, from the recording's snapshots and register log.
    virtual std::map<std::uint64_t, std::uint64_t> id_registers(const traces::recording& record) const = 0;

    /// Programs a machine, after reset and with the snapshot's pages in memory, as the snapshot's registers say, and
    /// switches the IOMMU on. Empty when the machine took it; otherwise what it refused.
    virtual std::string program(machine& target, const traces::snapshot& state) = 0;
    /// The fault records written since program() or the last call; they are taken out of the machine's queue.
    virtual std::vector<fault_record> take_faults(machine& target) = 0;
    /// Where the architecture's manual contradicts a recorded access, of a row at rest or in motion: what it asks for
    /// instead, as a fault code, with the reason. `state`: a snapshot, for what the IOMMU can do.
    struct contradiction {
        std::string fault_code;
        std::string reason;
    };
    virtual std::optional<contradiction> contradicts(const traces::snapshot& state,
                                                     const recorded_access& access) const = 0;

    virtual std::unique_ptr<motion_driver> start_motion(const traces::recording& record, motion_context& context) = 0;
    /// The fault records written since the last call in a replay in motion; they stay in the queue, which recorded
    /// register writes empty.
    virtual std::vector<fault_record> watch_faults(machine& target) = 0;
    /// True when a fault of this source would leave no record of its own now: one of its is pending, or records are
    /// lost.
    virtual bool hides_fault(machine& /*target*/, std::uint32_t /*source_id*/) { return false; }
};

} // namespace iommulab::conformance
