// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/smmu_v3_motion.h"

#include "testbenches/conformance/smmu_v3_command_queue.h"
#include "testbenches/conformance/smmu_v3_facts.h"
#include "testbenches/conformance/smmu_v3_image.h"
#include "testbenches/conformance/smmu_v3_phases.h"
#include "testbenches/conformance/smmu_v3_tables.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace iommulab::conformance {

using traces::dma_row;
using traces::hex;
using traces::recorded_result;
using namespace smmu_v3;

namespace {

class smmu_v3_motion final : public motion_driver {
  public:
    smmu_v3_motion(const traces::recording& record, motion_context& context)
        : record_(record), context_(context), target_(context.target()), queue_(context) {
        if (record.snapshots.empty()) {
            throw input_error(record.folder, 0, 0, "no snapshot",
                              "one at least: its context descriptors have the ASIDs");
        }
        for (const traces::snapshot& state : record.snapshots) {
            images_.emplace_back(state);
        }
        memory_ = record.snapshots.front().memory;
        for (auto& [source, phases] : find_phases(record)) {
            sources_[source].phases = std::move(phases);
        }
        load_stream_table();
        for (auto& [id, source] : sources_) {
            look_ahead(id, source);
        }
    }

    void register_access(const traces::register_row& row) override {
        if (!row.write) {
            check_read(row);
            return;
        }
        if (row.offset == CMDQ_PROD && queue_.enabled()) {
            queue_.announce(static_cast<std::uint32_t>(row.value));
            return;
        }
        queue_.wait();
        if (row.offset != EVENTQ_CONS) {
            context_.drain([](const dma_row&) { return true; });
        }
        target_.write_register("", row.offset, row.width_bytes, row.value);
        if (row.offset != EVENTQ_CONS) {
            target_.settle();
        }
        follow_register(row);
    }

    void command(const traces::command_row& row) override {
        const command_fields fields = decode_command(row.qword0, row.qword1);
        if (fields.what == command_fields::kind::configuration) {
            for (auto& [id, source] : sources_) {
                if (id >= fields.first_source && id <= fields.last_source) {
                    ++source.current;
                    look_ahead(id, source);
                }
            }
        } else if (fields.what == command_fields::kind::invalidation) {
            clear(fields);
        }
        queue_.put(row);
    }

    void before_access(const dma_row& row) override {
        const auto found = sources_.find(row.source_id);
        if (found == sources_.end() || found->second.tables == nullptr || row.result == recorded_result::bypass) {
            return;
        }
        if (row.result == recorded_result::ok) {
            set_leaf(row, *found->second.tables);
        } else if (row.result == recorded_result::fault) {
            set_fault(row, *found->second.tables);
        }
    }

    bool is_configuration_read(std::uint32_t source_id, const traces::table_read& read) const override {
        const auto found = sources_.find(source_id);
        return found != sources_.end() && found->second.configuration.count(read.address) != 0;
    }

    bool is_structure(std::uint64_t address, std::uint64_t size_bytes) const override {
        const auto overlaps = [&](std::uint64_t base, std::uint64_t bytes) {
            return address < base + bytes && base < address + size_bytes;
        };
        for (const auto& [base, bytes] : images_.back().stream_table_pages()) {
            if (overlaps(base, bytes.size())) {
                return true;
            }
        }
        for (const auto& [base, unit] :
             {std::pair{queue_.base_register(), command_bytes}, std::pair{event_base_, event_bytes}}) {
            if (overlaps(base & queue_address_mask, unit << (base & queue_log2size_mask))) {
                return true;
            }
        }
        for (const auto& [id, source] : sources_) {
            for (const std::uint64_t place : source.configuration) {
                if (overlaps(place, cd_bytes)) {
                    return true;
                }
            }
            if (source.tables == nullptr) {
                continue;
            }
            const std::uint64_t granule = std::uint64_t{1} << source.tables->builder().configuration().granule_log2;
            for (std::uint64_t page = address & ~(granule - 1); page < address + size_bytes; page += granule) {
                if (source.tables->has_table(page)) {
                    return true;
                }
            }
        }
        return false;
    }

    void finish() override {
        queue_.wait();
        context_.drain([](const dma_row&) { return true; });
        if (context_.mode() != machine_mode::debug) {
            const std::uint64_t errors =
                target_.read_register("", GERROR, 4) ^ target_.read_register("", GERROR + 4, 4);
            if (errors != 0) {
                context_.fail("at the end: found GERROR " + hex(errors) + " active, expected none");
            }
        }
    }

    std::string summary() const override {
        std::string text =
            std::to_string(queue_.commands()) + " commands, " + std::to_string(edits_) + " edits of leaf entries";
        if (unannounced_ != 0) {
            text += " (" + std::to_string(unannounced_) + " without an invalidation before)";
        }
        return text;
    }

  private:
    struct source_state {
        std::vector<stream_phase> phases;
        std::size_t current = 0;               ///< the phase that the order has reached
        std::size_t applied = ~std::size_t{0}; ///< the phase whose configuration is in memory
        std::uint16_t asid = 0;
        std::shared_ptr<replayed_tables> tables; ///< empty while the source bypasses
        std::set<std::uint64_t> configuration;   ///< addresses of its configuration structures
    };

    // --- memory before the first access

    /// The stream table as the last snapshot has it, with the sources of the recording still refused.
    void load_stream_table() {
        for (const snapshot_image& image : images_) {
            for (const auto& [address, bytes] : image.stream_table_pages()) {
                if (!target_.write_memory(address, bytes)) {
                    context_.fail("no memory for the stream table at " + hex(address));
                }
            }
        }
        for (const auto& [id, source] : sources_) {
            if (const auto place = images_.back().ste_address(id)) {
                write_words(*place, {STE_V | STE_Config_abort << STE_Config_shift, STE_SHCFG_incoming});
            }
        }
    }

    // --- configuration

    /// Puts the configuration in memory that the source's next accesses need.
    void look_ahead(std::uint32_t id, source_state& source) {
        std::size_t next = source.current;
        while (next < source.phases.size() && !source.phases[next].used) {
            ++next;
        }
        if (next >= source.phases.size() || next == source.applied) {
            return;
        }
        queue_.wait_for_earlier();
        context_.drain([&](const dma_row& row) { return row.source_id == id; });
        source.applied = next;
        configure(id, source, source.phases[next]);
    }

    void configure(std::uint32_t id, source_state& source, const stream_phase& phase) {
        std::optional<std::uint64_t> place = images_.back().ste_address(id);
        const auto level_1 = images_.back().level_1_address(id);
        if (!place) {
            context_.fail("source " + hex(id) + " makes accesses, and no snapshot's stream table has an entry for it");
            return;
        }
        source.configuration = {*place};
        if (level_1) {
            source.configuration.insert(*level_1);
        }
        if (!phase.translated) {
            source.tables.reset();
            write_words(*place, {STE_V | STE_Config_bypass << STE_Config_shift, STE_SHCFG_incoming});
            return;
        }
        std::optional<stage_1_stream> stream = find_stream(id, phase);
        if (!stream) {
            throw input_error(record_.folder, 0, 0, "no snapshot in which a source is translated by stage 1",
                              "one, for the format of the tables of source " + hex(id));
        }
        const std::uint64_t root = phase.root.value_or(stream->root());
        place_context_descriptor(phase, *stream, source);
        source.asid = choose_asid(id, phase, *stream);
        stream->cd[0] = (stream->cd[0] & 0x0000ffffffffffff) | std::uint64_t{source.asid} << 48;
        stream->cd[1] = (stream->cd[1] & ~CD_TTB_mask) | root;
        source.tables = tables_at(root, stream->cd[0]);
        write_words(stream->cd_address, stream->cd);
        write_words(*place, stream->ste);
    }

    /// The source's own stream in the snapshot that knows this root, else its own in any, else anybody's with the same
    /// format.
    std::optional<stage_1_stream> find_stream(std::uint32_t id, const stream_phase& phase) const {
        std::optional<stage_1_stream> own;
        std::optional<stage_1_stream> other;
        for (const snapshot_image& image : images_) {
            if (const auto stream = image.stream(id)) {
                if (phase.root && stream->root() == *phase.root) {
                    return stream;
                }
                own = own ? own : stream;
            }
            for (const auto& [source, state] : sources_) {
                other = other ? other : image.stream(source);
            }
        }
        return own ? own : other;
    }

    /// Where the phase's first walk read the context descriptor from; the snapshot's place when no walk shows it.
    void place_context_descriptor(const stream_phase& phase, stage_1_stream& stream, source_state& source) {
        std::vector<traces::table_read> wide;
        std::optional<std::uint64_t> level_1_cd;
        for (const traces::table_read& read : phase.configuration) {
            if (read.size_bytes == 64) {
                wide.push_back(read);
            } else if (wide.size() == 1) {
                level_1_cd = read.address;
            }
        }
        if (wide.size() == 2) {
            stream.cd_address = wide[1].address;
            const std::uint64_t pointer = level_1_cd.value_or(stream.cd_address);
            stream.ste[0] = (stream.ste[0] & ~STE_S1ContextPtr_mask) | (pointer & STE_S1ContextPtr_mask);
            if (level_1_cd) {
                write_word(*level_1_cd, (stream.cd_address & 0x000ffffffffff000) | 1); // 5.3: V and L2Ptr
                source.configuration.insert(*level_1_cd);
            }
        }
        source.configuration.insert(stream.cd_address);
    }

    /// The snapshot's ASID where the snapshot has these tables. Otherwise the one that no other source has and that
    /// most invalidations of addresses in the phase name; failing these, of the whole ASID (an old domain's last one,
    /// too, falls into the phase after it, but once).
    std::uint16_t choose_asid(std::uint32_t id, const stream_phase& phase, const stage_1_stream& stream) const {
        if (!phase.root || stream.root() == *phase.root) {
            return stream.asid();
        }
        named_asids counts = asids_in_commands(record_, phase.first_order, phase.last_order);
        for (auto* const named : {&counts.with_address, &counts.without_address}) {
            for (const auto& [other, state] : sources_) {
                if (other != id && state.tables != nullptr) {
                    named->erase(state.asid);
                }
            }
            if (!named->empty()) {
                return std::max_element(named->begin(), named->end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; })
                    ->first;
            }
        }
        return stream.asid();
    }

    /// The tables with this root: those of another source that shares them, or new ones. TG0, T0SZ, IPS: 5.4.
    std::shared_ptr<replayed_tables> tables_at(std::uint64_t root, std::uint64_t cd_word_0) {
        for (const auto& [id, source] : sources_) {
            if (source.tables != nullptr && source.tables->builder().root() == root) {
                return source.tables;
            }
        }
        static constexpr unsigned granules[] = {12, 16, 14, 0};
        static constexpr unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52, 56};
        sw::arm_lpae_configuration configuration;
        configuration.granule_log2 = granules[cd_word_0 >> 6 & 3];
        configuration.input_bits = 64 - static_cast<unsigned>(cd_word_0 & 0x3f);
        configuration.output_bits = std::min(sizes[cd_word_0 >> 32 & 7], configuration.granule_log2 == 16 ? 52u : 48u);
        auto tables = std::make_shared<replayed_tables>(target_, configuration, root,
                                                        [this](std::uint64_t bytes) { return spare_table(bytes); });
        if (tables->builder().status() != sw::table_status::ok) {
            throw input_error(record_.folder, 0, 0, "a context descriptor with word 0 = " + hex(cd_word_0),
                              "a granule and an address size that stage 1 tables can have");
        }
        return tables;
    }

    /// Places for tables that no walk shows: from the end of memory down.
    std::optional<std::uint64_t> spare_table(std::uint64_t bytes) {
        if (spare_bytes_ + bytes > memory_.size_bytes) {
            return std::nullopt;
        }
        spare_bytes_ = (spare_bytes_ + 2 * bytes - 1) & ~(bytes - 1);
        return (memory_.base + memory_.size_bytes - spare_bytes_) & ~(bytes - 1);
    }

    // --- leaf entries

    /// Where the tables on the way stand: a recorded read is of an entry, whose index the address gives.
    static std::vector<std::uint64_t> table_path(const dma_row& row, const sw::arm_lpae_tables& builder) {
        std::vector<std::uint64_t> path;
        const unsigned granule_log2 = builder.configuration().granule_log2;
        unsigned level = builder.start_level();
        for (const traces::table_read& read : translation_reads(row.walk_reads)) {
            if (level > 3) {
                break;
            }
            const unsigned shift = granule_log2 + (3 - level) * (granule_log2 - 3);
            const std::uint64_t index = row.iova >> shift & ((std::uint64_t{1} << (granule_log2 - 3)) - 1);
            path.push_back(read.address - 8 * index);
            ++level;
        }
        return path;
    }

    void set_leaf(const dma_row& row, replayed_tables& tables) {
        sw::arm_lpae_tables& builder = tables.builder();
        const unsigned granule_log2 = builder.configuration().granule_log2;
        replayed_leaf wanted;
        wanted.size_bytes = row.page_bytes != 0 ? row.page_bytes : std::uint64_t{1} << granule_log2;
        const std::uint64_t offset_mask = wanted.size_bytes - 1;
        const std::uint64_t base = row.iova & ~offset_mask;
        wanted.address = row.pa & ~offset_mask;
        wanted.writable = row.readable || row.writable ? row.writable : row.write;
        std::uint64_t at = 0;
        const replayed_leaf* const present = tables.find(row.iova, at);
        if (present != nullptr && at == base && present->size_bytes == wanted.size_bytes &&
            present->address == wanted.address && present->writable == wanted.writable) {
            return;
        }
        queue_.wait();
        const std::vector<std::uint64_t> path = table_path(row, builder);
        if (!path.empty() && path.front() != builder.root()) {
            context_.fail("row " + std::to_string(row.line) + ": the recorded walk begins at " + hex(path.front()) +
                          ", and no command announced another table than " + hex(builder.root()));
            return;
        }
        unannounced_ += unmap_range(tables, base, wanted.size_bytes);
        if (const auto moved = tables.misplaced(row.iova, path)) {
            ++unannounced_;
            unmap_range(tables, moved->base, moved->size_bytes);
            tables.remove_tables(moved->base, moved->size_bytes);
        }
        const bool device = memory_.size_bytes != 0 && !memory_.contains(wanted.address, 1);
        const sw::table_status status = tables.map(base, wanted, device, path);
        if (status != sw::table_status::ok) {
            context_.fail("row " + std::to_string(row.line) + ": no way to map " + hex(row.iova) + " with a page of " +
                          hex(wanted.size_bytes) + " bytes (table status " + std::to_string(static_cast<int>(status)) +
                          ')');
            return;
        }
        ++edits_;
    }

    /// For a recorded fault: nothing mapped there, or, for a permission fault, nothing that may be written.
    void set_fault(const dma_row& row, replayed_tables& tables) {
        queue_.wait();
        std::uint64_t at = 0;
        const replayed_leaf* const present = tables.find(row.iova, at);
        const bool permission = row.fault_code.find("F_PERMISSION") != std::string::npos;
        if (permission && present != nullptr && !present->writable) {
            return;
        }
        const std::uint64_t page = std::uint64_t{1} << tables.builder().configuration().granule_log2;
        replayed_leaf leaf = present != nullptr ? *present : replayed_leaf{page, memory_.base & ~(page - 1), false};
        const std::uint64_t base = present != nullptr ? at : row.iova & ~(page - 1);
        if (present != nullptr) {
            ++unannounced_;
            unmap_range(tables, base, leaf.size_bytes);
        }
        if (permission) {
            leaf.writable = false;
            tables.map(base, leaf, false, table_path(row, tables.builder()));
            ++edits_;
        }
    }

    /// Clears all leaves that overlap a range, each when no access to it is under way any more; says how many.
    std::uint64_t unmap_range(replayed_tables& tables, std::uint64_t from, std::uint64_t size_bytes) {
        std::uint64_t count = 0;
        std::uint64_t base = 0;
        while (const replayed_leaf* const leaf = tables.first_in(from, size_bytes, base)) {
            const std::uint64_t bytes = leaf->size_bytes;
            context_.drain([&](const dma_row& row) {
                const auto source = sources_.find(row.source_id);
                return source != sources_.end() && source->second.tables.get() == &tables && row.iova - base < bytes;
            });
            tables.unmap_leaf(base);
            ++count;
            ++edits_;
        }
        return count;
    }

    // --- commands

    /// Takes out of the tables what an invalidation is about to cover, as software does just before it.
    void clear(const command_fields& fields) {
        std::set<replayed_tables*> done;
        for (const auto& [id, source] : sources_) {
            if (source.tables == nullptr || (fields.asid && source.asid != *fields.asid) ||
                !done.insert(source.tables.get()).second) {
                continue;
            }
            const std::uint64_t from = fields.all_addresses ? 0 : fields.address;
            const std::uint64_t size_bytes = fields.all_addresses ? ~std::uint64_t{0} : fields.size_bytes;
            std::uint64_t base = 0;
            if (source.tables->first_in(from, size_bytes, base) != nullptr || !fields.leaf_only) {
                queue_.wait_for_earlier();
            }
            unmap_range(*source.tables, from, size_bytes);
            if (!fields.all_addresses && !fields.leaf_only) {
                source.tables->remove_tables(from, size_bytes);
            }
        }
    }

    // --- registers

    void follow_register(const traces::register_row& row) {
        if (row.offset == EVENTQ_BASE && row.width_bytes == 8) {
            event_base_ = row.value;
        }
        queue_.follow(row);
    }

    void check_read(const traces::register_row& row) {
        const bool event_queue = row.offset == EVENTQ_PROD && context_.mode() != machine_mode::debug;
        if (row.offset > AIDR && row.offset != CR0ACK && row.offset != IRQ_CTRLACK && !event_queue) {
            return; // depends on when it was read
        }
        queue_.wait();
        if (event_queue) {
            context_.drain([](const dma_row&) { return true; });
            target_.settle();
        }
        const std::uint64_t value = target_.read_register("", row.offset, row.width_bytes);
        if (value != row.value) {
            context_.fail("register log, row " + std::to_string(row.line) + ": found " + hex(value) + " at offset " +
                          hex(row.offset) + ", expected " + hex(row.value));
        }
    }

    // --- memory

    bool write_word(std::uint64_t address, std::uint64_t value) {
        std::vector<std::uint8_t> bytes(8);
        for (std::size_t i = 0; i < 8; ++i) {
            bytes[i] = static_cast<std::uint8_t>(value >> 8 * i);
        }
        return target_.write_memory(address, bytes);
    }

    /// The first word, which has the valid bit, last.
    void write_words(std::uint64_t address, const eight_words& values) {
        for (std::size_t i = values.size(); i-- > 0;) {
            if (!write_word(address + 8 * i, values[i])) {
                context_.fail("no memory at " + hex(address));
                return;
            }
        }
    }

    const traces::recording& record_;
    motion_context& context_;
    machine& target_;
    replayed_command_queue queue_;
    traces::memory_range memory_;
    std::vector<snapshot_image> images_;
    std::map<std::uint32_t, source_state> sources_;
    std::uint64_t spare_bytes_ = 0;

    std::uint64_t event_base_ = 0;

    std::uint64_t edits_ = 0;
    std::uint64_t unannounced_ = 0;
};

} // namespace

std::unique_ptr<motion_driver> make_smmu_v3_motion(const traces::recording& record, motion_context& context) {
    return std::make_unique<smmu_v3_motion>(record, context);
}

} // namespace iommulab::conformance
