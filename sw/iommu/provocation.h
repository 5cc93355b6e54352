// SPDX-License-Identifier: Apache-2.0
// How a failure of attach_dev is brought about: as data, so that the same provocation runs in a unit test on a fake, on
// the models, and under every caller.
#pragma once

#include "sw/iommu/driver.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::sw {

class iommu_core;

/// An IOMMU as the provocation needs it.
struct provoking_unit {
    std::vector<std::pair<std::string, std::uint64_t>> hardware{}; ///< the model's parameters, over the preset
    std::map<std::string, std::uint64_t> firmware{};               ///< the driver's properties
};

/// Sets a scene, then attaches the last device, or its group, to a domain in a way that must meet the row.
struct provocation {
    const char* row;                               ///< "S3-3"
    const char* preset = "";                       ///< of the model
    std::vector<provoking_unit> units{};           ///< named "iommu0", "iommu1", …
    std::vector<device_description> devices;       ///< all but the last join the domain first; specs name the units
    bool others_join = true;                       ///< false: they are only there
    domain_type type = domain_type::unmanaged;     ///< of the domain
    std::uint32_t pasids = 0;                      ///< the domain is for so many PASIDs; 0: none
    domain_type default_domain = domain_type::dma; ///< what devices get at boot
    bool no_default_domains = false;               ///< they get none: the attempt is the first attach
    const char* inject = "";                       ///< a point that fails once, from the attempt on
    unsigned inject_nth = 1;                       ///< at which of its occurrences
    unsigned used_up = 0; ///< so many domains are attached, detached and kept before the attempt
    /// Attaches behind the core's back: the core would not get there, or its rollback would meet the row again.
    bool direct = false;
    /// What else comes before; says what it fails with.
    std::function<result<void>(iommu_core&, device&)> before{};
    /// How a kernel that meets the row at the probe (failure_outcome::at_probe) meets it: the attempt, in their place.
    std::function<result<void>(iommu_core&, device&)> probe{};
};

/// A unit's name: "iommu0".
std::string provoking_unit_name(std::size_t n);

/// The domains of a provocation: they have to live until it has been looked at.
using kept_domains = std::vector<std::unique_ptr<domain>>;

/// All that comes before the attempt; the devices are there already. Null when it failed: the scene is not what the
/// provocation thinks. Otherwise the domain to attach to.
domain* prepare(const provocation& p, iommu_core& core, kept_domains& kept);
/// The attempt: what attach says.
result<void> attempt(const provocation& p, iommu_core& core, domain& d);

} // namespace iommulab::sw
