// SPDX-License-Identifier: Apache-2.0
#include "testbenches/vtd/motion.h"

#include "testbenches/conformance/page_tables_512.h"
#include "testbenches/conformance/snapshot_memory.h"
#include "testbenches/conformance/table_motion.h"
#include "testbenches/vtd/facts.h"
#include "testbenches/vtd/syntax.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <utility>

namespace iommulab::conformance {

using traces::hex;
using namespace vtd;

namespace {

const syntax vtd_syntax;

/// Second-stage tables ("Second-Stage Paging Entries").
entry_format second_stage_format(unsigned levels) {
    entry_format format;
    format.levels = levels;
    format.table_entry = [](std::uint64_t table, unsigned) { return table | PTE_R | PTE_W; };
    format.leaf_entry = [](const replayed_leaf& leaf, unsigned level) {
        if (leaf.size_bytes != std::uint64_t{0x1000} << 9 * (level - 1)) {
            return std::uint64_t{0};
        }
        return leaf.address | (leaf.readable ? PTE_R : 0) | (leaf.writable ? PTE_W : 0) | (level > 1 ? PTE_PS : 0);
    };
    return format;
}

/// A source's configuration in a snapshot: where its entries are and what they say. In legacy mode the last entry is
/// the context entry, in scalable mode the PASID table entry of requests without PASID.
struct source_entries {
    bool scalable = false;
    std::uint64_t root_place = 0, context_place = 0, directory_place = 0, pasid_place = 0;
    std::vector<std::uint64_t> root, context, directory, pasid;

    const std::vector<std::uint64_t>& last() const { return scalable ? pasid : context; }
    std::vector<std::uint64_t>& last() { return scalable ? pasid : context; }
    bool has_tables() const {
        if (context.empty() || (last().empty()) || (last()[0] & 1) == 0) {
            return false;
        }
        return scalable ? (last()[0] & PGTT_mask) == PGTT_second_stage : (last()[0] & context_TT_mask) == 0;
    }
    std::uint64_t first_table() const { return last()[0] & address_mask; }
    unsigned levels() const {
        return 2 + static_cast<unsigned>(scalable ? last()[0] >> 2 & 7 : last()[1] & 7); // AW
    }
    std::uint32_t domain() const {
        return static_cast<std::uint32_t>((scalable ? last()[1] : last()[1] >> 8) & 0xffff);
    }
    void set(std::uint64_t table, std::uint32_t domain_id) {
        last()[0] = (last()[0] & ~address_mask) | table;
        last()[1] = scalable ? (last()[1] & ~std::uint64_t{0xffff}) | domain_id
                             : (last()[1] & ~(std::uint64_t{0xffff} << 8)) | std::uint64_t{domain_id} << 8;
    }
    void set_pass_through() {
        last()[0] &= ~address_mask;
        last()[0] = scalable ? (last()[0] & ~PGTT_mask) | PGTT_pass_through
                             : (last()[0] & ~context_TT_mask) | context_TT_pass_through;
    }
};

class vtd_motion final : public table_motion {
  public:
    vtd_motion(const traces::recording& record, motion_context& context) : table_motion(record, vtd_syntax, context) {
        for (const traces::snapshot& state : record.snapshots) {
            images_.push_back({snapshot_memory(state), state.register64(RTADDR)});
        }
        load_structures();
        begin();
    }

    /// The emulator's log lacks the PASID cache invalidations: where software announced more than came, they were it.
    void register_access(const traces::register_row& row) override {
        if (row.write && row.offset == IQT && queue_.enabled()) {
            traces::command_row missing;
            missing.order = row.order;
            missing.qword0 = descriptor_pasid_cache_global;
            for (std::uint32_t n = queue_.missing(); n != 0; --n) {
                queue_.put(missing);
            }
        }
        table_motion::register_access(row);
    }

  private:
    struct image {
        snapshot_memory memory;
        std::uint64_t root_table = 0; ///< the register

        /// The structures on the way as far as they are present.
        source_entries entries(std::uint32_t source) const {
            source_entries e;
            e.scalable = (root_table & RTADDR_scalable) != 0;
            e.root_place = (root_table & address_mask) + (source >> 8) * root_entry_bytes;
            e.root = memory.words(e.root_place, 2);
            const std::uint64_t half = e.scalable ? e.root[source >> 7 & 1] : e.root[0];
            if ((half & 1) == 0) {
                return e;
            }
            e.context_place = (half & address_mask) + (e.scalable ? (source & 0x7f) * sm_context_entry_bytes
                                                                  : (source & 0xff) * context_entry_bytes);
            e.context = memory.words(e.context_place, e.scalable ? 4 : 2);
            if (!e.scalable || (e.context[0] & 1) == 0) {
                return e;
            }
            const std::uint64_t pasid = e.context[1] & 0xfffff; // RID_PASID
            e.directory_place = (e.context[0] & address_mask) + (pasid >> 6) * directory_entry_bytes;
            e.directory = memory.words(e.directory_place, 1);
            if ((e.directory[0] & 1) != 0) {
                e.pasid_place = (e.directory[0] & address_mask) + (pasid & 0x3f) * pasid_entry_bytes;
                e.pasid = memory.words(e.pasid_place, 8);
            }
            return e;
        }
    };

    /// Root and context tables and those of PASIDs as the last snapshot has them, with the sources of the recording
    /// still refused.
    void load_structures() {
        for (const char* kind : {"root", "context", "sm_context", "pasid_"}) {
            for (const auto& [address, bytes] : images_.back().memory.pages_of(kind)) {
                structures_.push_back({address, bytes.size()});
                if (!target_.write_memory(address, bytes)) {
                    context_.fail("no memory for a table of the configuration at " + hex(address));
                }
            }
        }
        for (const auto& [id, source] : sources_) {
            const source_entries e = images_.back().entries(id);
            if (!e.context.empty()) {
                write_words(e.context_place, std::vector<std::uint64_t>(e.context.size(), 0));
            }
        }
    }

    void configure(std::uint32_t id, source_state& source, const configuration_phase& phase) override {
        std::optional<source_entries> entries = find_entries(id, phase);
        if (!entries) {
            throw input_error(record_.folder, 0, 0, "no snapshot in which a source has tables",
                              "one, for the format of the tables of source " + hex(id));
        }
        place(id, *entries);
        source.configuration = {entries->root_place, entries->context_place};
        if (entries->scalable) {
            source.configuration.insert({entries->directory_place, entries->pasid_place});
        }
        if (!phase.translated) {
            source.tables.reset();
            entries->set_pass_through();
            write(*entries);
            return;
        }
        const bool as_in_snapshot = !phase.root || entries->first_table() == *phase.root;
        const std::uint32_t recorded = entries->domain();
        source.space = as_in_snapshot ? recorded : choose_space(id, phase).value_or(recorded);
        const std::uint64_t first_table = phase.root.value_or(entries->first_table());
        entries->set(first_table, source.space);
        source.tables = shared_tables(first_table);
        if (source.tables == nullptr) {
            source.tables =
                std::make_shared<page_tables_512>(target_, second_stage_format(entries->levels()), first_table,
                                                  [this](std::uint64_t bytes) { return spare_table(bytes); });
        }
        write(*entries);
    }

    /// The source's own entries in the snapshot that knows this root, else its own in any, else anybody's.
    std::optional<source_entries> find_entries(std::uint32_t id, const configuration_phase& phase) const {
        std::optional<source_entries> own;
        std::optional<source_entries> other;
        for (const image& state : images_) {
            if (const source_entries e = state.entries(id); e.has_tables()) {
                if (phase.root && e.first_table() == *phase.root) {
                    return e;
                }
                own = own ? own : e;
            }
            for (const auto& [source, unused] : sources_) {
                if (const source_entries e = state.entries(source); !other && e.has_tables()) {
                    other = e;
                }
            }
        }
        return own ? own : other;
    }

    /// Anybody's entries stand where the source's own do, as far as a snapshot tells.
    void place(std::uint32_t id, source_entries& e) const {
        const source_entries own = images_.back().entries(id);
        e.root_place = own.root_place;
        if (!own.context.empty()) {
            e.context_place = own.context_place;
        }
        if (!own.directory.empty()) {
            e.directory_place = own.directory_place;
            e.context = own.context;
        }
        if (!own.pasid.empty()) {
            e.pasid_place = own.pasid_place;
            e.directory = own.directory;
        }
    }

    /// From the last entry to the first, so that each is complete when it can be found.
    void write(const source_entries& e) {
        if (e.scalable) {
            write_words(e.pasid_place, e.pasid);
            write_words(e.directory_place, e.directory);
        }
        write_words(e.context_place, e.context);
    }

    std::uint64_t configuration_bytes() const override { return pasid_entry_bytes; }
    std::vector<traces::memory_range> other_structures() const override { return structures_; }

    /// "Invalidation Queue Tail Register": byte offsets, without a wrap bit.
    void registers_changed(const traces::register_row&) override {
        const std::uint64_t iqa = written64(IQA);
        const auto mask = static_cast<std::uint32_t>((std::uint64_t{0x1000} << (iqa & IQA_QS_mask)) - 1);
        queue_.set_layout({.enabled = (written64(GCMD) & QIE) != 0,
                           .address = iqa & address_mask,
                           .producer_register = IQT,
                           .consumer_register = IQH,
                           .step = (iqa & IQA_DW) != 0 ? 32U : 16U,
                           .pointer_mask = mask,
                           .slot_mask = mask,
                           .bytes_per_unit = 1});
    }

    bool is_acknowledgement(const traces::register_row& row) const override {
        return row.offset == FSTS || is_fault_record(row.offset);
    }
    bool is_fault_record(std::uint64_t offset) const {
        const std::uint64_t cap = record_.snapshots.front().register64(CAP), first = fault_record_offset(cap);
        return offset >= first && offset < first + fault_records(cap) * FRCD_bytes;
    }

    readable is_determined(const traces::register_row& row) const override {
        if (row.offset <= GSTS) { // VER, CAP, ECAP too
            return readable::always;
        }
        // of a record the address: the emulator's other half has a PASID where there is none
        const bool address = is_fault_record(row.offset) && row.offset % FRCD_bytes == 0;
        return row.offset == FSTS || address ? readable::when_quiet : readable::varies;
    }

    std::string errors() override {
        const std::uint64_t status = target_.read_register("", FSTS, 4);
        return (status & FSTS_errors) == 0 ? std::string() : "found FSTS " + hex(status) + ", expected no error in it";
    }

    std::vector<image> images_;
    std::vector<traces::memory_range> structures_;
};

} // namespace

std::unique_ptr<motion_driver> make_vtd_motion(const traces::recording& record, motion_context& context) {
    return std::make_unique<vtd_motion>(record, context);
}

} // namespace iommulab::conformance
