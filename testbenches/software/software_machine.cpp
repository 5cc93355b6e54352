// SPDX-License-Identifier: Apache-2.0
#include "testbenches/software/software_machine.h"

#include "models/core/iommu_module.h"
#include "platforms/iommu_model.h"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace iommulab::software {

namespace {
/// Where in the doorbell's window messages are written: GITS_TRANSLATER's offset in its frame (Arm IHI 0069, 12.19).
constexpr std::uint64_t doorbell_offset = 0x40;
/// Longer than an IOMMU here takes to write a record and to signal it; assumption.
constexpr std::uint64_t report_ns = 10'000;
/// Messages that an IOMMU may want besides those that have wires too; assumption.
constexpr std::size_t least_messages = 4;
} // namespace

software_machine::software_machine(sc_core::sc_module_name name, const software_machine_description& description)
    : sc_core::sc_module(name), description_(description) {
    const bool loosely_timed = description.mode == simulation_mode::loosely_timed;
    sw::simulated_cpu_parameters cpus = description.cpus;
    if (description.kernel_memory_bytes != 0)
        cpus.memory.push_back({description.kernel_memory_base, description.kernel_memory_bytes, 0});
    cpus_ = std::make_unique<sw::simulated_cpus>("cpus", cpus, log_);

    std::vector<platforms::attachment> masters(cpus.cpus); // CPUs sit on the interconnect
    for (const auto& d : description.devices)
        masters.push_back({d.description.spec ? d.description.spec->instance : std::string(), d.port});
    masters.insert(masters.end(), description.masters.begin(), description.masters.end());
    platform_ = std::make_unique<platforms::platform>("platform", description.platform, description.mode, masters);
    for (unsigned n = 0; n < cpus.cpus; ++n)
        cpus_->bus(n).bind(platform_->inlet(n));
    for (std::size_t n = 0; n < description.devices.size(); ++n) {
        const auto& d = description.devices[n].description;
        devices_.push_back({d, std::make_unique<access_master>(("device_" + d.name).c_str(), loosely_timed)});
        devices_.back().master->initiator.bind(platform_->inlet(cpus.cpus + n));
    }

    for (std::size_t n = 0; n < description.platform.iommus.size(); ++n) {
        const platforms::iommu_description& unit = description.platform.iommus[n];
        drivers_.push_back(sw::driver_for_model(unit.model));
        if (!drivers_.back())
            throw std::invalid_argument("there is no driver for the model \"" + unit.model + "\"");
        sw::instance_firmware f;
        const auto said = std::find_if(description.firmware.begin(), description.firmware.end(),
                                       [&](const sw::instance_firmware& other) { return other.name == unit.name; });
        if (said != description.firmware.end())
            f = *said;
        f.name = unit.name;
        f.base = unit.registers_base;
        f.bytes = platforms::find_iommu_model(unit.model)->register_space_bytes();
        connect_interrupts(n, f);
        for (const sw::injection_point& point : drivers_.back()->injection_points)
            if (point.by_hardware)
                platform_->iommu(n).on_commands([this, &point] { return kernel_->injection().fires(point.name); });
        firmware_.push_back(std::move(f));
    }
    if (message_doorbell* const doorbell = platform_->doorbell())
        doorbell->on_message([this](const message_doorbell::message& m) { cpus_->message(m.data); });
    kernel_ = std::make_unique<sw::kernel>(*cpus_, log_, description.kernel);
    core_ = std::make_unique<sw::iommu_core>(*kernel_, description.core);
}

/// Wires; and, where the platform has a doorbell, as many lines that messages may name.
void software_machine::connect_interrupts(std::size_t iommu, sw::instance_firmware& f) {
    const auto names = platform_->iommu(iommu).interrupt_names();
    for (std::size_t i = 0; i < names.size(); ++i) {
        const int line = cpus_->add_interrupt(f.name + "_" + names[i]);
        platform_->iommu(iommu).interrupt(i).bind(cpus_->wire(line));
        f.interrupts[names[i]] = line;
    }
    if (const auto& doorbell = platform_->description().doorbell) {
        f.msi_doorbell = doorbell->base + doorbell_offset;
        for (std::size_t i = 0; i < std::max(names.size(), least_messages); ++i) {
            const int line = cpus_->add_interrupt(f.name + "_message" + std::to_string(i));
            f.msi_first_line = i == 0 ? line : f.msi_first_line;
        }
    }
}

software_machine::~software_machine() {
    core_.reset(); // while the CPUs are still there
}

void software_machine::boot() {
    std::map<std::string, sw::result<void>> audited;
    for (std::size_t n = 0; n < firmware_.size(); ++n) {
        const std::string name = drivers_[n]->name;
        if (!audited.contains(name)) {
            made_drivers_.emplace_back(name, &core_->add_driver(*drivers_[n]));
            std::vector<sw::instance_firmware> all;
            for (std::size_t other = n; other < firmware_.size(); ++other)
                if (drivers_[other] == drivers_[n])
                    all.push_back(firmware_[other]);
            audited.emplace(name, driver(name).audit(all));
        }
        const sw::result<void>& agreed = audited.at(name);
        probed_.push_back({firmware_[n].name, agreed ? sw::errno_of(core_->add_instance(driver(name), firmware_[n]))
                                                     : agreed.error().number});
    }
    for (const placed_device& d : devices_)
        core_->add_device(d.description);
}

void software_machine::run(const std::function<void()>& software, unsigned cpu) {
    if (!booted_) {
        booted_ = true;
        const unsigned interrupts = std::min(description_.cpus.interrupt_cpu, description_.cpus.cpus - 1);
        if (interrupts != 0)
            cpus_->run(interrupts, [this] { kernel_->service_interrupts(~std::uint64_t{0}); });
        cpus_->run(0, [this] { boot(); });
    }
    cpus_->run(cpu, software);
    sc_core::sc_start();
    cpus_->rethrow();
    if (!cpus_->idle())
        throw std::logic_error("software waits for something that will never come");
}

sw::iommu_driver& software_machine::driver(const std::string& name) {
    for (const auto& [key, made] : made_drivers_)
        if (key == name)
            return *made;
    throw std::invalid_argument("no IOMMU here has the driver \"" + name + "\"");
}

sw::device& software_machine::device(const std::string& name) {
    if (sw::device* const d = core_->find_device(name))
        return *d;
    throw std::invalid_argument("there is no device \"" + name + "\"");
}

software_machine::placed_device& software_machine::placed(const std::string& name) {
    for (placed_device& d : devices_)
        if (d.description.name == name)
            return d;
    throw std::invalid_argument("there is no device \"" + name + "\"");
}

requester software_machine::requester_of(const placed_device& d) {
    requester who;
    if (d.description.spec && !d.description.spec->source_ids.empty())
        who.source_id = d.description.spec->source_ids.front();
    return who;
}

access_result software_machine::dma_read(const std::string& name, std::uint64_t iova, unsigned bytes) {
    placed_device& d = placed(name);
    return d.master->read(requester_of(d), iova, bytes);
}

access_result software_machine::dma_write(const std::string& name, std::uint64_t iova,
                                          const std::vector<std::uint8_t>& data) {
    placed_device& d = placed(name);
    return d.master->write(requester_of(d), iova, data);
}

void software_machine::settle() {
    constexpr unsigned at_most = 1'000; // one that never falls silent is not waited for
    for (unsigned n = 0; n < at_most && (n == 0 || !cpus_->interrupts_served()); ++n)
        cpus_->delay_ns(report_ns);
}

} // namespace iommulab::software
