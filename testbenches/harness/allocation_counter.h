// SPDX-License-Identifier: Apache-2.0
// Counts what a program takes from the heap. A program that calls it gets a counting operator new with it.
#pragma once

#include <cstddef>

namespace iommulab {

/// Calls of operator new so far, in all threads.
std::size_t heap_allocations();

} // namespace iommulab
