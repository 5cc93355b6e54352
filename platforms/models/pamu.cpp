// SPDX-License-Identifier: Apache-2.0
#include "models/pamu/pamu.h"

#include "platforms/model_registration.h"

namespace iommulab::platforms {

namespace {

constexpr model_text text{
    .name = "pamu",
    .title = "Freescale QorIQ PAMU",
    .recorded_name = "pamu",
    .models = "Primary entries by LIODN; windows of 4 KiB and more, subwindows with secondary entries; base "
              "and limit of the tables; access permission; window translation; operation mapping, immediate "
              "and through the OMT; caches of entries that snoop, and their enables; access violations with "
              "what they record; operation errors; ECC status; two interrupts; gate, enable and bypass.",
    .does_not = "Page tables behind windows, which PAMU 1.0 does not have; what stashing does to the caches "
                "of CPUs (it is counted); operations other than plain reads and writes; the debug registers' "
                "interrupts.",
    .source_id_bits = pamu::avs1::LIODN.width,
};

class pamu_registration final : public model_registration<pamu::pamu, pamu::pamu_parameters> {
  public:
    pamu_registration()
        : model_registration(text, pamu::parameter_table(), pamu::presets(), pamu::registers(),
                             pamu::register_space_bytes) {}

  private:
    void check_caches(const pamu::pamu_parameters& p) const override {
        check_cache("primary_cache", p.primary_cache);
        check_cache("secondary_cache", p.secondary_cache);
        check_cache("operation_cache", p.operation_cache);
    }
};

} // namespace

const iommu_model& pamu_model() {
    static const pamu_registration instance;
    return instance;
}

} // namespace iommulab::platforms
