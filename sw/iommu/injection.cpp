// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/injection.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace iommulab::sw {
namespace {

/// Levenshtein's distance, for "did you mean".
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t above = row[j + 1];
            row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

} // namespace

void injection_registry::declare(std::span<const injection_point> points) {
    for (const injection_point& point : points) {
        const auto [place, fresh] = points_.try_emplace(point.name, state{point, 0, 0, 0, std::nullopt});
        if (!fresh && std::string_view(place->second.declaration.text) != point.text)
            throw std::logic_error("injection point " + place->first + " is declared twice");
    }
}

const injection_point* injection_registry::find(std::string_view name) const {
    const auto place = points_.find(name);
    return place == points_.end() ? nullptr : &place->second.declaration;
}

std::vector<const injection_point*> injection_registry::points() const {
    std::vector<const injection_point*> all;
    for (const auto& [name, s] : points_)
        all.push_back(&s.declaration);
    return all;
}

const injection_registry::state& injection_registry::known(std::string_view name) const {
    const auto place = points_.find(name);
    if (place != points_.end())
        return place->second;
    std::string nearest;
    std::size_t best = ~std::size_t{0};
    for (const auto& [other, s] : points_)
        if (const std::size_t d = distance(name, other); d < best) {
            best = d;
            nearest = other;
        }
    throw std::invalid_argument("no injection point \"" + std::string(name) + "\"" +
                                (nearest.empty() ? "" : "; the nearest is \"" + nearest + "\""));
}

injection_registry::state& injection_registry::known(std::string_view name) {
    static_cast<void>(std::as_const(*this).known(name)); // throws for an unknown one
    return points_.find(name)->second;
}

void injection_registry::order(std::string_view name, const injection_order& o) {
    state& s = known(name);
    if (o.first == 0 || o.count == 0)
        throw std::invalid_argument("injection at \"" + std::string(name) +
                                    "\": occurrences count from 1, and at least one must fail");
    s.order = o;
    s.ordered_at = s.passed;
}

void injection_registry::cancel(std::string_view name) {
    known(name).order.reset();
}

void injection_registry::cancel_all() {
    for (auto& [name, s] : points_)
        s.order.reset();
}

std::optional<linux_errno> injection_registry::at(std::string_view name) {
    const auto place = points_.find(name);
    if (place == points_.end())
        throw std::logic_error("injection point " + std::string(name) + " is passed, but not declared");
    state& s = place->second;
    ++s.passed;
    if (!s.order || s.passed - s.ordered_at < s.order->first ||
        s.passed - s.ordered_at - s.order->first >= s.order->count)
        return std::nullopt;
    ++s.failed;
    return s.order->number == linux_errno::none ? s.declaration.number : s.order->number;
}

std::uint64_t injection_registry::passed(std::string_view name) const {
    return known(name).passed;
}
std::uint64_t injection_registry::failed(std::string_view name) const {
    return known(name).failed;
}

} // namespace iommulab::sw
