// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/event_queue.h"
#include "testbenches/conformance/machine.h"
#include "traces/vectors.h"

#include <cstdint>
#include <optional>
#include <string>

namespace iommulab::conformance {

/// Keeps a vector's later steps in step with a machine that wrote another number of event records than the recording:
/// after an outcome that the architecture allows beside the recorded one, records and the queue's indexes are expected
/// so many places further on.
class event_shift {
  public:
    /// Follows the registers of the event queue of `iommu`; usable() says whether this IOMMU's event queue is known.
    explicit event_shift(const std::string& iommu);

    bool usable() const { return layout_ != nullptr; }
    /// To be called before an access whose outcome may differ from the recorded one; reads the queue's index.
    void before(machine& target);
    /// To be called after it, when it ended in a fault where the recording has none.
    void after_extra_fault(machine& target);
    /// Adapts a step; `step` stays as it is where nothing has to change.
    traces::vector_step adapted(const traces::vector_step& step);

  private:
    void follow(const traces::vector_step& step);

    const event_queue_layout* layout_ = nullptr;
    std::uint64_t base_register_ = 0;
    std::uint32_t producer_before_ = 0;
    std::uint32_t first_shifted_ = 0; ///< records from this index on stand further on
    std::uint32_t shift_ = 0;
};

} // namespace iommulab::conformance
