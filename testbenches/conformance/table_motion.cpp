// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/table_motion.h"

#include "testbenches/results/figures.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace iommulab::conformance {

using results::count_text;
using results::counted;
using traces::dma_row;
using traces::hex;
using traces::recorded_result;

table_motion::table_motion(const traces::recording& record, const recording_syntax& syntax, motion_context& context)
    : record_(record), syntax_(syntax), context_(context), target_(context.target()), queue_(context) {
    if (record.snapshots.empty()) {
        throw input_error(record.folder, 0, 0, "no snapshot",
                          "one at least: its configuration names the address spaces");
    }
    memory_ = record.snapshots.front().memory;
    for (auto& [source, phases] : find_phases(record, syntax)) {
        sources_[source].phases = std::move(phases);
    }
}

void table_motion::begin() {
    for (auto& [id, source] : sources_) {
        look_ahead(id, source);
    }
}

// --- what happens

void table_motion::register_access(const traces::register_row& row) {
    if (!row.write) {
        check_read(row);
        return;
    }
    if (row.offset == queue_.layout().producer_register && queue_.enabled()) {
        queue_.announce(row.value);
        return;
    }
    queue_.wait();
    const bool quiet = !is_acknowledgement(row);
    if (quiet) {
        context_.drain([](const dma_row&) { return true; });
    }
    target_.write_register("", row.offset, row.width_bytes, row.value);
    if (quiet) {
        target_.settle();
    }
    written_[row.offset] = static_cast<std::uint32_t>(row.value);
    if (row.width_bytes == 8) {
        written_[row.offset + 4] = static_cast<std::uint32_t>(row.value >> 32);
    }
    registers_changed(row);
    if (row.offset == queue_.layout().producer_register) {
        queue_.start_at(row.value);
    }
}

void table_motion::command(const traces::command_row& row) {
    const command_effect effect = syntax_.decode(row);
    if (effect.what == command_effect::kind::configuration) {
        for (auto& [id, source] : sources_) {
            if (id >= effect.first_source && id <= effect.last_source) {
                ++source.current;
                look_ahead(id, source);
            }
        }
    } else if (effect.what == command_effect::kind::invalidation) {
        clear(effect);
    }
    queue_.put(row);
}

void table_motion::before_access(const dma_row& row) {
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

bool table_motion::is_configuration_read(std::uint32_t source_id, const traces::table_read& read) const {
    const auto found = sources_.find(source_id);
    return found != sources_.end() && found->second.configuration.count(read.address) != 0;
}

std::vector<traces::table_read> table_motion::recorded_configuration(std::uint32_t source_id) const {
    const auto found = sources_.find(source_id);
    if (found == sources_.end() || found->second.applied >= found->second.phases.size()) {
        return {};
    }
    return found->second.phases[found->second.applied].configuration;
}

bool table_motion::is_structure(std::uint64_t address, std::uint64_t size_bytes) const {
    const auto overlaps = [&](std::uint64_t base, std::uint64_t bytes) {
        return address < base + bytes && base < address + size_bytes;
    };
    for (const traces::memory_range& range : other_structures()) {
        if (overlaps(range.base, range.size_bytes)) {
            return true;
        }
    }
    if (overlaps(queue_.layout().address, queue_.layout().bytes())) {
        return true;
    }
    for (const auto& [id, source] : sources_) {
        for (const std::uint64_t place : source.configuration) {
            if (overlaps(place, configuration_bytes())) {
                return true;
            }
        }
        if (source.tables == nullptr) {
            continue;
        }
        const std::uint64_t granule = std::uint64_t{1} << source.tables->granule_log2();
        for (std::uint64_t page = address & ~(granule - 1); page < address + size_bytes; page += granule) {
            if (source.tables->has_table(page)) {
                return true;
            }
        }
    }
    return false;
}

void table_motion::finish() {
    queue_.wait();
    context_.drain([](const dma_row&) { return true; });
    if (context_.mode() != machine_mode::debug) {
        if (const std::string text = errors(); !text.empty()) {
            context_.fail("at the end: " + text);
        }
    }
}

std::string table_motion::summary() const {
    std::string text = counted(queue_.commands(), "command") + ", " + counted(edits_, "edit") + " of leaf entries";
    if (unannounced_ != 0) {
        text += " (" + count_text(unannounced_) + " without an invalidation before)";
    }
    return text;
}

// --- configuration

/// Puts the configuration in memory that the source's next accesses need.
void table_motion::look_ahead(std::uint32_t id, source_state& source) {
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

std::optional<std::uint32_t> table_motion::choose_space(std::uint32_t id, const configuration_phase& phase) const {
    named_spaces counts = spaces_in_commands(record_, syntax_, phase.first_order, phase.last_order);
    for (auto* const named : {&counts.with_address, &counts.without_address}) {
        for (const auto& [other, state] : sources_) {
            if (other != id && state.tables != nullptr) {
                named->erase(state.space);
            }
        }
        if (!named->empty()) {
            return std::max_element(named->begin(), named->end(),
                                    [](const auto& a, const auto& b) { return a.second < b.second; })
                ->first;
        }
    }
    return std::nullopt;
}

std::shared_ptr<replayed_tables> table_motion::shared_tables(std::uint64_t root) const {
    for (const auto& [id, source] : sources_) {
        if (source.tables != nullptr && source.tables->root() == root) {
            return source.tables;
        }
    }
    return nullptr;
}

std::optional<std::uint64_t> table_motion::spare_table(std::uint64_t bytes) {
    if (spare_bytes_ + bytes > memory_.size_bytes) {
        return std::nullopt;
    }
    spare_bytes_ = (spare_bytes_ + 2 * bytes - 1) & ~(bytes - 1);
    return (memory_.base + memory_.size_bytes - spare_bytes_) & ~(bytes - 1);
}

// --- leaf entries

/// Where the tables on the way stand: a recorded read is of an entry, whose index the address gives.
std::vector<std::uint64_t> table_motion::table_path(const dma_row& row, const replayed_tables& tables) const {
    std::vector<std::uint64_t> path;
    unsigned step = 0;
    for (const traces::table_read& read : syntax_.table_reads(row.walk_reads)) {
        if (step == tables.steps()) {
            break;
        }
        const std::uint64_t index_mask = (std::uint64_t{1} << (tables.granule_log2() - 3)) - 1;
        const std::uint64_t index = row.iova >> tables.entry_reach_log2(step) & index_mask;
        path.push_back(read.address - 8 * index);
        ++step;
    }
    return path;
}

void table_motion::set_leaf(const dma_row& row, replayed_tables& tables) {
    replayed_leaf wanted;
    wanted.size_bytes = row.page_bytes != 0 ? row.page_bytes : std::uint64_t{1} << tables.granule_log2();
    const std::uint64_t offset_mask = wanted.size_bytes - 1;
    const std::uint64_t base = row.iova & ~offset_mask;
    wanted.address = row.pa & ~offset_mask;
    const bool known = row.readable || row.writable;
    wanted.readable = known ? row.readable : true;
    wanted.writable = known ? row.writable : row.write;
    std::uint64_t at = 0;
    const replayed_leaf* const present = tables.find(row.iova, at);
    if (present != nullptr && at == base && *present == wanted) {
        return;
    }
    queue_.wait();
    const std::vector<std::uint64_t> path = table_path(row, tables);
    if (!path.empty() && path.front() != tables.root()) {
        context_.fail("row " + std::to_string(row.line) + ": the recorded walk begins at " + hex(path.front()) +
                      ", and no command announced another table than " + hex(tables.root()));
        return;
    }
    unannounced_ += unmap_range(tables, base, wanted.size_bytes);
    if (const auto moved = tables.misplaced(row.iova, path)) {
        ++unannounced_;
        unmap_range(tables, moved->base, moved->size_bytes);
        tables.remove_tables(moved->base, moved->size_bytes);
    }
    const bool device = memory_.size_bytes != 0 && !memory_.contains(wanted.address, 1);
    if (!tables.map(base, wanted, device, path)) {
        context_.fail("row " + std::to_string(row.line) + ": no way to map " + hex(row.iova) + " with a page of " +
                      hex(wanted.size_bytes) + " bytes");
        return;
    }
    ++edits_;
}

/// For a recorded fault: nothing mapped there, or, for a permission fault, nothing that may be written.
void table_motion::set_fault(const dma_row& row, replayed_tables& tables) {
    queue_.wait();
    std::uint64_t at = 0;
    const replayed_leaf* const present = tables.find(row.iova, at);
    const bool permission = is_permission_fault(row);
    if (permission && present != nullptr && !present->writable) {
        return;
    }
    const std::uint64_t page = std::uint64_t{1} << tables.granule_log2();
    replayed_leaf leaf = present != nullptr ? *present : replayed_leaf{page, memory_.base & ~(page - 1), true, false};
    const std::uint64_t base = present != nullptr ? at : row.iova & ~(page - 1);
    if (present != nullptr) {
        ++unannounced_;
        unmap_range(tables, base, leaf.size_bytes);
    }
    if (permission) {
        leaf.writable = false;
        tables.map(base, leaf, false, table_path(row, tables));
        ++edits_;
    }
}

/// Clears all leaves that overlap a range, each when no access to it is under way any more; says how many.
std::uint64_t table_motion::unmap_range(replayed_tables& tables, std::uint64_t from, std::uint64_t size_bytes) {
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
void table_motion::clear(const command_effect& effect) {
    std::set<replayed_tables*> done;
    for (const auto& [id, source] : sources_) {
        if (source.tables == nullptr || (effect.space && source.space != *effect.space) ||
            !done.insert(source.tables.get()).second) {
            continue;
        }
        const std::uint64_t from = effect.all_addresses ? 0 : effect.address;
        const std::uint64_t size_bytes = effect.all_addresses ? ~std::uint64_t{0} : effect.size_bytes;
        std::uint64_t base = 0;
        if (source.tables->first_in(from, size_bytes, base) != nullptr || !effect.leaf_only) {
            queue_.wait_for_earlier();
        }
        unmap_range(*source.tables, from, size_bytes);
        if (!effect.all_addresses && !effect.leaf_only) {
            source.tables->remove_tables(from, size_bytes);
        }
    }
}

// --- registers

void table_motion::check_read(const traces::register_row& row) {
    const readable when = is_determined(row);
    if (when == readable::varies || (when == readable::when_quiet && context_.mode() == machine_mode::debug)) {
        return;
    }
    queue_.wait();
    if (when == readable::when_quiet) {
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

std::uint64_t table_motion::written64(std::uint64_t offset) const {
    const auto half = [&](std::uint64_t at) {
        const auto found = written_.find(at);
        return found != written_.end() ? std::uint64_t{found->second} : 0;
    };
    return half(offset) | half(offset + 4) << 32;
}

void table_motion::write_words(std::uint64_t address, const std::vector<std::uint64_t>& values) {
    for (std::size_t i = values.size(); i-- > 0;) {
        if (!write_word(target_, address + 8 * i, values[i])) {
            context_.fail("no memory at " + hex(address));
            return;
        }
    }
}

} // namespace iommulab::conformance
