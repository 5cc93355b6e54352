// SPDX-License-Identifier: Apache-2.0
#include "testbenches/amd_vi/motion.h"

#include "testbenches/amd_vi/facts.h"
#include "testbenches/amd_vi/syntax.h"
#include "testbenches/conformance/page_tables_512.h"
#include "testbenches/conformance/snapshot_memory.h"
#include "testbenches/conformance/table_motion.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <optional>
#include <utility>
#include <vector>

namespace iommulab::conformance {

using traces::hex;
using namespace amd_vi;

namespace {

const syntax amd_vi_syntax;

/// Entries of host tables with so many levels (2.2.3).
entry_format host_format(unsigned levels) {
    entry_format format;
    format.levels = levels;
    format.table_entry = [](std::uint64_t table, unsigned level) {
        return table | PTE_PR | PTE_IR | PTE_IW | std::uint64_t{level - 1} << PTE_NextLevel_shift;
    };
    format.leaf_entry = [](const replayed_leaf& leaf, unsigned level) {
        std::uint64_t word = (leaf.address & page_address_mask) | PTE_PR;
        if (leaf.size_bytes != std::uint64_t{0x1000} << 9 * (level - 1)) {
            // the size is told by ones below it, and a zero where its highest bit of offset is
            word |= ((leaf.size_bytes / 2 - 1) & page_address_mask) | PTE_NextLevel_sized << PTE_NextLevel_shift;
        }
        return word | (leaf.readable ? PTE_IR : 0) | (leaf.writable ? PTE_IW : 0);
    };
    return format;
}

class amd_vi_motion final : public table_motion {
  public:
    amd_vi_motion(const traces::recording& record, motion_context& context)
        : table_motion(record, amd_vi_syntax, context) {
        for (const traces::snapshot& state : record.snapshots) {
            images_.push_back({snapshot_memory(state), state.register64(device_table_base)});
        }
        load_device_table();
        begin();
    }

  private:
    struct image {
        snapshot_memory memory;
        std::uint64_t device_table = 0; ///< the register

        std::uint64_t entry_address(std::uint32_t source) const {
            return (device_table & page_address_mask) + source * dte_bytes;
        }
        std::vector<std::uint64_t> entry(std::uint32_t source) const {
            return memory.words(entry_address(source), dte_bytes / sizeof(std::uint64_t));
        }
        bool has_entry(std::uint32_t source) const {
            return (source + 1) * dte_bytes <= ((device_table & device_table_size_mask) + 1) * 0x1000;
        }
    };

    static unsigned mode(const std::vector<std::uint64_t>& entry) {
        return static_cast<unsigned>(entry[0] >> DTE_Mode_shift & DTE_Mode_mask);
    }
    static bool has_tables(const std::vector<std::uint64_t>& entry) {
        return (entry[0] & (DTE_V | DTE_TV)) == (DTE_V | DTE_TV) && mode(entry) != 0;
    }
    static std::uint64_t root(const std::vector<std::uint64_t>& entry) { return entry[0] & page_address_mask; }

    /// The device table as the last snapshot has it, with the sources of the recording still refused.
    void load_device_table() {
        for (const auto& [address, bytes] : images_.back().memory.pages_of("device_table")) {
            if (!target_.write_memory(address, bytes)) {
                context_.fail("no memory for the device table at " + hex(address));
            }
        }
        for (const auto& [id, source] : sources_) {
            if (images_.back().has_entry(id)) {
                write_words(images_.back().entry_address(id), {DTE_V | DTE_TV, 0, 0, 0});
            }
        }
    }

    void configure(std::uint32_t id, source_state& source, const configuration_phase& phase) override {
        if (!images_.back().has_entry(id)) {
            context_.fail("source " + hex(id) + " makes accesses, and the device table has no entry for it");
            return;
        }
        const std::uint64_t place = images_.back().entry_address(id);
        source.configuration = {place};
        if (!phase.translated) {
            source.tables.reset();
            write_words(place, {DTE_V | DTE_TV | DTE_IR_IW, 0, 0, 0});
            return;
        }
        std::optional<std::vector<std::uint64_t>> entry = find_entry(id, phase);
        if (!entry) {
            throw input_error(record_.folder, 0, 0, "no snapshot in which a source has tables",
                              "one, for the format of the tables of source " + hex(id));
        }
        const bool as_in_snapshot = !phase.root || root(*entry) == *phase.root;
        const auto recorded = static_cast<std::uint32_t>((*entry)[1] & DTE_DomainID_mask);
        source.space = as_in_snapshot ? recorded : choose_space(id, phase).value_or(recorded);
        const std::uint64_t first_table = phase.root.value_or(root(*entry));
        (*entry)[0] = ((*entry)[0] & ~page_address_mask) | first_table;
        (*entry)[1] = ((*entry)[1] & ~DTE_DomainID_mask) | source.space;
        source.tables = shared_tables(first_table);
        if (source.tables == nullptr) {
            source.tables =
                std::make_shared<page_tables_512>(target_, host_format(mode(*entry)), first_table,
                                                  [this](std::uint64_t bytes) { return spare_table(bytes); });
        }
        write_words(place, *entry);
    }

    /// The source's own entry in the snapshot that knows this root, else its own in any, else anybody's.
    std::optional<std::vector<std::uint64_t>> find_entry(std::uint32_t id, const configuration_phase& phase) const {
        std::optional<std::vector<std::uint64_t>> own;
        std::optional<std::vector<std::uint64_t>> other;
        for (const image& state : images_) {
            if (const auto entry = state.entry(id); has_tables(entry)) {
                if (phase.root && root(entry) == *phase.root) {
                    return entry;
                }
                own = own ? own : entry;
            }
            for (const auto& [source, unused] : sources_) {
                if (const auto entry = state.entry(source); !other && has_tables(entry)) {
                    other = entry;
                }
            }
        }
        return own ? own : other;
    }

    std::uint64_t configuration_bytes() const override { return dte_bytes; }

    std::vector<traces::memory_range> other_structures() const override {
        const std::uint64_t table = images_.back().device_table, events = written64(event_base);
        return {{table & page_address_mask, ((table & device_table_size_mask) + 1) * 0x1000},
                {events & page_address_mask, ring_bytes(events)}};
    }

    /// 2.4 and 3.4.13: byte offsets, without a wrap bit.
    void registers_changed(const traces::register_row&) override {
        const std::uint64_t base = written64(command_base), enables = written64(control);
        const auto mask = static_cast<std::uint32_t>(ring_bytes(base) - 1);
        constexpr std::uint64_t running = control_IommuEn | control_CmdBufEn;
        queue_.set_layout({.enabled = (enables & running) == running,
                           .address = base & page_address_mask,
                           .producer_register = command_tail,
                           .consumer_register = command_head,
                           .step = ring_entry_bytes,
                           .pointer_mask = mask,
                           .slot_mask = mask,
                           .bytes_per_unit = 1});
    }

    bool is_acknowledgement(const traces::register_row& row) const override {
        return row.offset == event_head || row.offset == status;
    }

    readable is_determined(const traces::register_row& row) const override {
        const bool always = row.offset == control || row.offset == extended_feature;
        return always ? readable::always : readable::varies;
    }

    std::string errors() override {
        const std::uint64_t value = target_.read_register("", status, 8);
        const std::uint64_t seen = value & (status_EventOverflow | status_CmdBufRun | status_EventLogRun);
        if (!queue_.enabled() || seen == (status_CmdBufRun | status_EventLogRun)) {
            return {};
        }
        return "found Status " + hex(value) + ", expected command buffer and event log running, without overflow";
    }

    std::vector<image> images_;
};

} // namespace

std::unique_ptr<motion_driver> make_amd_vi_motion(const traces::recording& record, motion_context& context) {
    return std::make_unique<amd_vi_motion>(record, context);
}

} // namespace iommulab::conformance
