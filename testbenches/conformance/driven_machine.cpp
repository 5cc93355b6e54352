// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/driven_machine.h"

#include "models/core/iommu_module.h"
#include "platforms/iommu_model.h"
#include "testbenches/software/software_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::conformance {

namespace {

/// Where the registers lie: near the end of 52 address bits, where no recording has memory.
constexpr std::uint64_t registers_base = 0x000f'ffff'0000'0000;
/// The kernel's own memory lies beside what is recorded, beyond the 32 bits in which interrupts have their windows.
constexpr std::uint64_t lowest_kernel_memory = std::uint64_t{1} << 32;
/// For queues of the size that a recorded IOMMU has (2^19 commands of 16 bytes, as many events of 32), and tables.
constexpr std::uint64_t kernel_memory_bytes = std::uint64_t{1} << 28;

std::string name_of(std::uint32_t source_id) {
    return fmt::format("device{:04x}", source_id);
}

/// Where nothing is recorded.
std::uint64_t free_place(const std::vector<traces::memory_range>& recorded) {
    const auto taken = [&](std::uint64_t base) {
        return std::any_of(recorded.begin(), recorded.end(), [&](const traces::memory_range& r) {
            return r.base < base + kernel_memory_bytes && base < r.base + r.size_bytes;
        });
    };
    std::uint64_t base = lowest_kernel_memory;
    while (taken(base))
        base += kernel_memory_bytes;
    return base;
}

software::software_machine_description describe(const mapping_configuration& c) {
    software::software_machine_description d;
    d.mode = c.machine.mode == machine_mode::at ? simulation_mode::cycle_approximate : simulation_mode::loosely_timed;
    d.platform.name = "recording";
    memory_parameters memory;
    for (const traces::memory_range& r : c.machine.memory)
        memory.ranges.push_back({r.base, r.size_bytes, "recorded"});
    d.kernel_memory_base = free_place(c.machine.memory);
    d.kernel_memory_bytes = kernel_memory_bytes;
    memory.ranges.push_back({d.kernel_memory_base, d.kernel_memory_bytes, "kernel"});
    d.platform.memories.push_back({"memory", memory});
    d.platform.iommus.push_back({"iommu", c.machine.iommu, "", {}, c.machine.id_registers, registers_base, 1});
    d.platform.iommus[0].model = platforms::find_iommu_model(c.machine.iommu)->name();
    for (const map_history::device& device : c.devices) {
        sw::device_description description;
        description.name = name_of(device.source_id);
        description.spec = sw::firmware_spec{"iommu", {device.source_id}};
        description.isolation = fmt::format("group{}", device.group);
        d.devices.push_back({description, 0});
    }
    return d;
}

[[noreturn]] void refuse(const std::string& what, const sw::error& why) {
    throw std::runtime_error(fmt::format("{} fails with {}", what, sw::name_of(why.number)));
}

class driven_machine final : public mapping_machine {
  public:
    driven_machine(const std::string& name, const mapping_configuration& c, const sw::driver_description& driver)
        : configuration_(c), driver_(driver), machine_(name.c_str(), describe(c)) {}

    ~driven_machine() override {
        machine_.kernel().power_off(); // the simulation is over
        for (placed_domain& d : domains_)
            if (d.made)
                core().retire(std::move(d.made));
    }

    std::string name() const override {
        return std::string("driver ") + driver_.name +
               (configuration_.machine.mode == machine_mode::at ? "" : ", loosely timed");
    }

    void run(const std::function<void()>& software) override {
        std::string failure; // thrown when the simulation stands, which software's exceptions would end
        machine_.run([&] {
            for (const auto& probe : machine_.probed())
                if (probe.number != sw::linux_errno::none)
                    failure =
                        fmt::format("the driver's probe of {} fails with {}", probe.name, sw::name_of(probe.number));
            if (failure.empty())
                software();
        });
        if (!failure.empty())
            throw std::runtime_error(failure);
    }

    void make_domain(std::size_t domain, unsigned group) override {
        domains_.resize(std::max(domains_.size(), domain + 1));
        domains_[domain].group = group;
        domains_[domain].made = core().allocate_domain(first_device(group));
        if (!domains_[domain].made)
            throw std::runtime_error("the driver has no domain");
    }

    void attach(std::size_t domain) override {
        sw::group& group = *first_device(domains_[domain].group).in_group;
        for (placed_domain& other : domains_)
            if (other.attached && other.group == domains_[domain].group) {
                core().detach_group(*other.made, group);
                core().retire(std::move(other.made));
                other.attached = false;
            }
        if (const auto done = core().attach_group(*domains_[domain].made, group); !done)
            refuse("the attach", done.error());
        domains_[domain].attached = true;
    }

    void map(std::size_t domain, const mapped_page& pages) override {
        const sw::protection prot{.read = pages.readable, .write = pages.writable, .cache = true};
        if (const auto done =
                sw::map(machine_.kernel(), *domains_[domain].made, pages.iova, pages.pa, pages.size_bytes, prot);
            !done)
            refuse(fmt::format("the map of {:#x}", pages.iova), done.error());
    }

    std::uint64_t unmap(std::size_t domain, std::uint64_t iova, std::uint64_t size_bytes) override {
        return sw::unmap(machine_.kernel(), *domains_[domain].made, iova, size_bytes);
    }

    std::optional<mapped_page> look(std::uint32_t source_id, std::uint64_t iova) override {
        access a;
        a.address = iova;
        a.length_bytes = 1;
        a.source_id = source_id;
        a.write = false;
        std::optional<translation> found = machine_.hardware().iommu(0).probe(a);
        if (!found) { // it may be for writes only
            a.write = true;
            found = machine_.hardware().iommu(0).probe(a);
        }
        if (!found || found->bypassed)
            return std::nullopt;
        return mapped_page{found->input_base, std::uint64_t{1} << found->log2_size, found->output_base,
                           (found->allowed & rights::read) != 0, (found->allowed & rights::write) != 0};
    }

    bool dma(std::uint32_t source_id, bool write, std::uint64_t iova, std::vector<std::uint8_t>& data) override {
        if (write)
            return machine_.dma_write(name_of(source_id), iova, data).ok;
        software::access_result r = machine_.dma_read(name_of(source_id), iova, static_cast<unsigned>(data.size()));
        data = std::move(r.data);
        return r.ok;
    }

    bool memory(bool write, std::uint64_t address, std::vector<std::uint8_t>& data) override {
        iommulab::memory* const m = machine_.hardware().memory_at(address, data.size());
        if (!m)
            return false;
        if (write)
            m->store().write(address, data.data(), data.size());
        else
            m->store().read(address, data.data(), data.size());
        return true;
    }

  private:
    struct placed_domain {
        unsigned group = 0;
        bool attached = false;
        std::unique_ptr<sw::domain> made;
    };

    sw::iommu_core& core() { return machine_.core(); }

    sw::device& first_device(unsigned group) {
        for (const map_history::device& d : configuration_.devices)
            if (d.group == group) {
                sw::device& device = machine_.device(name_of(d.source_id));
                if (!device.in_group)
                    throw std::runtime_error("the driver does not take " + device.name());
                return device;
            }
        throw std::logic_error("a group without devices");
    }

    mapping_configuration configuration_;
    const sw::driver_description& driver_;
    software::software_machine machine_;
    std::vector<placed_domain> domains_;
};

} // namespace

mapping_machine_factory driven_machines() {
    return [made = 0](const mapping_configuration& c) mutable -> std::unique_ptr<mapping_machine> {
        const platforms::iommu_model* const model = platforms::find_iommu_model(c.machine.iommu);
        const sw::driver_description* const driver = model ? sw::driver_for_model(model->name()) : nullptr;
        if (!driver)
            return nullptr;
        return std::make_unique<driven_machine>("driven" + std::to_string(made++), c, *driver);
    };
}

} // namespace iommulab::conformance
