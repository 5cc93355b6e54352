// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/shared_spaces.h"

#include "platforms/settings/error_list.h"
#include "traces/number.h"

#include <algorithm>

namespace iommulab::scenarios {

using firmware::mapping;
using firmware::translation_kind;
using traces::hex;

namespace {

bool is_same(const mapping& a, const mapping& b) {
    return a.iova == b.iova && a.address == b.address && a.size_bytes == b.size_bytes && a.page_bytes == b.page_bytes &&
           a.read == b.read && a.write == b.write;
}

/// What `other` says of the space that `first` has, too.
void join(master_description& first, const master_description& other) {
    const std::string shared =
        "source " + hex(other.parameters.source_id) + ", which '" + other.name + "' shares with '" + first.name + "'";
    // a master without a word about translation takes what the others ask for
    if (!first.says_translation && first.maps.empty()) {
        first.says_translation = other.says_translation;
        first.translation = other.translation;
        first.granule_log2 = other.granule_log2;
        first.where.translation = other.where.translation;
    } else if (other.translation != first.translation && (other.says_translation || !other.maps.empty())) {
        other.where.translation.fail("another translation for " + shared, "one for both");
    } else if (other.granule_log2 != first.granule_log2 && !other.maps.empty()) {
        other.where.granule.fail("another granule for " + shared, "one for both");
    }
    if (first.levels != 0 && other.levels != 0 && first.levels != other.levels)
        other.where.levels.fail("other levels for " + shared, "as many for both");
    first.levels = std::max(first.levels, other.levels);
    for (std::size_t n = 0; n < other.maps.size(); ++n) {
        const mapping& m = other.maps[n];
        if (std::any_of(first.maps.begin(), first.maps.end(), [&](const mapping& mine) { return is_same(m, mine); }))
            continue;
        for (const mapping& mine : first.maps)
            if (overlap(m, mine))
                other.where.maps[n].first.fail("range " + range_text(m) + " of " + shared + ", which overlaps " +
                                                   range_text(mine),
                                               "the same map, or ranges that do not overlap");
        first.maps.push_back(m);
        first.where.maps.push_back(other.where.maps[n]);
    }
}

} // namespace

bool overlap(const mapping& a, const mapping& b) {
    return a.iova <= b.iova + (b.size_bytes - 1) && b.iova <= a.iova + (a.size_bytes - 1);
}

std::string range_text(const mapping& m) {
    return hex(m.iova) + " to " + hex(m.iova + m.size_bytes - 1);
}

bool same_space(const master_description& a, const master_description& b) {
    return !a.iommu.empty() && a.iommu == b.iommu && a.parameters.source_id == b.parameters.source_id &&
           a.parameters.pasid == b.parameters.pasid;
}

void share_spaces(std::vector<master_description>& masters) {
    settings::error_list errors;
    for (std::size_t n = 0; n < masters.size(); ++n) {
        const auto first =
            std::find_if(masters.begin(), masters.end(), [&](const auto& m) { return same_space(m, masters[n]); });
        if (first != masters.end() && &*first != &masters[n])
            errors.keep([&] { join(*first, masters[n]); });
    }
    errors.raise();
    for (std::size_t n = 0; n < masters.size(); ++n)
        for (std::size_t k = n + 1; k < masters.size(); ++k)
            if (same_space(masters[n], masters[k])) {
                masters[k].translation = masters[n].translation;
                masters[k].granule_log2 = masters[n].granule_log2;
                masters[k].levels = masters[n].levels;
                masters[k].maps = masters[n].maps;
                masters[k].where.maps = masters[n].where.maps;
            }
}

} // namespace iommulab::scenarios
