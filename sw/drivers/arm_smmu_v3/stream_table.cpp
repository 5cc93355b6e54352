// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/stream_table.h"

#include "models/smmu_v3/spec/registers.h"
#include "models/smmu_v3/spec/stream_table_entry.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

namespace iommulab::sw::arm_smmu_v3 {

using namespace iommulab::smmu_v3;

namespace {
constexpr std::uint64_t l2_bytes = std::uint64_t{ste::bytes} << stream_split;
} // namespace

stream_table::stream_table(kernel& k, const instance_firmware& firmware, const features& f, bool bypass)
    : kernel_(k), firmware_(firmware), features_(f), bypass_(bypass) {}

stream_table::~stream_table() {
    if (!kernel_.powered())
        return;
    for (const std::uint64_t table : level2_)
        if (table != 0)
            kernel_.machine().release(table, l2_bytes);
    if (base_ != 0)
        kernel_.machine().release(base_, bytes_);
}

std::uint64_t stream_table::allocate_table(const char* point, std::uint64_t bytes) {
    return kernel_.allocate(point, bytes, std::bit_ceil(std::max<std::uint64_t>(bytes, 64)), firmware_.node,
                            features_.coherent ? memory_kind::cached : memory_kind::uncached);
}

void stream_table::fill(std::uint64_t address, std::uint64_t entries) {
    std::array<std::uint64_t, ste::bytes / 8> entry{};
    constexpr unsigned use_incoming = 1; // SHCFG
    ste::V.put(entry, 1);
    ste::Config.put(entry, bypass_ ? ste::Config_translates : 0);
    ste::SHCFG.put(entry, use_incoming);
    for (std::uint64_t i = 0; i < entries; ++i)
        kernel_.machine().write_block(address + i * ste::bytes, entry.data(), ste::bytes);
}

result<void> stream_table::allocate() {
    unsigned bits = features_.sid_bits;
    if (features_.two_level_stream_table) {
        const unsigned l1_bits = std::min(stream_l1_log2_bytes - 3, bits - stream_split);
        level2_.resize(std::size_t{1} << l1_bits);
        bytes_ = std::uint64_t{l1std::bytes} << l1_bits;
        bits = l1_bits + stream_split;
        if (bits < features_.sid_bits)
            kernel_.say(log_level::warning, firmware_.name,
                        fmt::format("the stream table covers {} of {} StreamID bits", bits, features_.sid_bits));
        base_cfg_ =
            static_cast<std::uint32_t>(strtab_base_cfg::FMT.make(1) | strtab_base_cfg::SPLIT.make(stream_split));
    } else {
        bytes_ = std::uint64_t{ste::bytes} << bits;
    }
    base_cfg_ |= static_cast<std::uint32_t>(strtab_base_cfg::LOG2SIZE.make(bits));
    base_ = allocate_table("smmu_v3.stream_table.alloc", bytes_);
    if (base_ == 0)
        return kernel_.fail(row::stream_table_memory, firmware_.name,
                            fmt::format("no memory for a stream table of {} bytes", bytes_));
    if (!features_.two_level_stream_table)
        fill(base_, std::uint64_t{1} << bits);
    return {};
}

result<void> stream_table::prepare(std::uint32_t sid) {
    if (!features_.two_level_stream_table) {
        if (sid >> features_.sid_bits != 0)
            return kernel_.fail(row::stream_range, firmware_.name);
        return {};
    }
    const std::size_t index = sid >> stream_split;
    if (index >= level2_.size())
        return kernel_.fail(row::stream_range, firmware_.name);
    if (level2_[index] != 0)
        return {};
    const std::uint64_t table = allocate_table("smmu_v3.stream_table_l2.alloc", l2_bytes);
    if (table == 0)
        return kernel_.fail(row::l2_stream_table_memory, firmware_.name,
                            fmt::format("no memory for the level 2 stream table of StreamID {:#x}", sid));
    fill(table, std::uint64_t{1} << stream_split);
    level2_[index] = table;
    const std::uint64_t descriptor = l1std::L2Ptr.put(l1std::Span.make(stream_split + 1), table);
    kernel_.machine().write(base_ + index * l1std::bytes, descriptor, 8);
    return {};
}

std::uint64_t stream_table::entry_address(std::uint32_t sid) const {
    if (!features_.two_level_stream_table)
        return base_ + std::uint64_t{sid} * ste::bytes;
    return level2_[sid >> stream_split] + std::uint64_t{sid & ((1U << stream_split) - 1)} * ste::bytes;
}

} // namespace iommulab::sw::arm_smmu_v3
