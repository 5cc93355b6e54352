// SPDX-License-Identifier: Apache-2.0
// Named points where a scenario or a test makes something fail.
#pragma once

#include "sw/iommu/linux_errno.h"

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::sw {

/// Declared beside the code that passes it: `name` as in "smmu_v3.cd_table.alloc".
struct injection_point {
    const char* name;
    const char* text;                       ///< what fails there
    linux_errno number = linux_errno::none; ///< what it fails with, unless the order says otherwise; none: has no errno
    /// The hardware asks, not the driver: each time commands are announced to one of the driver's IOMMUs. Who puts the
    /// machine together connects it.
    bool by_hardware = false;
};

/// Which occurrences fail: `count` of them, from the `first` on (counted from 1, from the moment of the order).
struct injection_order {
    static constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t first = 1;
    std::uint64_t count = 1;
    linux_errno number = linux_errno::none; ///< none: as declared
};

class injection_registry {
  public:
    /// Throws std::logic_error for a name that is declared already with another text.
    void declare(std::span<const injection_point> points);
    [[nodiscard]] const injection_point* find(std::string_view name) const;
    [[nodiscard]] std::vector<const injection_point*> points() const;

    /// Throws std::invalid_argument, with the nearest declared name, for an unknown point or an order of nothing.
    void order(std::string_view name, const injection_order& o);
    void nth(std::string_view name, std::uint64_t n) { order(name, {n, 1, linux_errno::none}); }
    void every(std::string_view name) { order(name, {1, injection_order::for_ever, linux_errno::none}); }
    void cancel(std::string_view name);
    void cancel_all();

    /// The code is at the point: what it must fail with (possibly `none`), or nothing when it may go on. Throws
    /// std::logic_error for a point that was never declared.
    std::optional<linux_errno> at(std::string_view name);
    bool fires(std::string_view name) { return at(name).has_value(); }

    /// How often the code was at the point, and how often it failed there.
    [[nodiscard]] std::uint64_t passed(std::string_view name) const;
    [[nodiscard]] std::uint64_t failed(std::string_view name) const;

  private:
    struct state {
        injection_point declaration;
        std::uint64_t passed = 0, failed = 0, ordered_at = 0;
        std::optional<injection_order> order;
    };
    const state& known(std::string_view name) const;
    state& known(std::string_view name);
    std::map<std::string, state, std::less<>> points_;
};

} // namespace iommulab::sw
