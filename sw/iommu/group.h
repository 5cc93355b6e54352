// SPDX-License-Identifier: Apache-2.0
// A group: devices that cannot be kept apart, hence always share a domain.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/iommu/device.h"
#include "sw/iommu/domain.h"

#include <memory>
#include <string>
#include <vector>

namespace iommulab::sw {

/// The core's records; change them through iommu_core only.
class group {
  public:
    group(cpu& machine, unsigned number, std::string isolation)
        : mutex(machine), number_(number), isolation_(std::move(isolation)) {}

    [[nodiscard]] unsigned number() const { return number_; }
    [[nodiscard]] const std::string& isolation() const { return isolation_; }
    [[nodiscard]] const std::vector<device*>& devices() const { return devices_; }
    /// The domain in force; null after a rollback that failed, or before there is any.
    [[nodiscard]] domain* current() const { return current_; }
    [[nodiscard]] domain* default_domain() const { return default_.get(); }
    [[nodiscard]] domain* blocking_domain() const { return blocking_.get(); }
    /// Owned: claimed for user space. Drivers that use the DMA API count as users, not as an owner.
    [[nodiscard]] const void* owner() const { return owner_; }
    [[nodiscard]] unsigned users() const { return users_; }

    ticket_lock mutex;

  private:
    friend class iommu_core;
    unsigned number_;
    std::string isolation_;
    std::vector<device*> devices_;
    std::unique_ptr<domain> default_, blocking_;
    domain* current_ = nullptr;
    const void* owner_ = nullptr;
    unsigned users_ = 0;
};

} // namespace iommulab::sw
