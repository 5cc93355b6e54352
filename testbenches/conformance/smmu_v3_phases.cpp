// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/smmu_v3_phases.h"

#include <algorithm>
#include <cstddef>

namespace iommulab::conformance::smmu_v3 {

command_fields decode_command(std::uint64_t qword0, std::uint64_t qword1) {
    command_fields fields;
    const auto source = static_cast<std::uint32_t>(qword0 >> 32);
    const auto asid = static_cast<std::uint16_t>(qword0 >> 48);
    const auto one_page = [&] {
        // 4.4.1: Leaf [64], TTL [73:72], TG [75:74]; with TG, range invalidation: (NUM [16:12] + 1) * 2^SCALE [24:20]
        // granules.
        const unsigned tg = qword1 >> 10 & 3;
        const std::uint64_t granule = tg == 0 || tg == 1 ? 4096 : tg == 2 ? 16384 : 65536;
        fields.all_addresses = false;
        fields.leaf_only = (qword1 & 1) != 0;
        fields.address = qword1 & ~(granule - 1);
        fields.size_bytes = tg == 0 ? granule : ((qword0 >> 12 & 0x1f) + 1) * granule << (qword0 >> 20 & 0x1f);
    };
    fields.what = command_fields::kind::invalidation;
    switch (qword0 & 0xff) {
    case 0x03: // CMD_CFGI_STE
    case 0x05: // CMD_CFGI_CD
    case 0x06: // CMD_CFGI_CD_ALL
        fields.what = command_fields::kind::configuration;
        fields.first_source = fields.last_source = source;
        break;
    case 0x04: { // CMD_CFGI_STE_RANGE: 2^(Range + 1) entries around the StreamID; 31 is CMD_CFGI_ALL
        fields.what = command_fields::kind::configuration;
        const std::uint64_t mask = (std::uint64_t{2} << (qword1 & 0x1f)) - 1;
        fields.first_source = static_cast<std::uint32_t>(source & ~mask);
        fields.last_source = static_cast<std::uint32_t>(fields.first_source | mask);
        break;
    }
    case 0x10: // CMD_TLBI_NH_ALL
    case 0x20: // CMD_TLBI_EL2_ALL
    case 0x28: // CMD_TLBI_S12_VMALL
    case 0x30: // CMD_TLBI_NSNH_ALL
        break;
    case 0x11: // CMD_TLBI_NH_ASID
    case 0x21: // CMD_TLBI_EL2_ASID
        fields.asid = asid;
        break;
    case 0x12: // CMD_TLBI_NH_VA
    case 0x22: // CMD_TLBI_EL2_VA
        fields.asid = asid;
        one_page();
        break;
    case 0x13: // CMD_TLBI_NH_VAA
    case 0x23: // CMD_TLBI_EL2_VAA
        one_page();
        break;
    case 0x46:
        fields.what = command_fields::kind::sync;
        break;
    default:
        fields.what = command_fields::kind::other;
        break;
    }
    return fields;
}

std::vector<traces::table_read> translation_reads(const std::vector<traces::table_read>& reads) {
    std::size_t from = 0;
    for (std::size_t i = 0; i < reads.size(); ++i) {
        if (reads[i].size_bytes == 64) {
            from = i + 1;
        }
    }
    return {reads.begin() + static_cast<std::ptrdiff_t>(from), reads.end()};
}

namespace {

/// A configuration command's place in the order.
struct configuration_command {
    std::uint64_t order;
    command_fields fields;
};

std::vector<configuration_command> configuration_commands(const traces::recording& record) {
    std::vector<configuration_command> commands;
    traces::command_log_reader log(record.file("inv_log.csv"));
    for (traces::command_row row; log.next(row);) {
        const command_fields fields = decode_command(row.qword0, row.qword1);
        if (fields.what == command_fields::kind::configuration) {
            commands.push_back({row.order, fields});
        }
    }
    return commands;
}

/// The phases of a source, all still unused.
std::vector<stream_phase> empty_phases(const std::vector<configuration_command>& commands, std::uint32_t source) {
    std::vector<stream_phase> phases(1);
    for (const configuration_command& command : commands) {
        if (source >= command.fields.first_source && source <= command.fields.last_source) {
            phases.back().last_order = command.order;
            phases.emplace_back();
            phases.back().first_order = command.order;
        }
    }
    phases.back().last_order = ~std::uint64_t{0};
    return phases;
}

} // namespace

std::map<std::uint32_t, std::vector<stream_phase>> find_phases(const traces::recording& record) {
    const std::vector<configuration_command> commands = configuration_commands(record);
    std::map<std::uint32_t, std::vector<stream_phase>> sources;
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
        stream_phase& phase = entry->second[index];
        if (row.result == traces::recorded_result::fault && row.fault_code.find("_F_") == std::string::npos) {
            continue; // refused by the configuration (C_…, or without a record): as it is before anything is attached
        }
        phase.used = true;
        phase.translated = phase.translated || row.result != traces::recorded_result::bypass;
        const std::vector<traces::table_read> tables = translation_reads(row.walk_reads);
        if (!phase.root && !tables.empty() && row.result != traces::recorded_result::bypass) {
            phase.root = tables.front().address & ~std::uint64_t{0xfff};
        }
        if (phase.configuration.empty() && tables.size() < row.walk_reads.size()) {
            phase.configuration.assign(row.walk_reads.begin(),
                                       row.walk_reads.end() - static_cast<std::ptrdiff_t>(tables.size()));
        }
    }
    return sources;
}

named_asids asids_in_commands(const traces::recording& record, std::uint64_t first_order, std::uint64_t last_order) {
    named_asids counts;
    traces::command_log_reader log(record.file("inv_log.csv"));
    for (traces::command_row row; log.next(row);) {
        const command_fields fields = decode_command(row.qword0, row.qword1);
        if (row.order >= first_order && row.order < last_order && fields.asid) {
            ++(fields.all_addresses ? counts.without_address : counts.with_address)[*fields.asid];
        }
    }
    return counts;
}

} // namespace iommulab::conformance::smmu_v3
