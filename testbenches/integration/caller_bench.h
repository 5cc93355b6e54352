// SPDX-License-Identifier: Apache-2.0
// Callers over fake SMMUs: devices of any SMMU, and a caller by its name.
#pragma once

#include "sw/callers/callers.h"
#include "testbenches/smmu_v3/driver_bench.h"

#include <functional>
#include <memory>
#include <string>

namespace iommulab::harness {

struct caller_bench : smmu_bench {
    explicit caller_bench(unsigned smmus_wanted = 1, sw::rule_set rules = sw::rule_set::v6_2,
                          const std::function<void(fake_smmu&)>& change = {}, bool coherent = true)
        : smmu_bench(rules) {
        for (unsigned n = 0; n < smmus_wanted; ++n) {
            fake_smmu& s = add_smmu();
            if (change)
                change(s);
            sw::instance_firmware f = firmware(n);
            f.dma_coherent = coherent;
            static_cast<void>(core->add_instance(driver, f));
        }
    }
    std::unique_ptr<sw::caller> make(const char* name, const sw::caller_options& options = {}) {
        return sw::caller_named(name)->make({*core}, options);
    }
};

} // namespace iommulab::harness
