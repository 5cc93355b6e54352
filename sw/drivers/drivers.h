// SPDX-License-Identifier: Apache-2.0
// The drivers that there are.
#pragma once

#include "sw/iommu/driver.h"

#include <span>
#include <string_view>

namespace iommulab::sw {

/// All of them, in the order in which they are listed to readers.
std::span<const driver_description> drivers();
/// One more, kept elsewhere, before anything is made of the list. Throws std::invalid_argument for a name that is
/// taken.
void add_driver(const driver_description& description);
/// By name; null: none has it.
const driver_description* driver_named(std::string_view name);
/// By the model of the hardware; null: there is none for it.
const driver_description* driver_for_model(std::string_view model);

} // namespace iommulab::sw
