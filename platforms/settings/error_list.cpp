// SPDX-License-Identifier: Apache-2.0
#include "platforms/settings/error_list.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace iommulab::settings {

namespace {
constexpr std::size_t most_shown = 50;
}

input_errors::input_errors(std::vector<input_error> all) : input_error(all.front()), all_(std::move(all)) {
    for (std::size_t n = 0; n < std::min(all_.size(), most_shown); ++n)
        text_ += (n == 0 ? "" : "\n") + std::string(all_[n].what());
    if (all_.size() > most_shown)
        text_ += "\n... and " + std::to_string(all_.size() - most_shown) + " more";
}

void error_list::add(const input_error& e) {
    if (const auto* several = dynamic_cast<const input_errors*>(&e)) {
        for (const input_error& each : several->all())
            add(each);
        return;
    }
    const auto is_it = [&](const input_error& other) { return std::strcmp(other.what(), e.what()) == 0; };
    if (std::none_of(errors_.begin(), errors_.end(), is_it))
        errors_.push_back(e);
}

void error_list::raise() const {
    if (errors_.size() == 1)
        throw errors_.front();
    if (!errors_.empty())
        throw input_errors(errors_);
}

} // namespace iommulab::settings
