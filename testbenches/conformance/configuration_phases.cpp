// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/configuration_phases.h"

#include <cstddef>

namespace iommulab::conformance {

namespace {

/// A configuration command's place in the order.
struct configuration_command {
    std::uint64_t order;
    command_effect effect;
};

std::vector<configuration_command> configuration_commands(const traces::recording& record,
                                                          const recording_syntax& syntax) {
    std::vector<configuration_command> commands;
    traces::command_log_reader log(record.file("inv_log.csv"));
    for (traces::command_row row; log.next(row);) {
        const command_effect effect = syntax.decode(row);
        if (effect.what == command_effect::kind::configuration) {
            commands.push_back({row.order, effect});
        }
    }
    return commands;
}

/// The phases of a source, all still unused.
std::vector<configuration_phase> empty_phases(const std::vector<configuration_command>& commands,
                                              std::uint32_t source) {
    std::vector<configuration_phase> phases(1);
    for (const configuration_command& command : commands) {
        if (source >= command.effect.first_source && source <= command.effect.last_source) {
            phases.back().last_order = command.order;
            phases.emplace_back();
            phases.back().first_order = command.order;
        }
    }
    phases.back().last_order = ~std::uint64_t{0};
    return phases;
}

} // namespace

std::map<std::uint32_t, std::vector<configuration_phase>> find_phases(const traces::recording& record,
                                                                      const recording_syntax& syntax) {
    const std::vector<configuration_command> commands = configuration_commands(record, syntax);
    std::map<std::uint32_t, std::vector<configuration_phase>> sources;
    std::map<std::uint32_t, std::size_t> current;
    traces::dma_trace_reader trace(record.file("dma_trace.csv"));
    for (traces::dma_row row; trace.next(row);) {
        const auto [entry, first] = sources.try_emplace(row.source_id);
        if (first) {
            entry->second = empty_phases(commands, row.source_id);
        }
        std::size_t& index = current[row.source_id];
        while (entry->second[index].last_order <= row.order) {
            ++index;
        }
        configuration_phase& phase = entry->second[index];
        const bool message = row.result == traces::recorded_result::msi;
        if (message || (row.result == traces::recorded_result::fault && syntax.refused_by_configuration(row))) {
            continue; // refused as it is before anything is attached; or never seen by the tables
        }
        const bool untranslated = syntax.untranslated(row);
        phase.used = true;
        phase.translated = phase.translated || !untranslated;
        const std::vector<traces::table_read> tables = syntax.table_reads(row.walk_reads);
        if (!phase.root && !tables.empty() && !untranslated) {
            phase.root = tables.front().address & ~std::uint64_t{0xfff};
        }
        if (phase.configuration.empty() && tables.size() < row.walk_reads.size()) {
            phase.configuration.assign(row.walk_reads.begin(),
                                       row.walk_reads.end() - static_cast<std::ptrdiff_t>(tables.size()));
        }
    }
    return sources;
}

named_spaces spaces_in_commands(const traces::recording& record, const recording_syntax& syntax,
                                std::uint64_t first_order, std::uint64_t last_order) {
    named_spaces counts;
    traces::command_log_reader log(record.file("inv_log.csv"));
    for (traces::command_row row; log.next(row);) {
        const command_effect effect = syntax.decode(row);
        if (row.order >= first_order && row.order < last_order && effect.space) {
            ++(effect.all_addresses ? counts.without_address : counts.with_address)[*effect.space];
        }
    }
    return counts;
}

} // namespace iommulab::conformance
