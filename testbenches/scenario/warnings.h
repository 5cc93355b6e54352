// SPDX-License-Identifier: Apache-2.0
// What a scenario may say but hardly means.
#pragma once

#include "platforms/settings/schema.h"
#include "testbenches/scenario/scenario.h"

namespace iommulab::scenarios {

/// Settings that the scenario's mode, or another setting, makes meaningless.
void warn_of_ignored_settings(const settings::section& s, scenario& into);
/// Mappings to where no memory is, and traffic that no mapping or no memory covers.
void warn_of_addresses(scenario& into);

} // namespace iommulab::scenarios
