// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/unmap_pairing.h"

#include "testbenches/conformance/map_witness.h"
#include "traces/number.h"

#include <algorithm>
#include <unordered_map>

namespace iommulab::conformance {

using kind = traces::map_event::kind;
using traces::hex;
using traces::map_event;

unmap_pairing::unmap_pairing(const std::vector<map_event>& events, const std::vector<std::size_t>& domain_of,
                             const std::vector<lifetime>& domains, const std::vector<snapshot_pages>& snapshots)
    : events_(events),
      domain_of_(domain_of),
      domains_(domains),
      snapshots_(snapshots),
      deadline_(events.size(), never),
      not_before_(events.size(), 0),
      taken_by_(events.size(), never),
      there_(domains.size()) {}

bool unmap_pairing::fail(std::size_t event, const std::string& text) {
    const map_event& e = events_[std::min(event, events_.size() - 1)];
    problem_ = "line " + std::to_string(e.line) + ": " + text;
    return false;
}

/// A mapping has to be gone when its domain maps one of its pages again.
void unmap_pairing::find_deadlines() {
    std::unordered_map<std::uint64_t, std::size_t> next; // (domain, page) to the next map of it
    for (std::size_t n = events_.size(); n-- > 0;) {
        const map_event& e = events_[n];
        if (e.what != kind::map) {
            continue;
        }
        for (std::uint64_t at = 0; at < e.size_bytes; at += witness_page_bytes) {
            // page numbers have 52 bits
            const std::uint64_t key = ((e.iova + at) >> witness_page_shift) | std::uint64_t{domain_of_[n]} << 52;
            const auto [place, first] = next.try_emplace(key, n);
            if (!first) {
                deadline_[n] = std::min(deadline_[n], place->second);
                place->second = n;
            }
        }
    }
}

void unmap_pairing::apply_snapshots() {
    for (const snapshot_pages& s : snapshots_) {
        for (std::size_t n = 0; n < s.position; ++n) {
            const map_event& e = events_[n];
            if (e.what != kind::map || deadline_[n] < s.position || !alive(domain_of_[n], s.position)) {
                continue;
            }
            const auto page = s.pages.find({domain_of_[n], e.iova >> witness_page_shift});
            if (page != s.pages.end() && page->second == e.pa >> witness_page_shift) {
                not_before_[n] = std::max(not_before_[n], s.position);
            } else {
                deadline_[n] = std::min(deadline_[n], s.position);
            }
        }
    }
}

/// The mappings of a domain that make up exactly the range; made in the order of their addresses.
std::optional<unmap_pairing::mappings> unmap_pairing::covering(std::size_t domain, std::uint64_t iova,
                                                               std::uint64_t bytes, std::size_t made_before) const {
    mappings found;
    for (std::uint64_t done = 0; done < bytes; done += events_[found.back()].size_bytes) {
        const auto at = there_[domain].find(iova + done);
        if (at == there_[domain].end() || at->second >= made_before || (!found.empty() && at->second < found.back()) ||
            events_[at->second].size_bytes > bytes - done) {
            return std::nullopt;
        }
        found.push_back(at->second);
    }
    return found;
}

std::vector<std::size_t> unmap_pairing::overlapping(std::size_t domain, std::uint64_t iova, std::uint64_t bytes) const {
    std::vector<std::size_t> found;
    const auto& maps = there_[domain];
    auto at = maps.upper_bound(iova);
    if (at != maps.begin()) {
        --at;
    }
    for (; at != maps.end() && (at->first <= iova || at->first - iova < bytes); ++at) {
        if (at->first >= iova || iova - at->first < events_[at->second].size_bytes) {
            found.push_back(at->second);
        }
    }
    return found;
}

bool unmap_pairing::may_go(const mappings& maps, std::size_t at) const {
    return std::all_of(maps.begin(), maps.end(), [&](std::size_t m) { return not_before_[m] <= at; });
}

void unmap_pairing::take(std::size_t unmap, std::size_t domain, mappings maps) {
    for (const std::size_t m : maps) {
        there_[domain].erase(events_[m].iova);
        taken_by_[m] = unmap;
    }
    taken_[unmap] = {domain, std::move(maps)};
}

void unmap_pairing::give_back(std::size_t unmap) {
    const auto node = taken_.extract(unmap);
    for (const std::size_t m : node.mapped().maps) {
        there_[node.mapped().domain][events_[m].iova] = m;
        taken_by_[m] = never;
    }
}

/// Another domain of which `unmap` can have been, with mappings that are still there.
std::optional<std::pair<std::size_t, unmap_pairing::mappings>>
unmap_pairing::another(std::size_t unmap, std::size_t not_domain, std::size_t now) const {
    const map_event& e = events_[unmap];
    for (std::size_t domain = 0; domain < domains_.size(); ++domain) {
        if (domain == not_domain || !alive(domain, now)) {
            continue;
        }
        auto maps = covering(domain, e.iova, e.unmapped_bytes, unmap);
        if (maps && may_go(*maps, unmap)) {
            return std::pair{domain, std::move(*maps)};
        }
    }
    return std::nullopt;
}

/// Gives earlier unmaps to other domains, so that `domain` has the range of this one.
bool unmap_pairing::exchange_to_cover(std::size_t domain, std::size_t unmap) {
    const map_event& e = events_[unmap];
    std::vector<std::pair<std::size_t, std::pair<std::size_t, mappings>>> plan;
    for (std::uint64_t done = 0; done < e.unmapped_bytes;) {
        const std::uint64_t iova = e.iova + done;
        const auto there = there_[domain].find(iova);
        if (there != there_[domain].end()) {
            done += events_[there->second].size_bytes;
            continue;
        }
        const auto last = last_at_.find({domain, iova});
        if (last == last_at_.end() || taken_by_[last->second] == never || deadline_[last->second] <= unmap ||
            !overlapping(domain, iova, events_[last->second].size_bytes).empty()) {
            return false;
        }
        auto other = another(taken_by_[last->second], domain, unmap);
        if (!other) {
            return false;
        }
        plan.emplace_back(taken_by_[last->second], std::move(*other));
        done += events_[last->second].size_bytes;
    }
    std::set<std::size_t> exchanged;
    for (auto& [earlier, other] : plan) {
        if (exchanged.insert(earlier).second) {
            give_back(earlier);
            take(earlier, other.first, std::move(other.second));
        }
    }
    return covering(domain, e.iova, e.unmapped_bytes, unmap).has_value();
}

bool unmap_pairing::on_map(std::size_t event) {
    const map_event& e = events_[event];
    const std::size_t domain = domain_of_[event];
    if (const auto over = overlapping(domain, e.iova, e.size_bytes); !over.empty()) {
        return fail(event, "a map of " + hex(e.iova) + ", which its domain has mapped since line " +
                               std::to_string(events_[over.front()].line));
    }
    there_[domain][e.iova] = event;
    last_at_[{domain, e.iova}] = event;
    return true;
}

bool unmap_pairing::on_unmap(std::size_t event) {
    const map_event& e = events_[event];
    std::size_t fitting = 0;
    std::optional<std::pair<std::size_t, mappings>> best;
    std::size_t soonest = never;
    const auto consider = [&](std::size_t domain) {
        auto maps = covering(domain, e.iova, e.unmapped_bytes, event);
        if (!alive(domain, event) || !maps) {
            return;
        }
        ++fitting;
        std::size_t due = never;
        for (const std::size_t m : *maps) {
            due = std::min(due, deadline_[m]);
        }
        if (may_go(*maps, event) && (!best || due < soonest)) {
            soonest = due;
            best = {domain, std::move(*maps)};
        }
    };
    for (std::size_t domain = 0; domain < domains_.size(); ++domain) {
        consider(domain);
    }
    for (std::size_t domain = 0; !best && domain < domains_.size(); ++domain) {
        if (alive(domain, event) && exchange_to_cover(domain, event)) {
            consider(domain);
        }
    }
    if (!best) {
        return fail(event, "an unmap of " + hex(e.iova) + ", " + std::to_string(e.unmapped_bytes) +
                               " bytes, which no domain " + (fitting != 0 ? "may lose yet" : "has mapped so"));
    }
    ambiguous_ += fitting > 1 ? 1 : 0;
    take(event, best->first, std::move(best->second));
    return true;
}

/// What a snapshot does not have has to be gone.
bool unmap_pairing::on_snapshot(std::size_t position) {
    for (std::size_t domain = 0; domain < domains_.size(); ++domain) {
        if (!alive(domain, position)) {
            continue;
        }
        for (const auto& [iova, map] : there_[domain]) {
            if (deadline_[map] <= position) {
                return fail(map, "a map of " + hex(iova) + ", which a snapshot does not have, and no unmap");
            }
        }
    }
    return true;
}

bool unmap_pairing::run() {
    find_deadlines();
    apply_snapshots();
    for (std::size_t n = 0; n <= events_.size(); ++n) {
        for (const snapshot_pages& s : snapshots_) {
            if (s.position == n && !on_snapshot(n)) {
                return false;
            }
        }
        if (n == events_.size()) {
            break;
        }
        const map_event& e = events_[n];
        if ((e.what == kind::map && !on_map(n)) || (e.what == kind::unmap && e.unmapped_bytes != 0 && !on_unmap(n))) {
            return false;
        }
    }
    return true;
}

} // namespace iommulab::conformance
