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
    std::string row = "none"; ///< that it failed at
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
    /// Callers give up what they have; from software.
    void close();

  private:
    void act(const story_operation& o, const story_expectation& expected, story_outcome& out);
    void attach(const story_operation& o, story_outcome& out);
    void dma(const story_operation& o, const story_expectation& expected, story_outcome& out);
    void take(const story_operation& o, story_outcome& out);
    /// The domain that the operation is about; null: the device's group has none.
    sw::domain* domain_of(const story_operation& o);

    software::software_machine& machine_;
    sw::iommu_core& core_;
    std::map<std::string, std::unique_ptr<sw::domain>> domains_;
    std::vector<std::unique_ptr<sw::domain>> used_up_;
    std::map<std::string, std::unique_ptr<sw::caller>> spaces_;
    std::map<std::string, std::set<std::string>> held_; ///< address spaces, by device that they have claimed
};

} // namespace iommulab::scenarios
