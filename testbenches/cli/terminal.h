// SPDX-License-Identifier: Apache-2.0
// What the terminal can show.
#pragma once

namespace iommulab::cli {

/// Columns of standard output when it is a terminal, else 100.
unsigned columns();
/// Whether the locale's characters are UTF-8.
bool has_unicode();

} // namespace iommulab::cli
