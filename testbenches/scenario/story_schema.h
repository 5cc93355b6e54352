// SPDX-License-Identifier: Apache-2.0
// The YAML of a story.
#pragma once

#include "platforms/settings/schema.h"
#include "testbenches/scenario/story.h"

namespace iommulab::scenarios {

/// The keys of a story, and of the maps in it.
const settings::schema& story_schema();
/// A scenario's file that has operations is a story.
bool is_story(const settings::node& root);
/// Reads and checks a story. Throws input_error.
story read_story(const settings::node& root, const std::string& file);

/// What a story may use: the memory, and the part of it that the kernel keeps for itself.
inline constexpr std::uint64_t story_memory = 0x40000000, story_memory_bytes = 0x40000000;
inline constexpr std::uint64_t story_kernel_bytes = 0x20000000;
inline constexpr std::uint64_t story_buffers = story_memory + story_kernel_bytes;

} // namespace iommulab::scenarios
