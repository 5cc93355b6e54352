// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/fsl_pamu/pamu_domain.h"

#include "models/pamu/spec/paace.h"
#include "sw/drivers/fsl_pamu/failures.h"
#include "sw/drivers/fsl_pamu/pamu_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace iommulab::sw::fsl_pamu {

using namespace iommulab::pamu;

pamu_domain::pamu_domain(kernel& k, pamu_driver& driver)
    : domain(driver, domain_type::unmanaged), kernel_(k), driver_(driver), lock_(k.machine()) {
    set_aperture(0, (std::uint64_t{1} << window_log2) - 1, true);
}

pamu_domain::~pamu_domain() {
    remove(nullptr);
}

result<void> pamu_domain::attach_dev(device& dev) {
    const bool stranger = !dev.spec() || (dev.behind && &dev.behind->driver() != &owner()); // its ids are no LIODNs
    if (stranger || dev.spec()->source_ids.empty())
        return kernel_.fail(row::no_liodn, dev.name(),
                            fmt::format("{} has no LIODN", stranger ? dev.name() : driver_.endpoint_of(dev).name));
    endpoint& e = driver_.endpoint_of(dev);
    const std::vector<std::uint32_t>& liodns = dev.spec()->source_ids;
    const std::lock_guard held(lock_);
    for (const std::uint32_t liodn : liodns) {
        if (liodn >= primary_entries)
            return kernel_.fail(row::liodn_range, dev.name(), fmt::format("LIODN {:#x} is beyond the table", liodn));
        note_device(e, liodn);
        if (result<void> r = set_liodn(dev, liodn); !r)
            return r;
        if (result<void> r = driver_.shared().enable(liodn, dev.name()); !r)
            return r;
    }
    return {};
}

/// Notes the LIODN; a device that is on another domain leaves it first.
void pamu_domain::note_device(endpoint& e, std::uint32_t liodn) {
    if (e.first && e.first->domain != this) {
        pamu_domain& old = *e.first->domain;
        const std::lock_guard held(old.lock_);
        old.remove(&e);
    }
    if (kernel_.injection().fires("pamu.device_info.alloc"))
        kernel_.crash(row::info_memory, e.name);
    infos_.insert(infos_.begin(), std::make_unique<device_info>(device_info{&e, liodn, this}));
    if (!e.first)
        e.first = infos_.front().get();
}

/// In two steps: the mapping of operations, which depends on the kind of device, with nothing allowed; then the rights.
result<void> pamu_domain::set_liodn(device& dev, std::uint32_t liodn) {
    tables& t = driver_.shared();
    result<void> r = t.disable(liodn, dev.name());
    if (r)
        r = t.configure(liodn, pamu_driver::operations_of(dev), stash_, paace::denied, dev.name());
    if (r)
        r = t.configure(liodn, std::nullopt, stash_, paace::query | paace::update, dev.name());
    return r;
}

/// All LIODNs of an endpoint, or of all of them, are disabled and forgotten.
void pamu_domain::remove(const endpoint* e) {
    std::erase_if(infos_, [&](const std::unique_ptr<device_info>& info) {
        if (e && info->of != e)
            return false;
        if (kernel_.powered() && driver_.shared().exist())
            static_cast<void>(driver_.shared().disable(info->liodn, info->of->name));
        info->of->first = nullptr;
        return true;
    });
}

void pamu_domain::detach_dev(device& dev) {
    const std::lock_guard held(lock_);
    remove(&driver_.endpoint_of(dev));
}

std::uint64_t pamu_domain::iova_to_phys(std::uint64_t iova) {
    return iova > aperture_last() ? 0 : iova;
}

result<void> pamu_domain::stash_into(unsigned cpu) {
    const std::lock_guard held(lock_);
    stash_ = driver_.first_cache_of(cpu);
    if (!stash_)
        return kernel_.fail(row::no_stash_id, fmt::format("domain {}", number()),
                            fmt::format("CPU {} has no cache to stash into", cpu));
    for (const auto& info : infos_)
        if (result<void> r = driver_.shared().set_stash(info->liodn, *stash_, info->of->name); !r)
            return r;
    return {};
}

} // namespace iommulab::sw::fsl_pamu
