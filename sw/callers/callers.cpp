// SPDX-License-Identifier: Apache-2.0
#include "sw/callers/callers.h"

#include "sw/callers/direct.h"
#include "sw/iommufd/failures.h"
#include "sw/iommufd/users.h"
#include "sw/vfio/failures.h"
#include "sw/vfio/type1.h"

#include <array>

namespace iommulab::sw {
namespace {

constexpr std::array list{
    caller_description{"vfio-type1",
                       "VFIO as in Linux 6.1: a domain of its own first, then any errno means the next one",
                       vfio::type1_mainline::make},
    caller_description{"vfio-type1-2022",
                       "VFIO as proposed in 2022: existing domains first, one errno means the next one",
                       vfio::type1_simplified::make},
    caller_description{"iommufd",
                       "IOMMUFD, attach to an address space: existing domains first, EINVAL means the next one",
                       iommufd::auto_user::make},
    caller_description{"iommufd-hwpt", "IOMMUFD, attach to one hardware page table: the errno handed on",
                       iommufd::hwpt_user::make},
    caller_description{"qemu", "a virtual machine manager that loops over hardware page tables, then over containers",
                       iommufd::qemu_user::make},
    caller_description{"direct", "a driver that attaches its devices to one domain: no second try, the errno handed on",
                       direct_caller::make},
};

} // namespace

std::span<const caller_description> callers() {
    return list;
}

const caller_description* caller_named(std::string_view name) {
    for (const caller_description& c : list)
        if (name == c.name)
            return &c;
    return nullptr;
}

std::vector<std::span<const failure_row>> caller_failures() {
    return {vfio::failures(), iommufd::failures(), direct_caller::failures()};
}

} // namespace iommulab::sw
