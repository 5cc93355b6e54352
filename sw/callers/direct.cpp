// SPDX-License-Identifier: Apache-2.0
#include "sw/callers/direct.h"

#include "sw/iommu/mapping.h"

#include <algorithm>

namespace iommulab::sw {
namespace {

constexpr failure_table table({
    {"DC-1", "rockchip_drm_init_iommu", "no domain is to be had", failure_class::memory, failure_scope::core,
     always(linux_errno::enomem)},
});
const failure_row& no_domain = table["DC-1"];

} // namespace

std::span<const failure_row> direct_caller::failures() {
    return table.rows();
}

std::unique_ptr<caller> direct_caller::make(const caller_machine& machine, const caller_options& options) {
    return std::make_unique<direct_caller>("direct", machine, options);
}

void direct_caller::close() {
    while (!devices_.empty())
        direct_caller::detach(*devices_.back());
}

result<void> direct_caller::attach(device& dev) {
    const bool fresh = !domain_;
    if (fresh && !(domain_ = make_domain(dev)))
        return in().fail(no_domain, dev.name());
    result<void> r = core().attach_device(*domain_, dev);
    if (r && fresh)
        for (const user_mapping& m : mappings_)
            if (r = sw::map(in(), *domain_, m.iova, m.address, m.bytes, m.prot); !r) {
                core().detach_device(*domain_, dev);
                break;
            }
    if (r)
        devices_.push_back(&dev);
    else if (fresh)
        core().retire(std::move(domain_));
    return r;
}

void direct_caller::detach(device& dev) {
    if (std::erase(devices_, &dev) == 0)
        return;
    core().detach_device(*domain_, dev);
    if (devices_.empty())
        core().retire(std::move(domain_));
}

result<void> direct_caller::map(const user_mapping& m) {
    if (domain_)
        if (result<void> r = sw::map(in(), *domain_, m.iova, m.address, m.bytes, m.prot); !r)
            return r;
    mappings_.push_back(m);
    return {};
}

result<std::uint64_t> direct_caller::unmap(std::uint64_t iova, std::uint64_t bytes) {
    const std::uint64_t done = domain_ ? sw::unmap(in(), *domain_, iova, bytes) : bytes;
    std::erase_if(mappings_, [&](const user_mapping& m) { return m.iova >= iova && m.iova - iova < done; });
    return done;
}

result<std::uint64_t> direct_caller::unmap_all() {
    std::uint64_t done = 0;
    for (const user_mapping& m : mappings())
        done += *unmap(m.iova, m.bytes);
    return done;
}

std::vector<const domain*> direct_caller::domains() const {
    return domain_ ? std::vector<const domain*>{domain_.get()} : std::vector<const domain*>{};
}

const domain* direct_caller::domain_of(const device& dev) const {
    return std::find(devices_.begin(), devices_.end(), &dev) == devices_.end() ? nullptr : domain_.get();
}

} // namespace iommulab::sw
