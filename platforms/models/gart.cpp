// SPDX-License-Identifier: Apache-2.0
#include "models/gart/gart.h"

#include "platforms/iommu_model.h"

namespace iommulab::platforms {

namespace {

class gart_registration final : public iommu_model {
  public:
    [[nodiscard]] const char* name() const override { return "gart"; }
    [[nodiscard]] const char* title() const override { return "Nvidia Tegra20 GART"; }
    [[nodiscard]] const char* recorded_name() const override { return "tegra-gart"; }
    [[nodiscard]] std::string models() const override {
        return "An aperture of 4 KiB pages with one entry each on chip, shared by all clients; accesses outside of it, "
               "which pass; translation off, and what it refuses; invalid entries; the memory controller's error "
               "registers and interrupt; a look-up of fixed time without TLB; posted register writes and the read that "
               "pushes them.";
    }
    [[nodiscard]] std::string does_not() const override {
        return "Arbitration, latency allowance, security carve-outs and clients' resets of the memory controller; "
               "rights, which entries do not have.";
    }
    [[nodiscard]] std::vector<model_parameter> parameters() const override {
        return describe_parameters<gart::gart_parameters>(gart::parameter_table());
    }
    [[nodiscard]] std::vector<preset> presets() const override {
        return {gart::presets().begin(), gart::presets().end()};
    }
    [[nodiscard]] std::span<const register_declaration> registers() const override { return gart::registers(); }
    [[nodiscard]] std::uint64_t register_space_bytes() const override { return gart::register_space_bytes; }

    void check(const model_options& options) const override {
        const gart::gart_parameters p = parameters_of(options);
        if (const std::string complaint = gart::complaint_about(p); !complaint.empty())
            throw parameter_error(complaint);
        check_cache("micro_tlb", p.micro_tlb);
        check_cache("tlb", p.tlb);
    }
    [[nodiscard]] std::unique_ptr<iommu> create(const char* instance, const model_options& options) const override {
        return std::make_unique<gart::gart>(instance, parameters_of(options));
    }

  private:
    static gart::gart_parameters parameters_of(const model_options& options) {
        auto p = configure<gart::gart_parameters>(gart::parameter_table(), gart::presets(), options);
        p.ports = options.ports;
        p.mode = options.mode;
        return p;
    }
};

} // namespace

const iommu_model& gart_model() {
    static const gart_registration instance;
    return instance;
}

} // namespace iommulab::platforms
