// SPDX-License-Identifier: Apache-2.0
#include "testbenches/firmware/refusals.h"

#include "platforms/settings/settings_units.h"
#include "testbenches/firmware/firmware.h"
#include "traces/number.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace iommulab::firmware {

using settings::bytes_text;
using traces::hex;

namespace {

std::string text_of(const std::vector<refusal>& all) {
    std::string text;
    for (const refusal& r : all)
        text += (text.empty() ? "found " : "\nfound ") + r.found + ", expected " + r.expected;
    return text;
}

} // namespace

setup_error::setup_error(std::vector<refusal> all) : std::runtime_error(text_of(all)), all_(std::move(all)) {}

void refusals::add(std::size_t space, space_part part, std::string found, std::string expected, std::size_t map) {
    all_.push_back({space, part, map, std::move(found), std::move(expected)});
}

void refusals::add_map(std::size_t space, std::size_t map, const mapping& m, const std::string& why) {
    add(space, space_part::map, "a map of " + hex(m.iova) + " to " + hex(m.address) + ": " + why,
        "what the IOMMU's tables can hold", map);
}

bool refusals::add_page(std::size_t space, std::size_t map, const mapping& m, std::span<const std::uint64_t> sizes) {
    if (m.page_bytes == 0 || std::find(sizes.begin(), sizes.end(), m.page_bytes) != sizes.end())
        return false;
    std::string all;
    for (const std::uint64_t size : sizes)
        all += (all.empty() ? "" : ", ") + bytes_text(size);
    add(space, space_part::map, "pages of " + bytes_text(m.page_bytes) + " at " + hex(m.iova),
        "a page size of the IOMMU's tables: " + all, map);
    return true;
}

unsigned refusals::levels_for(std::size_t space, const address_space& a, unsigned usual_bits, unsigned index_bits,
                              unsigned least, unsigned usual, unsigned most) {
    if (a.levels != 0) {
        if (a.levels < least || a.levels > most)
            add(space, space_part::levels, std::to_string(a.levels) + " levels of tables",
                least == most ? std::to_string(most) : std::to_string(least) + " to " + std::to_string(most));
        return std::clamp(a.levels, least, most);
    }
    std::uint64_t last = 0;
    for (const mapping& m : a.maps)
        last = std::max(last, m.iova + (m.size_bytes - 1));
    unsigned levels = std::clamp(usual, least, most);
    while (levels<most&& static_cast<unsigned>(std::bit_width(last)) + usual * index_bits> usual_bits +
           levels * index_bits)
        ++levels;
    return levels;
}

bool refusals::about(std::size_t space) const {
    return std::any_of(all_.begin(), all_.end(), [&](const refusal& r) { return r.space == space; });
}

void refusals::raise() const {
    if (!all_.empty())
        throw setup_error(all_);
}

} // namespace iommulab::firmware
