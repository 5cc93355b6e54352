// SPDX-License-Identifier: Apache-2.0
// Attach, detach and ownership: the order, the rollback, and the gaps of Linux 6.1.
#include "sw/iommu/core_failures.h"
#include "sw/iommu/iommu_core.h"

#include <fmt/format.h>

#include <mutex>

namespace iommulab::sw {

result<void> iommu_core::attach_one(domain& d, device& dev) {
    if (!d.offers_attach())
        return kernel_.fail(core_row::attach_no_op, dev.name());
    const std::size_t call = attach_calls_.size(), line = kernel_.log().entries().size();
    attach_calls_.push_back({kernel_.machine().now_ns(), 0, dev.name(), d.number(), linux_errno::none, nullptr});
    result<void> r = d.attach_dev(dev);
    attach_call& record = attach_calls_[call];
    if (r)
        last_attached_[&dev] = &d;
    record.end_ns = kernel_.machine().now_ns();
    record.number = errno_of(r);
    record.row = r ? nullptr : r.error().row;
    record.error_lines = static_cast<unsigned>(kernel_.log().errors(line));
    record.warning_lines = static_cast<unsigned>(kernel_.log().count(log_level::warning, line));
    return r;
}

result<void> iommu_core::attach_each(domain& d, group& g) {
    for (device* dev : g.devices_)
        if (result<void> r = attach_one(d, *dev); !r)
            return r;
    return {};
}

result<void> iommu_core::set_domain(group& g, domain* target) {
    if (g.current_ == target)
        return {};
    if (!target) {
        if (!g.current_->offers_detach())
            return kernel_.fail(core_row::set_no_detach, fmt::format("group {}", g.number()),
                                "the driver can neither block nor detach");
        for (device* dev : g.devices_) {
            g.current_->detach_dev(*dev);
            last_attached_.erase(dev);
        }
        g.current_ = nullptr;
        return {};
    }
    if (result<void> r = attach_each(*target, g); !r)
        return r; // the devices before the one that failed stay on the new domain
    g.current_ = target;
    return {};
}

void iommu_core::set_core_domain(group& g) {
    if (!set_domain(g, g.owner_ ? g.blocking_.get() : g.default_.get()))
        kernel_.note(core_row::core_domain_failed, fmt::format("group {}", g.number()),
                     "the default or blocking domain could not be attached");
}

result<void> iommu_core::attach_group_locked(domain& d, group& g) {
    if (g.current_ && g.current_ != g.default_.get() && g.current_ != g.blocking_.get())
        return kernel_.fail(core_row::attach_group_busy, fmt::format("group {}", g.number()));
    result<void> r = attach_each(d, g);
    if (r) {
        g.current_ = &d;
        return r;
    }
    // Without an old domain nothing is rolled back: set_domain(null) on a group that has none is no change. When the
    // rollback fails the group has no domain, and a later attach passes the test above.
    roll_back(g, g.current_);
    return r;
}

void iommu_core::roll_back(group& g, domain* old) {
    g.current_ = nullptr;
    if (!set_domain(g, old))
        kernel_.note(core_row::rollback_failed, fmt::format("group {}", g.number()),
                     "the domain that was attached before could not be attached again");
}

result<void> iommu_core::replace_group(domain& d, group& g) {
    const std::lock_guard held(g.mutex);
    result<void> r = set_domain(g, &d);
    if (!r)
        roll_back(g, g.current_);
    return r;
}

result<void> iommu_core::attach_device(domain& d, device& dev) {
    if (!dev.in_group)
        return kernel_.fail(core_row::attach_no_group, dev.name());
    const std::lock_guard held(dev.in_group->mutex);
    if (dev.in_group->devices_.size() != 1)
        return kernel_.fail(core_row::attach_not_alone, dev.name());
    return attach_group_locked(d, *dev.in_group);
}

void iommu_core::detach_device(domain& d, device& dev) {
    if (!dev.in_group)
        return;
    const std::lock_guard held(dev.in_group->mutex);
    if (&d != dev.in_group->current_ || dev.in_group->devices_.size() != 1) {
        kernel_.note(core_row::detach_other_domain, dev.name(), "detached from a domain that it is not alone on");
        return;
    }
    set_core_domain(*dev.in_group);
}

result<void> iommu_core::attach_group(domain& d, group& g) {
    const std::lock_guard held(g.mutex);
    return attach_group_locked(d, g);
}

void iommu_core::detach_group(domain&, group& g) {
    const std::lock_guard held(g.mutex);
    set_core_domain(g);
}

result<void> iommu_core::claim(group& g, const void* owner) {
    const std::lock_guard held(g.mutex);
    const std::string name = fmt::format("group {}", g.number());
    if (g.users_ != 0)
        return kernel_.fail(core_row::claim_owned, name);
    if (g.current_ && g.current_ != g.default_.get())
        return kernel_.fail(core_row::claim_busy, name);
    if (!g.blocking_) {
        iommu_driver& driver = g.devices_.front()->behind->driver();
        g.blocking_ = allocate_from(driver, domain_type::blocked);
        if (!g.blocking_) // a driver that does not know such domains: an empty one blocks as well
            g.blocking_ = allocate_from(driver, domain_type::unmanaged);
        if (!g.blocking_)
            return kernel_.fail(core_row::claim_no_blocking, name);
    }
    if (result<void> r = set_domain(g, g.blocking_.get()); !r)
        return r;
    g.owner_ = owner;
    ++g.users_;
    return {};
}

void iommu_core::release_claim(group& g) {
    const std::lock_guard held(g.mutex);
    const std::string name = fmt::format("group {}", g.number());
    if (g.users_ == 0 || !g.owner_) {
        kernel_.note(core_row::release_not_owned, name, "released by somebody who does not own it");
        return;
    }
    g.users_ = 0;
    g.owner_ = nullptr;
    if (!set_domain(g, g.default_.get()))
        kernel_.note(core_row::release_failed, name, "the default domain could not be attached");
}

result<void> iommu_core::use_default_domain(device& dev) {
    group* const g = dev.in_group;
    if (!g)
        return {};
    const std::lock_guard held(g->mutex);
    const bool both_identity = g->default_ && g->default_->type() == domain_type::identity && g->current_ &&
                               g->current_->type() == domain_type::identity;
    if (g->users_ != 0 && (g->owner_ || !(g->current_ == g->default_.get() || both_identity)))
        return kernel_.fail(core_row::use_busy, dev.name());
    ++g->users_;
    return {};
}

void iommu_core::unuse_default_domain(device& dev) {
    group* const g = dev.in_group;
    if (!g)
        return;
    const std::lock_guard held(g->mutex);
    if (g->users_ == 0)
        kernel_.note(core_row::release_not_owned, dev.name(), "released by somebody who does not use it");
    else
        --g->users_;
}

} // namespace iommulab::sw
