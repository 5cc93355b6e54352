// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace iommulab::cli {

/// `iommulab models [NAME] --format text|json`: prints what the models' declarations say. Returns the exit status.
int show_models(const std::string& name, bool json);

} // namespace iommulab::cli
