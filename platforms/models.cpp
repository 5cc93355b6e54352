// SPDX-License-Identifier: Apache-2.0
// The one list of IOMMUs.
#include "models/core/cache.h"
#include "platforms/iommu_model.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace iommulab::platforms {

const iommu_model& smmu_v3_model();
const iommu_model& vtd_model();
const iommu_model& amd_vi_model();
const iommu_model& gart_model();
const iommu_model& pamu_model();

namespace {

std::vector<const iommu_model*>& list() {
    static std::vector<const iommu_model*> all{
        &smmu_v3_model(), &vtd_model(), &amd_vi_model(), &gart_model(), &pamu_model(),
    };
    return all;
}

} // namespace

std::span<const iommu_model* const> iommu_models() {
    return list();
}

void add_iommu_model(const iommu_model& model) {
    for (const char* name : {model.name(), model.recorded_name()})
        if (find_iommu_model(name))
            throw std::invalid_argument("there is a model \"" + std::string(name) + "\" already");
    list().push_back(&model);
}

const iommu_model* find_iommu_model(std::string_view name) {
    for (const iommu_model* m : iommu_models())
        if (name == m->name() || name == m->recorded_name())
            return m;
    return nullptr;
}

void check_cache(const std::string& name, const cache_parameters& p) {
    try {
        set_associative_cache<char>{p};
    } catch (const std::invalid_argument& e) {
        throw parameter_error(name + ": " + e.what());
    }
}

} // namespace iommulab::platforms
