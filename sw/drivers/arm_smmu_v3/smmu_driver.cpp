// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/smmu_driver.h"

#include "sw/drivers/arm_lpae/failures.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/layout.h"
#include "sw/drivers/arm_smmu_v3/provocations.h"
#include "sw/drivers/arm_smmu_v3/smmu_domain.h"

#include <fmt/format.h>

#include <algorithm>

namespace iommulab::sw::arm_smmu_v3 {

namespace {
constexpr driver_property properties[] = {
    {"asid-bits", "shrinks what the ID registers say", 1, 16},
    {"vmid-bits", "shrinks what the ID registers say", 1, 16},
    {"bypass", "streams without domain pass (module parameter disable_bypass=0)", 0, 1},
    {"skip-prefetch", "no CMD_PREFETCH_CONFIG after an STE, a quirk of some SMMUs", 0, 1},
    {"contiguous", "contiguous runs in tables, which Linux 6.1 does not use", 0, 1},
};
} // namespace

driver_description description() {
    return {
        "arm-smmu-v3",      "smmu_v3",
        failures(),         arm_lpae::failures(),
        injection_points(), [](kernel& k) -> std::unique_ptr<iommu_driver> { return std::make_unique<smmu_driver>(k); },
        properties,         &provocations};
}

master* smmu_driver::record_of(const device& dev) {
    return dynamic_cast<master*>(dev.driver_private.get());
}

result<instance*> smmu_driver::probe_instance(const instance_firmware& firmware) {
    result<features> read = smmu::read_features(kernel_, firmware);
    if (!read)
        return read.error();
    features& f = *read;
    f.asid_bits =
        static_cast<unsigned>(std::min<std::uint64_t>(firmware.property("asid-bits", f.asid_bits), f.asid_bits));
    f.vmid_bits =
        static_cast<unsigned>(std::min<std::uint64_t>(firmware.property("vmid-bits", f.vmid_bits), f.vmid_bits));
    auto made = std::make_unique<smmu>(kernel_, *this, firmware, f);
    if (result<void> r = made->start(); !r)
        return r.error();
    page_sizes_ |= f.page_sizes;
    smmus_.push_back(std::move(made));
    return smmus_.back().get();
}

std::unique_ptr<domain> smmu_driver::allocate_domain(domain_type type) {
    if (type == domain_type::blocked || kernel_.injection().fires("smmu_v3.domain.alloc"))
        return nullptr;
    return std::make_unique<smmu_domain>(kernel_, *this, type);
}

result<void> smmu_driver::probe_device(device& dev, instance& behind) {
    auto* const unit = dynamic_cast<smmu*>(&behind);
    if (!dev.spec() || !unit)
        return kernel_.fail(row::foreign_device, dev.name());
    const features& f = unit->has();
    auto m = std::make_unique<master>(dev, *unit);
    if (result<void> r = unit->insert(*m); !r)
        return r;
    m->ssid_bits = std::min(dev.description().pasid_bits, f.ssid_bits);
    if (!f.two_level_cd_table)
        m->ssid_bits = std::min(m->ssid_bits, cd_split);
    m->stall_enabled = (f.stalls && dev.description().can_stall) || f.stall_force;
    dev.driver_private = std::move(m);
    return {};
}

void smmu_driver::release_device(device& dev) {
    master* const m = record_of(dev);
    if (!m)
        return;
    smmu_domain::detach(kernel_, *m);
    m->behind.remove(*m);
    dev.driver_private.reset();
}

bool smmu_driver::capable(const device& dev, capability what) const {
    const master* const m = record_of(dev);
    switch (what) {
    case capability::cache_coherency:
        return m && m->behind.has().coherent; // a coherent walker is taken for coherent translation
    case capability::no_execute:
        return true;
    case capability::enforce_cache_coherency:
    case capability::interrupt_remapping:
        break;
    }
    return false;
}

std::vector<reserved_region> smmu_driver::reserved_regions(const device&) const {
    return {{msi_iova_base, msi_iova_bytes, region_type::software_msi}};
}

result<void> smmu_driver::enable_feature(device& dev, device_feature feature) {
    master* const m = record_of(dev);
    if (!m)
        return kernel_.fail(row::foreign_device, dev.name());
    const features& f = m->behind.has();
    // Processes' own tables: the walker must snoop, and know the kernel's page size and 48 bits of addresses.
    const bool possible =
        f.coherent && f.stage1 && ((f.page_sizes >> kernel_.options().page_shift) & 1) != 0 && f.oas >= 44;
    switch (feature) {
    case device_feature::io_page_faults:
        if (!possible || !m->stall_enabled)
            return kernel_.fail(row::feature_unsupported, dev.name());
        if (m->iopf_enabled)
            return kernel_.fail(row::feature_twice, dev.name());
        m->iopf_enabled = true;
        return {};
    case device_feature::shared_virtual_addressing:
        if (!possible || m->ssid_bits == 0)
            return kernel_.fail(row::feature_unsupported, dev.name());
        if (m->sva_enabled)
            return kernel_.fail(row::feature_twice, dev.name());
        m->sva_enabled = true;
        return {};
    }
    return kernel_.fail(row::feature_unknown, dev.name());
}

result<void> smmu_driver::disable_feature(device& dev, device_feature feature) {
    master* const m = record_of(dev);
    if (!m)
        return kernel_.fail(row::feature_not_on, dev.name());
    bool& on = feature == device_feature::io_page_faults ? m->iopf_enabled : m->sva_enabled;
    if (!on)
        return kernel_.fail(row::feature_not_on, dev.name());
    if (feature == device_feature::io_page_faults && m->sva_enabled)
        return kernel_.fail(row::feature_in_use, dev.name());
    on = false;
    return {};
}

} // namespace iommulab::sw::arm_smmu_v3
