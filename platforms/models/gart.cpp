// SPDX-License-Identifier: Apache-2.0
#include "models/gart/gart.h"

#include "platforms/model_registration.h"

namespace iommulab::platforms {

namespace {

constexpr model_text text{
    .name = "gart",
    .title = "Nvidia Tegra20 GART",
    .recorded_name = "tegra-gart",
    .models = "An aperture of 4 KiB pages with one entry each on chip, shared by all clients; accesses "
              "outside of it, which pass; translation off, and what it refuses; invalid entries; the memory "
              "controller's error registers and interrupt; a look-up of fixed time without TLB; posted "
              "register writes and the read that pushes them.",
    .does_not = "Arbitration, latency allowance, security carve-outs and clients' resets of the memory "
                "controller; rights, which entries do not have.",
    .source_id_bits = gart::gart_error::CLIENT_ID.width,
};

class gart_registration final : public model_registration<gart::gart, gart::gart_parameters> {
  public:
    gart_registration()
        : model_registration(text, gart::parameter_table(), gart::presets(), gart::registers(),
                             gart::register_space_bytes) {}

  private:
    [[nodiscard]] std::string complaint_about(const gart::gart_parameters& p) const override {
        return gart::complaint_about(p);
    }
};

} // namespace

const iommu_model& gart_model() {
    static const gart_registration instance;
    return instance;
}

} // namespace iommulab::platforms
