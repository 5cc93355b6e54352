// SPDX-License-Identifier: Apache-2.0
// The YAML of a platform.
#pragma once

#include "platforms/iommu_model.h"
#include "platforms/platform_description.h"
#include "platforms/settings/schema.h"

#include <cstdint>
#include <map>
#include <string>

namespace iommulab::platforms {

/// The keys of a platform, and of the maps in it.
const settings::schema& platform_schema();
/// The keys of an IOMMU's `parameters`: the model's parameter table. The reference stays valid.
const settings::schema& parameters_schema(const iommu_model& model);

/// Names that are in use, with what they stand for: no two things in a simulation may share one.
class name_list {
  public:
    /// Throws input_error at `where` when the name is taken.
    void take(const std::string& name, const char* what, const settings::place& where);

  private:
    std::map<std::string, std::string> taken_;
};

/// Throws input_error at `where` when the bus of an IOMMU cannot carry `source_id`.
void check_source_id(const iommu_description& i, std::uint64_t source_id, const settings::place& where);

/// Reads and checks a platform. Throws input_error; `names` gets the names of its memories and IOMMUs.
platform_description read_platform(const settings::node& map, name_list& names);
/// The same from a file.
platform_description read_platform_file(const std::string& path);
/// Whether the file is one of a platform, and not of a scenario, which has another map around it.
bool is_platform_file(const std::string& path);

} // namespace iommulab::platforms
