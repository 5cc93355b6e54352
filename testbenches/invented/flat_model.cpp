// SPDX-License-Identifier: Apache-2.0
#include "testbenches/invented/flat_model.h"

#include "models/core/iommu_parameter_table.h"
#include "testbenches/invented/flat_iommu.h"

namespace iommulab::flat {

namespace {

using platforms::model_options;

std::span<const parameter<iommu_parameters>> parameter_table() {
    static const std::vector<parameter<iommu_parameters>> table = declare_iommu_parameters<iommu_parameters>();
    return table;
}

class flat_registration final : public platforms::iommu_model {
  public:
    [[nodiscard]] const char* name() const override { return "flat"; }
    [[nodiscard]] const char* title() const override { return "An invented IOMMU"; }
    [[nodiscard]] const char* recorded_name() const override { return "flat-recorded"; }
    [[nodiscard]] std::string models() const override { return "One level of tables, 4 KiB pages."; }
    [[nodiscard]] std::string does_not() const override { return "Anything else."; }
    [[nodiscard]] std::vector<platforms::model_parameter> parameters() const override {
        return platforms::describe_parameters<iommu_parameters>(parameter_table());
    }
    [[nodiscard]] std::vector<preset> presets() const override { return {}; }
    [[nodiscard]] std::span<const register_declaration> registers() const override { return flat::registers; }
    [[nodiscard]] std::uint64_t register_space_bytes() const override { return 0x1000; }
    void check(const model_options& options) const override {
        const iommu_parameters p = parameters_of(options);
        platforms::check_cache("micro_tlb", p.micro_tlb);
        platforms::check_cache("tlb", p.tlb);
    }
    [[nodiscard]] std::unique_ptr<iommu> create(const char* instance, const model_options& options) const override {
        return std::make_unique<flat_iommu>(instance, parameters_of(options));
    }

  private:
    static iommu_parameters parameters_of(const model_options& options) {
        auto p = platforms::configure<iommu_parameters>(parameter_table(), {}, options);
        p.ports = options.ports;
        p.mode = options.mode;
        return p;
    }
};

} // namespace

const platforms::iommu_model& model() {
    static const flat_registration instance;
    return instance;
}

} // namespace iommulab::flat
