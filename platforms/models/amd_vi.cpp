// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/amd_vi.h"

#include "platforms/iommu_model.h"

namespace iommulab::platforms {

namespace {

class amd_vi_registration final : public iommu_model {
  public:
    [[nodiscard]] const char* name() const override { return "amd_vi"; }
    [[nodiscard]] const char* title() const override { return "AMD I/O Virtualization (AMD-Vi)"; }
    [[nodiscard]] const char* recorded_name() const override { return "amd-vi"; }
    [[nodiscard]] std::string models() const override {
        return "The device table with every Mode, V, TV, IR, IW, IoCtl, IntCtl, SysMgt, EX, SE, SA, I; host page "
               "tables of one to six levels, NextLevel 0 and 7, skipped levels; guest tables of four and five levels "
               "by "
               "PASID, alone and nested; the exclusion range; special "
               "addresses; the command buffer and its errors; the event log and the PPR log with overflow; hardware "
               "event registers; completion stores and interrupts; caches of device table entries, page directories "
               "and translations.";
    }
    [[nodiscard]] std::string does_not() const override {
        return "Interrupt remapping and guest virtual APIC; accessed and dirty bits of host tables; SMI filter, MARC, "
               "device table segments, dual logs, PPR auto response, vIOMMU, SNP; traffic of device TLBs; snoop and "
               "coherency attributes; performance counters (the counters are there as statistics).";
    }
    [[nodiscard]] std::vector<model_parameter> parameters() const override {
        return describe_parameters<amd_vi::amd_vi_parameters>(amd_vi::parameter_table());
    }
    [[nodiscard]] std::vector<preset> presets() const override {
        return {amd_vi::presets().begin(), amd_vi::presets().end()};
    }
    [[nodiscard]] std::span<const register_declaration> registers() const override { return amd_vi::registers(); }
    [[nodiscard]] std::uint64_t register_space_bytes() const override { return amd_vi::register_space_bytes; }

    void check(const model_options& options) const override {
        const amd_vi::amd_vi_parameters p = parameters_of(options);
        if (const std::string complaint = amd_vi::complaint_about(p.extended_feature); !complaint.empty())
            throw parameter_error(complaint);
        check_cache("micro_tlb", p.micro_tlb);
        check_cache("tlb", p.tlb);
        check_cache("device_table_cache", p.device_table_cache);
        for (std::size_t n = 0; n < p.directory_cache.size(); ++n)
            check_cache("directory_cache_level_" + std::to_string(amd_v1::most_levels - n), p.directory_cache[n]);
        for (std::size_t n = 0; n < p.guest_directory_cache.size(); ++n)
            check_cache("guest_directory_cache_level_" + std::to_string(x86_64::most_levels - n),
                        p.guest_directory_cache[n]);
    }
    [[nodiscard]] std::unique_ptr<iommu> create(const char* instance, const model_options& options) const override {
        return std::make_unique<amd_vi::amd_iommu>(instance, parameters_of(options));
    }

  private:
    static amd_vi::amd_vi_parameters parameters_of(const model_options& options) {
        auto p = configure<amd_vi::amd_vi_parameters>(amd_vi::parameter_table(), amd_vi::presets(), options);
        // the feature register is a parameter, since the model does what it says
        const std::uint64_t low = amd_vi::reg::ExtendedFeature.offset;
        if (const auto given = options.reset_values.find(low); given != options.reset_values.end()) {
            p.extended_feature = given->second;
            if (const auto high = options.reset_values.find(low + 4); high != options.reset_values.end())
                p.extended_feature |= high->second << 32;
        }
        p.ports = options.ports;
        p.mode = options.mode;
        return p;
    }
};

} // namespace

const iommu_model& amd_vi_model() {
    static const amd_vi_registration instance;
    return instance;
}

} // namespace iommulab::platforms
