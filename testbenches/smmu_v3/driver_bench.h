// SPDX-License-Identifier: Apache-2.0
// A kernel with the SMMUv3 driver over fake SMMUs: what most tests of the software layer start from.
#pragma once

#include "sw/drivers/arm_smmu_v3/smmu_domain.h"
#include "sw/drivers/arm_smmu_v3/smmu_driver.h"
#include "sw/iommu/iommu_core.h"
#include "sw/iommu/mapping.h"
#include "testbenches/smmu_v3/fake.h"

#include <memory>
#include <string>
#include <vector>

namespace iommulab::harness {

struct smmu_bench {
    static constexpr std::uint64_t first_base = 0x9050000, spacing = 0x100000;

    explicit smmu_bench(sw::rule_set rules = sw::rule_set::v6_2, sw::core_options core_options = {})
        : machine(log),
          kernel(machine, log, {.rules = rules}),
          core(std::make_unique<sw::iommu_core>(kernel, core_options)),
          driver(core->add_driver(sw::arm_smmu_v3::description())) {}

    /// "smmu0", "smmu1", … in the order of the calls; set ID registers before start().
    fake_smmu& add_smmu() {
        smmus.push_back(std::make_unique<fake_smmu>(machine));
        const std::size_t n = smmus.size() - 1;
        machine.add_device(first_base + n * spacing, fake_smmu::register_bytes, *smmus.back());
        smmus.back()->hangs = [this] { return kernel.injection().fires("smmu_v3.cmdq.doorbell"); };
        smmus.back()->event_line = static_cast<int>(100 + 10 * n);
        smmus.back()->error_line = static_cast<int>(101 + 10 * n);
        return *smmus.back();
    }
    sw::instance_firmware firmware(std::size_t n) const {
        sw::instance_firmware f;
        f.name = "smmu" + std::to_string(n);
        f.base = first_base + n * spacing;
        f.bytes = fake_smmu::register_bytes;
        f.interrupts = {{"eventq", smmus[n]->event_line}, {"gerror", smmus[n]->error_line}};
        return f;
    }
    sw::result<sw::instance*> start(std::size_t n = 0) { return core->add_instance(driver, firmware(n)); }
    sw::device& add_device(const std::string& name, std::uint32_t sid, std::size_t behind = 0,
                           sw::device_description d = {}) {
        d.name = name;
        d.spec = sw::firmware_spec{"smmu" + std::to_string(behind), {sid}, true};
        return core->add_device(std::move(d));
    }
    std::size_t errors() const { return log.count(sw::log_level::error); }

    sw::log_stream log;
    fake_cpu machine;
    sw::kernel kernel;
    std::vector<std::unique_ptr<fake_smmu>> smmus;
    std::unique_ptr<sw::iommu_core> core;
    sw::iommu_driver& driver;
};

} // namespace iommulab::harness
