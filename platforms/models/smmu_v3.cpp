// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/smmu_v3.h"

#include "platforms/model_registration.h"

namespace iommulab::platforms {

namespace {

constexpr model_text text{
    .name = "smmu_v3",
    .title = "Arm SMMUv3",
    .recorded_name = "smmuv3",
    .models = "Linear and two-level Stream tables; STE.Config abort, bypass, stage 1, stage 2, and both "
              "nested; linear and two-level context descriptors, SubstreamIDs, S1DSS; VMSAv8-64 tables with "
              "granules of 4, 16 and 64 KiB and all block sizes; HTTU; ASID, VMID and global TLB entries; "
              "configuration and walk caches; terminate and stall fault models; the Command queue with "
              "range invalidation; the Event queue with overflow; GERROR; wired interrupts and MSIs; GBPA.",
    .does_not = "Secure, Realm and root interfaces; AArch32 and big-endian tables; ATS and PRI traffic; BTM, "
                "ATOS, VMW, MPAM, ECMDQ, LPA2; merging of events; PMCG registers (the counters are named "
                "after their events).",
    .source_id_bits = smmu_v3::record::StreamID.width,
};

class smmu_v3_registration final : public model_registration<smmu_v3::smmu, smmu_v3::smmu_parameters> {
  public:
    smmu_v3_registration()
        : model_registration(text, smmu_v3::parameter_table(), smmu_v3::presets(), smmu_v3::registers(),
                             smmu_v3::register_space_bytes) {}

  private:
    [[nodiscard]] std::string complaint_about(const smmu_v3::smmu_parameters& p) const override {
        return smmu_v3::complaint_about(p.id);
    }
    void check_caches(const smmu_v3::smmu_parameters& p) const override {
        check_cache("configuration_cache", p.configuration_cache);
        check_cache("intermediate_cache", p.intermediate_cache);
        for (std::size_t level = 0; level < p.stage1_walk_cache.size(); ++level) {
            check_cache("stage1_walk_cache_level_" + std::to_string(level), p.stage1_walk_cache[level]);
            check_cache("stage2_walk_cache_level_" + std::to_string(level), p.stage2_walk_cache[level]);
        }
    }
    void take_reset_values(smmu_v3::smmu_parameters& p, const model_options& options) const override {
        for (const auto& [offset, value] : options.reset_values)
            for (const register_declaration& r : smmu_v3::registers())
                for (const auto& known : smmu_v3::parameter_table())
                    if (r.offset == offset && std::string_view(known.name) == r.name)
                        known.set(p, value);
    }
};

} // namespace

const iommu_model& smmu_v3_model() {
    static const smmu_v3_registration instance;
    return instance;
}

} // namespace iommulab::platforms
