// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace iommulab::cli {

/// What the models' declarations say, as text, json or markdown: of one, or a line of each. Throws
/// std::invalid_argument for an unknown one.
std::string models_text(const std::string& name, const std::string& format);

} // namespace iommulab::cli
