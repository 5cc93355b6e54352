// SPDX-License-Identifier: Apache-2.0
// A machine with software on it: a platform, its CPUs, a kernel with drivers for its IOMMUs, and devices whose DMA goes
// through the models.
#pragma once

#include "platforms/machine_builder.h"
#include "sw/cpu/simulated_cpu.h"
#include "sw/drivers/drivers.h"
#include "sw/iommu/iommu_core.h"
#include "sw/iommu/mapping.h"
#include "testbenches/software/access_master.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace iommulab::software {

struct software_machine_description {
    platforms::platform_description platform;
    simulation_mode mode = simulation_mode::cycle_approximate;
    struct device_place {
        sw::device_description description;
        unsigned port = 0; ///< of the IOMMU that its firmware spec names; without a spec it sits on the interconnect
    };
    std::vector<device_place> devices;
    /// Further masters of whoever makes the machine; they are bound to inlet(n) of the machine.
    std::vector<platforms::attachment> masters;
    /// More that firmware says of an IOMMU, by name: properties, coherency. Base, size and interrupts are filled in.
    std::vector<sw::instance_firmware> firmware;
    /// What the kernel may allocate; all of it must be memory of the platform.
    std::uint64_t kernel_memory_base = 0, kernel_memory_bytes = 0;
    sw::simulated_cpu_parameters cpus;
    sw::kernel_options kernel;
    sw::core_options core;
};

class software_machine : public sc_core::sc_module {
  public:
    /// Throws std::invalid_argument for an IOMMU without driver, for a device behind an unknown IOMMU, and for what the
    /// platform refuses.
    software_machine(sc_core::sc_module_name name, const software_machine_description& description);
    ~software_machine() override;

    /// Runs software on a CPU until it returns, the devices and the interrupts going on meanwhile. The first call
    /// boots: drivers, IOMMUs, devices, in the order of the description. Throws what the software throws.
    void run(const std::function<void()>& software, unsigned cpu = 0);
    /// What the probe of an IOMMU said, after the first run().
    struct instance_probe {
        std::string name;
        sw::linux_errno number;
    };
    [[nodiscard]] const std::vector<instance_probe>& probed() const { return probed_; }

    [[nodiscard]] platforms::platform& hardware() { return *platform_; }
    /// Where the n-th further master is to be bound.
    [[nodiscard]] tlm::tlm_target_socket<64>& inlet(std::size_t n) {
        return platform_->inlet(description_.cpus.cpus + devices_.size() + n);
    }
    [[nodiscard]] sw::simulated_cpus& cpus() { return *cpus_; }
    [[nodiscard]] sw::log_stream& log() { return log_; }
    [[nodiscard]] sw::kernel& kernel() { return *kernel_; }
    [[nodiscard]] sw::iommu_core& core() { return *core_; }
    [[nodiscard]] sw::iommu_driver& driver(const std::string& name);
    /// Throws std::invalid_argument for an unknown device.
    [[nodiscard]] sw::device& device(const std::string& name);

    /// A DMA access of a device, with its first source id; from software only.
    access_result dma_read(const std::string& device, std::uint64_t iova, unsigned bytes);
    access_result dma_write(const std::string& device, std::uint64_t iova, const std::vector<std::uint8_t>& data);

    /// Waits until the IOMMUs have said what they have to say of the accesses so far, and software has heard it. From
    /// software only.
    void settle();

  private:
    struct placed_device {
        sw::device_description description;
        std::unique_ptr<access_master> master;
    };
    void boot();
    void connect_interrupts(std::size_t iommu, sw::instance_firmware& f);
    placed_device& placed(const std::string& name);
    [[nodiscard]] static requester requester_of(const placed_device& d);

    software_machine_description description_;
    sw::log_stream log_;
    std::unique_ptr<platforms::platform> platform_;
    std::unique_ptr<sw::simulated_cpus> cpus_;
    std::vector<placed_device> devices_;
    std::vector<sw::instance_firmware> firmware_; // of each IOMMU
    std::vector<const sw::driver_description*> drivers_;
    std::unique_ptr<sw::kernel> kernel_;
    std::unique_ptr<sw::iommu_core> core_;
    std::vector<std::pair<std::string, sw::iommu_driver*>> made_drivers_;
    std::vector<instance_probe> probed_;
    bool booted_ = false;
};

} // namespace iommulab::software
