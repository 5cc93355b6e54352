// SPDX-License-Identifier: Apache-2.0
// A machine whose IOMMU a driver programs, as the replay of recorded mappings sees it.
#pragma once

#include "testbenches/conformance/machine.h"
#include "testbenches/conformance/map_history.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::conformance {

/// A leaf entry of an IOMMU's tables.
struct mapped_page {
    std::uint64_t iova = 0, size_bytes = 0, pa = 0;
    bool readable = false, writable = false;

    friend bool operator==(const mapped_page&, const mapped_page&) = default;
};

class mapping_machine {
  public:
    virtual ~mapping_machine() = default;

    /// Which driver, on which model.
    virtual std::string name() const = 0;
    /// Runs software on the machine's CPU. The other functions are for it alone; what the driver refuses they throw as
    /// std::runtime_error.
    virtual void run(const std::function<void()>& software) = 0;

    /// A new domain for the IOMMU of this group's devices. Domains are counted from 0.
    virtual void make_domain(std::size_t domain, unsigned group) = 0;
    /// Puts the domain's group on it; the domain on which it was is freed.
    virtual void attach(std::size_t domain) = 0;
    virtual void map(std::size_t domain, const mapped_page& pages) = 0;
    /// Returns the bytes unmapped; they can't be reached any more.
    virtual std::uint64_t unmap(std::size_t domain, std::uint64_t iova, std::uint64_t size_bytes) = 0;
    /// What the IOMMU's walk of the tables finds, without time and without a trace in its caches.
    virtual std::optional<mapped_page> look(std::uint32_t source_id, std::uint64_t iova) = 0;
    /// An access of the device through the IOMMU; false: refused.
    virtual bool dma(std::uint32_t source_id, bool write, std::uint64_t iova, std::vector<std::uint8_t>& data) = 0;
    /// Physical memory, past everything; false: there is none.
    virtual bool memory(bool write, std::uint64_t address, std::vector<std::uint8_t>& data) = 0;
};

struct mapping_configuration {
    machine_configuration machine;
    std::vector<map_history::device> devices;
};

/// Null: there is no driver for this IOMMU. As machine_factory otherwise.
using mapping_machine_factory = std::function<std::unique_ptr<mapping_machine>(const mapping_configuration&)>;

} // namespace iommulab::conformance
