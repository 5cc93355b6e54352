// SPDX-License-Identifier: Apache-2.0
// One PAMU as its driver sees it: where the tables are, and its violations.
#pragma once

#include "sw/drivers/fsl_pamu/tables.h"
#include "sw/iommu/driver.h"

#include <cstdint>

namespace iommulab::sw::fsl_pamu {

class pamu final : public instance {
  public:
    pamu(kernel& k, iommu_driver& driver, const instance_firmware& firmware, tables& shared);
    ~pamu() override;

    /// Tells it of the tables, switches it on, ends its bypass.
    void start();
    [[nodiscard]] std::uint64_t violations() const { return violations_; }
    /// Subwindows of a window, at most.
    [[nodiscard]] std::uint64_t most_subwindows() const { return most_subwindows_; }

  private:
    void handle_violation();
    std::uint64_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint64_t value);
    void write_pair(std::uint32_t high_offset, std::uint64_t address);

    kernel& kernel_;
    tables& tables_;
    std::uint64_t violations_ = 0, most_subwindows_ = 0;
};

} // namespace iommulab::sw::fsl_pamu
