// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/bare_driver.h"

#include "sw/iommu/kernel.h"

#include <memory>
#include <vector>

namespace iommulab::errno_matrix {
namespace {

class bare_domain final : public sw::domain {
  public:
    using domain::domain;
    [[nodiscard]] bool offers_attach() const override { return type() != sw::domain_type::unmanaged; }
    sw::result<void> attach_dev(sw::device&) override { return {}; }
    [[nodiscard]] bool offers_mapping() const override { return false; }
    sw::map_result map_pages(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                             const sw::protection&) override {
        return {0, sw::error{sw::linux_errno::enodev}};
    }
    std::uint64_t unmap_pages(std::uint64_t, std::uint64_t, std::uint64_t, sw::iotlb_gather&) override { return 0; }
    std::uint64_t iova_to_phys(std::uint64_t) override { return 0; }
};

class driver final : public sw::iommu_driver {
  public:
    [[nodiscard]] const char* name() const override { return "bare"; }
    sw::result<sw::instance*> probe_instance(const sw::instance_firmware& firmware) override {
        instances_.push_back(std::make_unique<sw::instance>(*this, firmware));
        return instances_.back().get();
    }
    std::unique_ptr<sw::domain> allocate_domain(sw::domain_type type) override {
        return std::make_unique<bare_domain>(*this, type);
    }
    sw::result<void> probe_device(sw::device&, sw::instance&) override { return {}; }
    void release_device(sw::device&) override {}
    [[nodiscard]] std::optional<sw::domain_type> default_domain_type(const sw::device&) const override {
        return sw::domain_type::identity;
    }
    [[nodiscard]] bool offers_features() const override { return false; }

  private:
    std::vector<std::unique_ptr<sw::instance>> instances_;
};

} // namespace

sw::driver_description bare_driver() {
    sw::driver_description d{};
    d.name = "bare";
    d.model = "";
    d.make = [](sw::kernel&) -> std::unique_ptr<sw::iommu_driver> { return std::make_unique<driver>(); };
    return d;
}

} // namespace iommulab::errno_matrix
