// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/configuration_phases.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/conformance/replayed_command_queue.h"
#include "testbenches/conformance/replayed_tables.h"
#include "testbenches/conformance/snapshot_memory.h"
#include "traces/recording.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace iommulab::conformance {

/// The replay in motion of an IOMMU that has its configuration, its tables and its queues in memory. What tables held
/// over time is not recorded; it is rebuilt as docs/replay.md says. One class derived from it an IOMMU says where
/// things are and what they look like.
class table_motion : public motion_driver {
  public:
    void register_access(const traces::register_row& row) override;
    void command(const traces::command_row& row) override;
    void before_access(const traces::dma_row& row) override;
    bool is_configuration_read(std::uint32_t source_id, const traces::table_read& read) const override;
    std::vector<traces::table_read> recorded_configuration(std::uint32_t source_id) const override;
    bool is_structure(std::uint64_t address, std::uint64_t size_bytes) const override;
    void finish() override;
    std::string summary() const override;

  protected:
    struct source_state {
        std::vector<configuration_phase> phases;
        std::size_t current = 0;                 ///< the phase that the order has reached
        std::size_t applied = ~std::size_t{0};   ///< the phase whose configuration is in memory
        std::uint32_t space = 0;                 ///< ASID or domain of its translations
        std::shared_ptr<replayed_tables> tables; ///< empty while the source bypasses
        std::set<std::uint64_t> configuration;   ///< addresses of its configuration structures
    };

    /// `record`, `syntax` and `context` must outlive this. Throws input_error for a recording without snapshots.
    table_motion(const traces::recording& record, const recording_syntax& syntax, motion_context& context);
    /// For the derived constructor, when memory is as it was before the first access.
    void begin();

    // --- what an IOMMU says
    /// Puts the source's configuration of a phase into memory, and sets its tables, space and configuration.
    virtual void configure(std::uint32_t id, source_state& source, const configuration_phase& phase) = 0;
    /// A register has been written: where queues are may have changed.
    virtual void registers_changed(const traces::register_row& row) = 0;
    /// A write of a queue's consumer, at which nothing has to wait.
    virtual bool is_acknowledgement(const traces::register_row& row) const = 0;
    enum class readable { varies, always, when_quiet };
    /// Is the value read from a register determined, and when?
    virtual readable is_determined(const traces::register_row& row) const = 0;
    /// Memory that the IOMMU uses beside configuration, tables and the command queue.
    virtual std::vector<traces::memory_range> other_structures() const = 0;
    /// What is wrong with the IOMMU at the end; empty: nothing.
    virtual std::string errors() = 0;
    /// A recorded fault that is one of rights.
    virtual bool is_permission_fault(const traces::dma_row&) const { return false; }
    /// Bytes of one configuration structure.
    virtual std::uint64_t configuration_bytes() const = 0;

    // --- what it can use
    /// The space that snapshots do not tell: the one that no other source has and that most invalidations of addresses
    /// in the phase name; failing these, of a whole space (an old domain's last one, too, falls into the phase after
    /// it, but once).
    std::optional<std::uint32_t> choose_space(std::uint32_t id, const configuration_phase& phase) const;
    /// The tables of another source with this root; empty when there are none.
    std::shared_ptr<replayed_tables> shared_tables(std::uint64_t root) const;
    /// Places for tables that no walk shows: from the end of memory down.
    std::optional<std::uint64_t> spare_table(std::uint64_t bytes);
    /// The value that the recording's writes have left in a register of 64 bits, whatever their width.
    std::uint64_t written64(std::uint64_t offset) const;
    /// Writes doublewords, the first, which has the valid bit, last.
    void write_words(std::uint64_t address, const std::vector<std::uint64_t>& values);

    const traces::recording& record_;
    const recording_syntax& syntax_;
    motion_context& context_;
    machine& target_;
    replayed_command_queue queue_;
    traces::memory_range memory_;
    std::map<std::uint32_t, source_state> sources_;

  private:
    void look_ahead(std::uint32_t id, source_state& source);
    std::vector<std::uint64_t> table_path(const traces::dma_row& row, const replayed_tables& tables) const;
    void set_leaf(const traces::dma_row& row, replayed_tables& tables);
    void set_fault(const traces::dma_row& row, replayed_tables& tables);
    std::uint64_t unmap_range(replayed_tables& tables, std::uint64_t from, std::uint64_t size_bytes);
    void clear(const command_effect& effect);
    void check_read(const traces::register_row& row);

    std::map<std::uint64_t, std::uint32_t> written_; ///< by the recording's writes: offset to 32 bits
    std::uint64_t spare_bytes_ = 0;
    std::uint64_t edits_ = 0;
    std::uint64_t unannounced_ = 0;
};

} // namespace iommulab::conformance
