// SPDX-License-Identifier: Apache-2.0
// Standard output is an output like others: what could not be written is an error.
#pragma once

namespace iommulab::process {

/// Before anything is opened: a standard stream that is closed must not become a file's.
void open_standard_streams();
/// Throws input_error when not all could be written that was printed.
void finish_standard_output();

} // namespace iommulab::process
