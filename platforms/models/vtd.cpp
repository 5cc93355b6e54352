// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/vtd.h"

#include "platforms/model_registration.h"

namespace iommulab::platforms {

namespace {

constexpr model_text text{
    .name = "vtd",
    .title = "Intel VT-d",
    .recorded_name = "intel-vtd",
    .models = "Legacy mode with all translation types; scalable mode with PASID directories and tables, "
              "RID_PASID, first stage of 4 and 5 levels, second stage, nested and pass-through; "
              "second-stage tables of 3, 4 and 5 levels; pages of 4 KiB, 2 MiB and 1 GiB; accessed and "
              "dirty bits; domain ids and PASIDs; context, PASID and paging-structure caches; invalidation "
              "by register and by queue, with drains, address mask and hint; wait descriptors; queue "
              "errors; fault recording registers with FPD, collapsing and overflow; fault and invalidation "
              "events; protected memory; the interrupt address range.",
    .does_not = "Interrupt remapping and posting (its registers are storage, its descriptors complete at "
                "once); device TLBs of their own and page requests; advanced fault logging; virtual and "
                "enhanced commands; caching of entries that are not present; memory types.",
    .source_id_bits = vtd::fault_record::SID.width,
};

class vtd_registration final : public model_registration<vtd::remapping_unit, vtd::unit_parameters> {
  public:
    vtd_registration()
        : model_registration(text, vtd::parameter_table(), vtd::presets(), vtd::registers(),
                             vtd::register_space_bytes) {}

  private:
    [[nodiscard]] std::string complaint_about(const vtd::unit_parameters& p) const override {
        return vtd::complaint_about(p.id, p.host_address_bits);
    }
    void check_caches(const vtd::unit_parameters& p) const override {
        check_cache("context_cache", p.context_cache);
        check_cache("pasid_cache", p.pasid_cache);
        check_cache("nested_cache", p.nested_cache);
        for (unsigned n = 0; n < vtd::paging_cache_levels; ++n) {
            const std::string level = std::to_string(vtd_second_stage::most_levels - n);
            check_cache("first_stage_cache_level_" + level, p.first_stage_cache[n]);
            check_cache("second_stage_cache_level_" + level, p.second_stage_cache[n]);
        }
    }
    void take_reset_values(vtd::unit_parameters& p, const model_options& options) const override {
        if (const auto version = options.reset_values.find(vtd::reg::VER.offset); version != options.reset_values.end())
            p.id.VER = static_cast<std::uint32_t>(version->second);
        take_reset_value(options, vtd::reg::CAP, p.id.CAP);
        take_reset_value(options, vtd::reg::ECAP, p.id.ECAP);
        p.doorbell = options.doorbell;
    }
};

} // namespace

const iommu_model& vtd_model() {
    static const vtd_registration instance;
    return instance;
}

} // namespace iommulab::platforms
