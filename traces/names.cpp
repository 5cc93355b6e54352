// SPDX-License-Identifier: Apache-2.0
#include "traces/names.h"

#include "traces/input_error.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace iommulab {

namespace {

constexpr std::size_t longest_name = 100; // of a wrong one that is worth comparing
constexpr std::size_t shortest_part = 3;  // of a name, by which it is known
constexpr std::size_t most_listed = 8;    // names beside the nearest

/// The optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
    for (std::size_t c = 0; c <= b.size(); ++c)
        last[c] = c;
    for (std::size_t r = 1; r <= a.size(); ++r) {
        now[0] = r;
        for (std::size_t c = 1; c <= b.size(); ++c) {
            const bool same = a[r - 1] == b[c - 1];
            now[c] = std::min({last[c] + 1, now[c - 1] + 1, last[c - 1] + (same ? 0 : 1)});
            if (r > 1 && c > 1 && a[r - 1] == b[c - 2] && a[r - 2] == b[c - 1])
                now[c] = std::min(now[c], before[c - 2] + 1);
        }
        before.swap(last);
        last.swap(now);
    }
    return last[b.size()];
}

std::string listed(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& n : names)
        all += (all.empty() ? "" : ", ") + n;
    return all;
}

bool is_called(const std::string& name, const std::string& wanted) {
    return name == wanted ||
           (name.size() > wanted.size() && name.ends_with(wanted) && name[name.size() - wanted.size() - 1] == '/');
}

} // namespace

std::string nearest(std::string_view wrong, const std::vector<std::string>& names) {
    if (wrong.size() > longest_name)
        return {};
    std::string best;
    std::size_t best_distance = std::numeric_limits<std::size_t>::max();
    for (const std::string& name : names)
        if (const std::size_t d = distance(wrong, name); d < best_distance) {
            best_distance = d;
            best = name;
        }
    if (best_distance * 2 <= std::max<std::size_t>(wrong.size(), 2))
        return best;
    // a part of a single name: "smmu"
    const auto has_it = [&](const std::string& name) { return name.find(wrong) != std::string::npos; };
    if (wrong.size() >= shortest_part && std::ranges::count_if(names, has_it) == 1)
        return *std::ranges::find_if(names, has_it);
    return {};
}

std::string one_of(std::string_view wrong, const std::vector<std::string>& names) {
    if (names.empty())
        return "none, as there are none";
    const std::string near = names.size() == 1 ? names.front() : nearest(wrong, names);
    if (near.empty())
        return "one of " + listed(names);
    return quoted(near) + (names.size() > 1 && names.size() <= most_listed ? " (one of " + listed(names) + ")" : "");
}

std::vector<bool> chosen(const std::vector<std::string>& names, const std::vector<std::string>& wanted,
                         const std::string& option) {
    std::vector<bool> all(names.size(), wanted.empty());
    for (const std::string& name : wanted) {
        const bool exact = std::ranges::any_of(names, [&](const auto& n) { return is_called(n, name); });
        bool any = false;
        for (std::size_t n = 0; n < names.size(); ++n)
            if (exact ? is_called(names[n], name) : names[n].find(name) != std::string::npos)
                all[n] = any = true;
        if (any && !name.empty())
            continue;
        std::vector<std::string> callable = names;
        for (const std::string& n : names)
            if (const std::size_t slash = n.rfind('/'); slash != std::string::npos)
                callable.push_back(n.substr(slash + 1));
        const std::string near = nearest(name, callable);
        throw std::invalid_argument(option + ": found " + quoted(name) + ", expected " +
                                    (!near.empty() || names.size() > most_listed
                                         ? (near.empty() ? "a name, or a part of one" : quoted(near))
                                         : one_of(name, names)));
    }
    return all;
}

} // namespace iommulab
