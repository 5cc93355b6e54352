// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/amd_vi.h"

#include "platforms/model_registration.h"

namespace iommulab::platforms {

namespace {

constexpr model_text text{
    .name = "amd_vi",
    .title = "AMD I/O Virtualization (AMD-Vi)",
    .recorded_name = "amd-vi",
    .models = "The device table with every Mode, V, TV, IR, IW, IoCtl, IntCtl, SysMgt, EX, SE, SA, I; host "
              "page tables of one to six levels, NextLevel 0 and 7, skipped levels; guest tables of four "
              "and five levels by PASID, alone and nested; the exclusion range; special addresses; the "
              "command buffer and its errors; the event log and the PPR log with overflow; hardware event "
              "registers; completion stores and interrupts; caches of device table entries, page "
              "directories and translations.",
    .does_not = "Interrupt remapping and guest virtual APIC; accessed and dirty bits of host tables; SMI "
                "filter, MARC, device table segments, dual logs, PPR auto response, vIOMMU, SNP; traffic of "
                "device TLBs; snoop and coherency attributes; performance counters (the counters are there as "
                "statistics).",
    .source_id_bits = amd_vi::record::DeviceID.width,
};

class amd_vi_registration final : public model_registration<amd_vi::amd_iommu, amd_vi::amd_vi_parameters> {
  public:
    amd_vi_registration()
        : model_registration(text, amd_vi::parameter_table(), amd_vi::presets(), amd_vi::registers(),
                             amd_vi::register_space_bytes) {}

  private:
    [[nodiscard]] std::string complaint_about(const amd_vi::amd_vi_parameters& p) const override {
        return amd_vi::complaint_about(p.extended_feature);
    }
    void check_caches(const amd_vi::amd_vi_parameters& p) const override {
        check_cache("device_table_cache", p.device_table_cache);
        for (std::size_t n = 0; n < p.directory_cache.size(); ++n)
            check_cache("directory_cache_level_" + std::to_string(amd_v1::most_levels - n), p.directory_cache[n]);
        for (std::size_t n = 0; n < p.guest_directory_cache.size(); ++n)
            check_cache("guest_directory_cache_level_" + std::to_string(x86_64::most_levels - n),
                        p.guest_directory_cache[n]);
    }
    void take_reset_values(amd_vi::amd_vi_parameters& p, const model_options& options) const override {
        take_reset_value(options, amd_vi::reg::ExtendedFeature, p.extended_feature);
    }
};

} // namespace

const iommu_model& amd_vi_model() {
    static const amd_vi_registration instance;
    return instance;
}

} // namespace iommulab::platforms
