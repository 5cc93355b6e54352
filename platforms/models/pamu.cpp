// SPDX-License-Identifier: Apache-2.0
#include "models/pamu/pamu.h"

#include "platforms/iommu_model.h"

namespace iommulab::platforms {

namespace {

class pamu_registration final : public iommu_model {
  public:
    [[nodiscard]] const char* name() const override { return "pamu"; }
    [[nodiscard]] const char* title() const override { return "Freescale QorIQ PAMU"; }
    [[nodiscard]] const char* recorded_name() const override { return "pamu"; }
    [[nodiscard]] std::string models() const override {
        return "Primary entries by LIODN; windows of 4 KiB and more, subwindows with secondary entries; base and limit "
               "of the tables; access permission; window translation; operation mapping, immediate and through the "
               "OMT; "
               "caches of entries that snoop, and their enables; access violations with what they record; operation "
               "errors; ECC status; two interrupts; gate, enable and bypass.";
    }
    [[nodiscard]] std::string does_not() const override {
        return "Page tables behind windows, which PAMU 1.0 does not have; what stashing does to the caches of CPUs (it "
               "is counted); operations other than plain reads and writes; the debug registers' interrupts.";
    }
    [[nodiscard]] std::vector<model_parameter> parameters() const override {
        return describe_parameters<pamu::pamu_parameters>(pamu::parameter_table());
    }
    [[nodiscard]] std::vector<preset> presets() const override {
        return {pamu::presets().begin(), pamu::presets().end()};
    }
    [[nodiscard]] std::span<const register_declaration> registers() const override { return pamu::registers(); }
    [[nodiscard]] std::uint64_t register_space_bytes() const override { return pamu::register_space_bytes; }

    void check(const model_options& options) const override {
        const pamu::pamu_parameters p = parameters_of(options);
        check_cache("micro_tlb", p.micro_tlb);
        check_cache("tlb", p.tlb);
        check_cache("primary_cache", p.primary_cache);
        check_cache("secondary_cache", p.secondary_cache);
        check_cache("operation_cache", p.operation_cache);
    }
    [[nodiscard]] std::unique_ptr<iommu> create(const char* instance, const model_options& options) const override {
        return std::make_unique<pamu::pamu>(instance, parameters_of(options));
    }

  private:
    static pamu::pamu_parameters parameters_of(const model_options& options) {
        auto p = configure<pamu::pamu_parameters>(pamu::parameter_table(), pamu::presets(), options);
        p.ports = options.ports;
        p.mode = options.mode;
        return p;
    }
};

} // namespace

const iommu_model& pamu_model() {
    static const pamu_registration instance;
    return instance;
}

} // namespace iommulab::platforms
