// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/machine.h"

#include <utility>

namespace iommulab::conformance {

std::uint64_t machine::issue(const dma_access& access) {
    completed_.push_back({++last_token_, dma(access)});
    return last_token_;
}

std::vector<dma_completion> machine::collect(bool /*wait*/) {
    return std::exchange(completed_, {});
}

} // namespace iommulab::conformance
