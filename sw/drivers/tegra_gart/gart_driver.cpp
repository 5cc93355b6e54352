// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/tegra_gart/gart_driver.h"

#include "sw/drivers/tegra_gart/failures.h"
#include "sw/drivers/tegra_gart/gart_domain.h"
#include "sw/drivers/tegra_gart/provocations.h"

namespace iommulab::sw::tegra_gart {

namespace {
constexpr driver_property properties[] = {
    {"aperture-base", "the aperture of the device tree: where it begins", 0, 0xffff'f000},
    {"aperture-bytes", "how large it is; 0: firmware does not say", 0, 32 << 20},
    {"debug", "entries are looked at before they are changed (module parameter gart_debug)", 0, 1},
};
} // namespace

driver_description description() {
    return {
        "tegra-gart",       "gart",
        failures(),         {},
        injection_points(), [](kernel& k) -> std::unique_ptr<iommu_driver> { return std::make_unique<gart_driver>(k); },
        properties,         &provocations};
}

client* gart_driver::record_of(const device& dev) {
    return dynamic_cast<client*>(dev.driver_private.get());
}

result<instance*> gart_driver::probe_instance(const instance_firmware& firmware) {
    if (firmware.property("aperture-bytes", default_aperture_bytes) == 0)
        return kernel_.fail(row::no_aperture, firmware.name, "firmware says nothing of the aperture");
    if (kernel_.injection().fires("gart.probe.alloc"))
        return kernel_.fail(row::no_memory, firmware.name);
    auto made = std::make_unique<gart>(kernel_, *this, firmware);
    if (result<void> r = made->start(); !r)
        return r.error();
    units_.push_back(std::move(made));
    return units_.back().get();
}

std::unique_ptr<domain> gart_driver::allocate_domain(domain_type type) {
    if (type != domain_type::unmanaged || units_.empty() || kernel_.injection().fires("gart.domain.alloc"))
        return nullptr;
    return std::make_unique<gart_domain>(kernel_, *this, *units_.front());
}

result<void> gart_driver::probe_device(device& dev, instance& behind) {
    if (!dev.spec() || !dynamic_cast<gart*>(&behind))
        return kernel_.fail(row::no_spec, dev.name());
    if (!record_of(dev)) // asked twice, it stays where it is
        dev.driver_private = std::make_unique<client>();
    return {};
}

void gart_driver::release_device(device& dev) {
    if (client* const c = record_of(dev); c && c->attached)
        c->attached->detach_dev(dev);
    dev.driver_private.reset();
}

} // namespace iommulab::sw::tegra_gart
