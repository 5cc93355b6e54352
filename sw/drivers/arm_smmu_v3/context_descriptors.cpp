// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/context_descriptors.h"

#include "models/smmu_v3/spec/context_descriptor.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/layout.h"

#include <algorithm>

namespace iommulab::sw::arm_smmu_v3 {

using namespace iommulab::smmu_v3;

namespace {
constexpr std::uint64_t l2_bytes = std::uint64_t{cd::bytes} << cd_split;
} // namespace

result<void> context_descriptor_table::allocate(const features& f, const instance_firmware& firmware,
                                                unsigned ssid_bits) {
    device_ = firmware.name;
    node_ = firmware.node;
    ssid_bits_ = ssid_bits;
    kind_ = f.coherent ? memory_kind::cached : memory_kind::uncached;
    if (f.two_level_cd_table && ssid_bits > cd_split) {
        if (kernel_.injection().fires("smmu_v3.cd_l1_descriptors.alloc"))
            return kernel_.fail(row::cd_l1_descriptors, device_);
        level2_.assign(std::size_t{1} << (ssid_bits - cd_split), 0);
        bytes_ = std::uint64_t{l1cd::bytes} << (ssid_bits - cd_split);
    } else {
        bytes_ = std::uint64_t{cd::bytes} << ssid_bits;
    }
    base_ = kernel_.allocate("smmu_v3.cd_table.alloc", bytes_, std::max<std::uint64_t>(bytes_, 64), node_, kind_);
    if (base_ == 0) {
        level2_.clear();
        return kernel_.fail(row::cd_table, device_, "no memory for the context descriptor table");
    }
    return {};
}

void context_descriptor_table::release() {
    if (base_ == 0 || !kernel_.powered())
        return;
    for (const std::uint64_t table : level2_)
        if (table != 0)
            kernel_.machine().release(table, l2_bytes);
    level2_.clear();
    kernel_.machine().release(base_, bytes_);
    base_ = 0;
}

result<std::uint64_t> context_descriptor_table::descriptor_address(std::uint32_t ssid, const sync_hook& sync) {
    if (!two_level())
        return base_ + std::uint64_t{ssid} * cd::bytes;
    std::uint64_t& table = level2_[ssid >> cd_split];
    if (table == 0) {
        table = kernel_.allocate("smmu_v3.cd_leaf.alloc", l2_bytes, l2_bytes, node_, kind_);
        if (table == 0)
            return kernel_.fail(row::cd_leaf, device_, "no memory for a level 2 context descriptor table");
        kernel_.machine().write(base_ + (ssid >> cd_split) * std::uint64_t{l1cd::bytes},
                                l1cd::L2Ptr.put(l1cd::V.make(1), table), 8);
        sync(ssid, false); // the SMMU may have read the invalid descriptor
    }
    return table + std::uint64_t{ssid & ((1U << cd_split) - 1)} * cd::bytes;
}

result<void> context_descriptor_table::write(std::uint32_t ssid, const words& descriptor, const sync_hook& sync) {
    if (ssid >> ssid_bits_ != 0)
        return kernel_.fail(row::cd_ssid_range, device_, "SubstreamID beyond the context descriptor table");
    const result<std::uint64_t> at = descriptor_address(ssid, sync);
    if (!at)
        return at.error();
    for (unsigned word = 1; word <= 3; ++word)
        kernel_.machine().write(*at + 8 * word, descriptor[word], 8);
    sync(ssid, true);
    kernel_.machine().write(*at, descriptor[0], 8);
    sync(ssid, true);
    return {};
}

} // namespace iommulab::sw::arm_smmu_v3
