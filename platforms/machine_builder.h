// SPDX-License-Identifier: Apache-2.0
// Makes SystemC modules of a description, and binds them.
#pragma once

#include "models/memory/interconnect.h"
#include "models/memory/message_doorbell.h"
#include "platforms/platform_description.h"

#include <systemc>
#include <tlm>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab {
class iommu_module;
}

namespace iommulab::platforms {

/// Where a master sits: behind a port of an IOMMU, or, with an empty name, on the interconnect itself.
struct attachment {
    std::string iommu;
    unsigned port = 0;
};

/// A machine: memories and the registers of IOMMUs behind an interconnect; in front of it the IOMMUs' ports and table
/// walkers, and masters without an IOMMU, which CPUs are too: they reach all of memory and all registers. Masters that
/// share a port of an IOMMU get an interconnect of their own in front of it.
class platform : public sc_core::sc_module {
  public:
    /// `masters`: all that will be bound, in order; their sockets are bound to inlet(n) afterwards. Throws
    /// std::invalid_argument and parameter_error for a description that contradicts itself.
    platform(sc_core::sc_module_name name, const platform_description& description, simulation_mode mode,
             const std::vector<attachment>& masters);
    ~platform() override;

    /// Where master `n` is to be bound.
    tlm::tlm_target_socket<64>& inlet(std::size_t n);

    [[nodiscard]] std::size_t iommus() const { return iommus_.size(); }
    [[nodiscard]] iommu_module& iommu(std::size_t n) { return *iommus_.at(n); }
    /// By the name in the description; throws std::out_of_range.
    [[nodiscard]] std::size_t iommu_number(std::string_view name) const;
    [[nodiscard]] std::size_t memories() const { return memories_.size(); }
    [[nodiscard]] iommulab::memory& memory(std::size_t n) { return *memories_.at(n); }
    /// The memory that has all of the range; null when none has.
    [[nodiscard]] iommulab::memory* memory_at(std::uint64_t address, std::uint64_t bytes);
    /// Null: the description has none.
    [[nodiscard]] iommulab::message_doorbell* doorbell() { return doorbell_.get(); }
    [[nodiscard]] const iommulab::interconnect& bus() const { return *bus_; }
    [[nodiscard]] const platform_description& description() const { return description_; }
    [[nodiscard]] simulation_mode mode() const { return mode_; }

    /// Nothing on the interconnects, and every IOMMU idle().
    [[nodiscard]] bool idle() const;

    /// Something to be put between the downstream sockets of the IOMMUs and the interconnect, while elaborating: by
    /// number of IOMMU and port; null: nothing.
    class tap {
      public:
        virtual ~tap() = default;
        virtual tlm::tlm_target_socket<64>& from_iommu() = 0;
        virtual tlm::tlm_initiator_socket<64>& to_memory() = 0;
    };
    using tap_factory = std::function<std::unique_ptr<tap>(std::size_t iommu, unsigned port)>;
    platform(sc_core::sc_module_name name, const platform_description& description, simulation_mode mode,
             const std::vector<attachment>& masters, const tap_factory& taps);

  private:
    void make_iommus();
    void make_bus(std::size_t direct_masters);
    void bind_iommus(const tap_factory& taps);
    void attach(const std::vector<attachment>& masters);

    platform_description description_;
    simulation_mode mode_;
    std::vector<std::unique_ptr<iommulab::memory>> memories_;
    std::vector<std::unique_ptr<iommu_module>> iommus_;
    std::vector<std::unique_ptr<tap>> taps_;
    std::vector<std::unique_ptr<interconnect>> shared_;       // in front of ports with several masters
    std::vector<std::unique_ptr<sc_core::sc_module>> unused_; // what binds ports without a master
    std::unique_ptr<message_doorbell> doorbell_;
    std::unique_ptr<interconnect> bus_;
    std::size_t next_input_ = 0;
    std::vector<tlm::tlm_target_socket<64>*> inlets_;
};

} // namespace iommulab::platforms
