// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/vtd.h"

#include "platforms/iommu_model.h"

namespace iommulab::platforms {

namespace {

class vtd_registration final : public iommu_model {
  public:
    [[nodiscard]] const char* name() const override { return "vtd"; }
    [[nodiscard]] const char* title() const override { return "Intel VT-d"; }
    [[nodiscard]] const char* recorded_name() const override { return "intel-vtd"; }
    [[nodiscard]] std::string models() const override {
        return "Legacy mode with all translation types; scalable mode with PASID directories and tables, RID_PASID, "
               "first stage of 4 and 5 levels, second stage, nested and pass-through; second-stage tables of 3, 4 and "
               "5 "
               "levels; pages of 4 KiB, 2 MiB and 1 GiB; accessed and dirty bits; domain ids and PASIDs; context, "
               "PASID "
               "and paging-structure caches; invalidation by register and by queue, with drains, address mask and "
               "hint; wait descriptors; queue errors; fault recording registers with FPD, collapsing and overflow; "
               "fault and invalidation events; protected memory; the interrupt address range.";
    }
    [[nodiscard]] std::string does_not() const override {
        return "Interrupt remapping and posting (its registers are storage, its descriptors complete at once); device "
               "TLBs of their own and page requests; advanced fault logging; virtual and enhanced commands; caching of "
               "entries that are not present; memory types.";
    }
    [[nodiscard]] std::vector<model_parameter> parameters() const override {
        return describe_parameters<vtd::unit_parameters>(vtd::parameter_table());
    }
    [[nodiscard]] std::vector<preset> presets() const override {
        return {vtd::presets().begin(), vtd::presets().end()};
    }
    [[nodiscard]] std::span<const register_declaration> registers() const override { return vtd::registers(); }
    [[nodiscard]] std::uint64_t register_space_bytes() const override { return vtd::register_space_bytes; }

    void check(const model_options& options) const override {
        const vtd::unit_parameters p = parameters_of(options);
        if (const std::string complaint = vtd::complaint_about(p.id, p.host_address_bits); !complaint.empty())
            throw parameter_error(complaint);
        check_cache("micro_tlb", p.micro_tlb);
        check_cache("tlb", p.tlb);
        check_cache("context_cache", p.context_cache);
        check_cache("pasid_cache", p.pasid_cache);
        check_cache("nested_cache", p.nested_cache);
        for (unsigned n = 0; n < vtd::paging_cache_levels; ++n) {
            const std::string level = std::to_string(vtd_second_stage::most_levels - n);
            check_cache("first_stage_cache_level_" + level, p.first_stage_cache[n]);
            check_cache("second_stage_cache_level_" + level, p.second_stage_cache[n]);
        }
    }
    [[nodiscard]] std::unique_ptr<iommu> create(const char* instance, const model_options& options) const override {
        return std::make_unique<vtd::remapping_unit>(instance, parameters_of(options));
    }

  private:
    static vtd::unit_parameters parameters_of(const model_options& options) {
        auto p = configure<vtd::unit_parameters>(vtd::parameter_table(), vtd::presets(), options);
        // the identification registers are parameters, since the model does what they say
        if (const auto version = options.reset_values.find(vtd::reg::VER.offset); version != options.reset_values.end())
            p.id.VER = static_cast<std::uint32_t>(version->second);
        take_reset(options, vtd::reg::CAP, p.id.CAP);
        take_reset(options, vtd::reg::ECAP, p.id.ECAP);
        p.ports = options.ports;
        p.mode = options.mode;
        return p;
    }
    /// A register of 64 bits: whole at its offset, or in halves.
    static void take_reset(const model_options& options, const register_declaration& r, std::uint64_t& value) {
        const auto& values = options.reset_values;
        if (const auto low = values.find(r.offset); low != values.end()) {
            value = low->second;
            if (const auto high = values.find(r.offset + 4); high != values.end())
                value |= high->second << 32;
        }
    }
};

} // namespace

const iommu_model& vtd_model() {
    static const vtd_registration instance;
    return instance;
}

} // namespace iommulab::platforms
