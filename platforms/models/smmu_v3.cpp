// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/smmu_v3.h"

#include "platforms/iommu_model.h"

namespace iommulab::platforms {

namespace {

class smmu_v3_registration final : public iommu_model {
  public:
    [[nodiscard]] const char* name() const override { return "smmu_v3"; }
    [[nodiscard]] const char* title() const override { return "Arm SMMUv3"; }
    [[nodiscard]] const char* recorded_name() const override { return "smmuv3"; }
    [[nodiscard]] std::string models() const override {
        return "Linear and two-level Stream tables; STE.Config abort, bypass, stage 1, stage 2, and both nested; "
               "linear and "
               "two-level context descriptors, SubstreamIDs, S1DSS; VMSAv8-64 tables with granules of 4, 16 and 64 KiB "
               "and all "
               "block sizes; HTTU; ASID, VMID and global TLB entries; configuration and walk caches; terminate and "
               "stall fault "
               "models; the Command queue with range invalidation; the Event queue with overflow; GERROR; wired "
               "interrupts and "
               "MSIs; GBPA.";
    }
    [[nodiscard]] std::string does_not() const override {
        return "Secure, Realm and root interfaces; AArch32 and big-endian tables; ATS and PRI traffic; BTM, ATOS, VMW, "
               "MPAM, "
               "ECMDQ, LPA2; merging of events; PMCG registers (the counters are named after their events).";
    }
    [[nodiscard]] std::vector<model_parameter> parameters() const override {
        return describe_parameters<smmu_v3::smmu_parameters>(smmu_v3::parameter_table());
    }
    [[nodiscard]] std::vector<preset> presets() const override {
        return {smmu_v3::presets().begin(), smmu_v3::presets().end()};
    }
    [[nodiscard]] std::span<const register_declaration> registers() const override { return smmu_v3::registers(); }
    [[nodiscard]] std::uint64_t register_space_bytes() const override { return smmu_v3::register_space_bytes; }

    void check(const model_options& options) const override {
        const smmu_v3::smmu_parameters p = parameters_of(options);
        if (const std::string complaint = smmu_v3::complaint_about(p.id); !complaint.empty())
            throw parameter_error(complaint);
        check_cache("micro_tlb", p.micro_tlb);
        check_cache("tlb", p.tlb);
        check_cache("configuration_cache", p.configuration_cache);
        check_cache("intermediate_cache", p.intermediate_cache);
        for (std::size_t level = 0; level < p.stage1_walk_cache.size(); ++level) {
            check_cache("stage1_walk_cache_level_" + std::to_string(level), p.stage1_walk_cache[level]);
            check_cache("stage2_walk_cache_level_" + std::to_string(level), p.stage2_walk_cache[level]);
        }
    }
    [[nodiscard]] std::unique_ptr<iommu> create(const char* instance, const model_options& options) const override {
        return std::make_unique<smmu_v3::smmu>(instance, parameters_of(options));
    }

  private:
    static smmu_v3::smmu_parameters parameters_of(const model_options& options) {
        auto p = configure<smmu_v3::smmu_parameters>(smmu_v3::parameter_table(), smmu_v3::presets(), options);
        // the identification registers are parameters, since the model does what they say
        for (const auto& [offset, value] : options.reset_values)
            for (const register_declaration& r : smmu_v3::registers())
                for (const auto& known : smmu_v3::parameter_table())
                    if (r.offset == offset && std::string_view(known.name) == r.name)
                        known.set(p, value);
        p.ports = options.ports;
        p.mode = options.mode;
        return p;
    }
};

} // namespace

const iommu_model& smmu_v3_model() {
    static const smmu_v3_registration instance;
    return instance;
}

} // namespace iommulab::platforms
