// SPDX-License-Identifier: Apache-2.0
// The machine of a story, and what its operations come to.
#pragma once

#include "testbenches/scenario/story.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace iommulab::scenarios {

/// What an operation came to.
struct story_outcome {
    sw::linux_errno number = sw::linux_errno::none;
    const sw::failure_row* row = nullptr; ///< that it failed at, or that was swallowed
    std::uint64_t error_lines = 0, warning_lines = 0, debug_lines = 0;
    std::uint64_t attach_calls = 0, domains_made = 0, domains = 0, address_spaces = 0, bytes = 0, address = 0;
    std::string dma; ///< of accesses: "ok", "fault"; of callers as they say
    bool landed = false, at_claim = false, shared = false;
    std::uint64_t begin_ns = 0, end_ns = 0;
    std::vector<std::string> log; ///< "error iommu0: ..."
};

class story_stage {
  public:
    story_stage(software::software_machine& machine, const story& s);
    ~story_stage();
    story_stage(const story_stage&) = delete;
    story_stage& operator=(const story_stage&) = delete;

    /// From software only. Throws input_error for what cannot be done in this state.
    story_outcome carry_out(const story_operation& o, const story_expectation& expected);
    /// Callers give up what they have; from software. Throws as carry_out().
    void close();

  private:
    void act(const story_operation& o, const story_expectation& expected, story_outcome& out);
    void attach(const story_operation& o, story_outcome& out);
    void dma(const story_operation& o, const story_expectation& expected, story_outcome& out);
    void take(const story_operation& o, story_outcome& out);
    /// The domain that the operation is about; null: the device's group has none.
    sw::domain* domain_of(const story_operation& o);
    /// What Linux leaves undefined, or only warns of, is refused by place.
    void check_precondition(const story_operation& o);
    /// The address space that has claimed the device's group; empty: none.
    [[nodiscard]] std::string holder_of(const std::string& device) const;

    software::software_machine& machine_;
    sw::iommu_core& core_;
    std::map<std::string, std::unique_ptr<sw::domain>> domains_;
    std::vector<std::unique_ptr<sw::domain>> used_up_;
    std::map<std::string, std::unique_ptr<sw::caller>> spaces_;
    std::map<std::string, std::set<std::string>> held_;       ///< address spaces, by device that they have claimed
    std::map<std::string, const settings::place*> last_take_; ///< by address space
    std::multiset<std::string> used_;                         ///< devices that kernel drivers are bound to
};

} // namespace iommulab::scenarios
