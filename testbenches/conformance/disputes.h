// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace iommulab::conformance {

/// Why a vector's expectation is not met: the manual says otherwise.
struct dispute {
    std::string section; ///< manual and section
    std::string reason;
};

/// The list of disputed vectors: a JSON file {"disputed": [{"machine": …, "vector": …, "section": …, "reason": …}, …]}.
class dispute_list {
  public:
    dispute_list() = default;
    /// Throws input_error for a file that can not be read or is not of this form.
    explicit dispute_list(const std::string& path);

    /// The dispute about a vector of a machine, nullptr when there is none.
    const dispute* find(const std::string& machine, const std::string& vector) const;

  private:
    std::map<std::pair<std::string, std::string>, dispute> disputes_;
};

} // namespace iommulab::conformance
