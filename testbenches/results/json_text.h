// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/fwd.hpp>

#include <string>

namespace iommulab::results {

/// JSON for files that people open too: two blanks of indentation, short arrays and objects on one line, keys in the
/// order of insertion. A double has three decimals, or as many more as it takes to read the same one back, and no
/// exponent; one that is not finite is null. The same value gives the same text on every machine. Ends with a newline.
std::string to_text(const boost::json::value& value);

} // namespace iommulab::results
