// SPDX-License-Identifier: Apache-2.0
// A story of attaching as data: IOMMUs, devices, what software does with them in which order, and what must come of it.
#pragma once

#include "platforms/settings/settings_node.h"
#include "sw/callers/callers.h"
#include "sw/iommu/injection.h"
#include "testbenches/software/software_machine.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::scenarios {

/// What must come of an operation; what is not said is not looked at.
struct story_expectation {
    std::optional<sw::linux_errno> number;
    bool any_errno = false;         ///< not looked at
    std::optional<std::string> row; ///< that it failed at; "none": at none
    std::optional<std::string> log; ///< a part of a line
    std::optional<std::uint64_t> error_lines, warning_lines, debug_lines, attach_calls, domains_made, domains,
        address_spaces, bytes, address, lands_at;
    std::optional<std::string> dma; ///< "ok", "fault", "wrong", "untried"
    std::optional<bool> at_claim, shared;
};

enum class story_action : std::uint8_t {
    domain,
    free,
    attach,
    detach,
    map,
    unmap,
    translate,
    dma,
    inject,
    claim,
    release,
    use,
    unuse,
    exhaust,
    feature,
    default_domain,
    probe,
    remove,
    take,
    leave,
};

struct story_operation {
    story_action action = story_action::attach;
    settings::place where;
    std::string text; ///< "attach b to shared"
    std::string device, domain, space;
    std::string way; ///< how to attach, what to access, what kind of domain or feature
    std::uint64_t iova = 0, address = 0, bytes = 0, count = 0;
    sw::protection allowed{};
    bool on = true;
    std::string point; ///< where to fail; empty: nowhere
    sw::injection_order order{};
    std::array<story_expectation, sw::rule_sets> expected; ///< by rule set
};

/// An address space, and the caller that keeps it.
struct story_space {
    std::string name;
    const sw::caller_description* caller = nullptr;
    sw::caller_options options;
};

struct story {
    std::string file, name, text;
    std::vector<sw::rule_set> rules; ///< it runs once under each
    software::software_machine_description machine;
    std::vector<story_space> spaces;
    std::vector<story_operation> operations;
};

} // namespace iommulab::scenarios
