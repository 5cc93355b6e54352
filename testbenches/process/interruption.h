// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM end a simulation, not the process: what there is by then is still said and written.
#pragma once

#include <stdexcept>

namespace iommulab::process {

/// From now on SIGINT and SIGTERM are remembered; a second one of a kind ends the process.
void catch_interruptions();
[[nodiscard]] bool interrupted();
/// The exit status that tells of the signal: 130, 143.
[[nodiscard]] int interruption_status();

/// Thrown where nothing can be said of what is half done.
class interruption : public std::runtime_error {
  public:
    interruption() : std::runtime_error("interrupted") {}
};

} // namespace iommulab::process
