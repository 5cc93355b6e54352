// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/map_history.h"

#include "testbenches/conformance/map_witness.h"
#include "testbenches/conformance/unmap_pairing.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace iommulab::conformance {

using kind = traces::map_event::kind;
using traces::map_event;

namespace {

/// More than any driver maps at one time; what says more is no trace.
constexpr std::uint64_t largest_mapping_bytes = std::uint64_t{1} << 32;
/// How late a witness may seem, by what clocks are known apart.
constexpr std::uint64_t clock_slack_ns = 1'000'000;
/// What marks.csv calls a mark that software wrote into the trace too.
constexpr std::string_view mark_prefix = "MARK ";
/// How far from its time a snapshot is looked for in the trace.
constexpr std::int64_t snapshot_reach_us = 100'000;

class history_reader {
  public:
    explicit history_reader(const traces::recording& record) : record_(record) {
        history_.path = record.file("map_trace.txt");
    }

    map_history read() {
        read_events();
        map_witnesses witnesses(record_, [this](std::uint32_t source) -> std::optional<unsigned> {
            const auto found = groups_.find(source);
            return found == groups_.end() ? std::nullopt : std::optional(found->second);
        });
        witnesses.tie_clocks(events_);
        for (const map_event& event : events_) {
            times_.push_back(witnesses.recorder_time_ns(event.time_us));
        }
        find_domains(witnesses);
        place_snapshots(witnesses);
        std::vector<unmap_pairing::lifetime> lifetimes;
        for (const std::size_t gone : gone_) {
            lifetimes.push_back({gone});
        }
        unmap_pairing pairing(events_, domain_of_, lifetimes, snapshots_);
        if (pairing.run()) {
            write_steps(pairing);
        } else {
            history_.problem = pairing.problem();
        }
        return std::move(history_);
    }

  private:
    void read_events() {
        traces::map_trace_reader reader(history_.path);
        std::map<std::uint32_t, std::size_t> attached; // first line
        for (map_event event; reader.next(event);) {
            if (event.what == kind::group) {
                groups_[event.device] = event.group;
            } else if (event.what == kind::attach) {
                attached.emplace(event.device, event.line);
            } else if (event.what == kind::map || event.what == kind::unmap) {
                check(event);
            }
            events_.push_back(std::move(event));
        }
        for (const auto& [device, line] : attached) {
            if (!groups_.contains(device)) {
                throw input_error(history_.path, line, 0, "device " + traces::hex(device) + ", which is in no group",
                                  "an add_device_to_group event of each device that is attached");
            }
            history_.devices.push_back({device, groups_[device]});
        }
        if (history_.devices.empty()) {
            throw input_error(history_.path, 0, 0, "no attach_device_to_domain event",
                              "a trace of the devices' IOMMU from the start of the kernel on");
        }
    }

    void check(const map_event& event) const {
        const bool whole =
            ((event.iova | event.size_bytes | event.pa | event.unmapped_bytes) % witness_page_bytes) == 0;
        if (!whole || event.size_bytes > largest_mapping_bytes || event.unmapped_bytes > largest_mapping_bytes) {
            throw input_error(history_.path, event.line, 0,
                              traces::hex(event.size_bytes) + " bytes at " + traces::hex(event.iova),
                              "whole pages of 4096 bytes, not more than 4 GiB");
        }
    }

    /// The domain that a group is on; its first when it has none yet: regions that firmware asks for are mapped before
    /// the first attach.
    std::size_t current(unsigned group) {
        const auto [place, first] = current_.try_emplace(group, history_.domains.size());
        if (first) {
            history_.domains.push_back(group);
            gone_.push_back(unmap_pairing::never);
        }
        return place->second;
    }

    void find_domains(const map_witnesses& witnesses) {
        domain_of_.assign(events_.size(), 0);
        permissions_.resize(events_.size());
        std::map<unsigned, std::set<std::uint32_t>> on; // devices of a group on its current domain
        std::optional<unsigned> last_group;
        for (std::size_t n = 0; n < events_.size(); ++n) {
            const map_event& event = events_[n];
            if (event.what == kind::attach) {
                const unsigned group = groups_.at(event.device);
                auto& devices = on[group];
                if (!devices.insert(event.device).second) { // once more: to another domain
                    gone_[current(group)] = n;
                    current_.erase(group);
                    devices = {event.device};
                }
                domain_of_[n] = current(group);
                last_group = last_group.value_or(group);
            } else if (event.what == kind::unmap) {
                for (std::uint64_t at = 0; at < event.unmapped_bytes; at += witness_page_bytes) {
                    last_unmap_[(event.iova + at) >> witness_page_shift] = n;
                }
            } else if (event.what == kind::map) {
                last_group = group_of(n, witnesses, last_group);
                domain_of_[n] = current(*last_group);
                find_permissions(n, *last_group, witnesses);
                for (std::uint64_t at = 0; at < event.size_bytes; at += witness_page_bytes) {
                    last_map_[{domain_of_[n], (event.iova + at) >> witness_page_shift}] = n;
                }
            }
        }
    }

    /// Of the witnesses, those from here on can be of this event.
    std::uint64_t not_before(std::size_t n) const { return times_[n] - std::min(times_[n], clock_slack_ns); }

    /// Whose mapping an event is: of the groups that have witnesses, one that can have it now, with the earliest one
    /// from now on.
    unsigned group_of(std::size_t n, const map_witnesses& witnesses, std::optional<unsigned> before) {
        const map_event& event = events_[n];
        const std::uint64_t from = not_before(n);
        std::map<unsigned, std::uint64_t> earliest; // by group; ~0: only earlier ones
        for (std::uint64_t at = 0; at < event.size_bytes; at += witness_page_bytes) {
            for (const map_witness& w : witnesses.of(event.iova + at, event.pa + at)) {
                auto& time = earliest.try_emplace(w.group, ~std::uint64_t{0}).first->second;
                time = std::min(time, w.time_ns >= from ? w.time_ns : ~std::uint64_t{0});
            }
        }
        if (earliest.empty()) {
            ++history_.unknown;
            return before.value_or(history_.devices.front().group);
        }
        std::optional<std::pair<std::pair<bool, std::uint64_t>, unsigned>> best;
        for (const auto& [group, time] : earliest) {
            const std::pair candidate{std::pair{!can_have(n, group), time}, group};
            if (!best || candidate < *best) {
                best = candidate;
            }
        }
        return best->second;
    }

    /// The group has been attached, and has not mapped this address without an unmap since that can have taken it away.
    bool can_have(std::size_t n, unsigned group) {
        if (!current_.contains(group)) {
            return false;
        }
        const std::uint64_t page = events_[n].iova >> witness_page_shift;
        const auto mapped = last_map_.find({current(group), page});
        const auto unmapped = last_unmap_.find(page);
        return mapped == last_map_.end() || (unmapped != last_unmap_.end() && unmapped->second > mapped->second);
    }

    void find_permissions(std::size_t n, unsigned group, const map_witnesses& witnesses) {
        const map_event& event = events_[n];
        const std::uint64_t from = not_before(n);
        const map_witness* best = nullptr;
        for (std::uint64_t at = 0; at < event.size_bytes; at += witness_page_bytes) {
            for (const map_witness& w : witnesses.of(event.iova + at, event.pa + at)) {
                const bool sooner =
                    best != nullptr && w.time_ns >= from && best->time_ns >= from && w.time_ns < best->time_ns;
                const bool later = best != nullptr && best->time_ns < from && w.time_ns > best->time_ns;
                if (w.group == group && w.permission_known && (best == nullptr || sooner || later)) {
                    best = &w;
                }
            }
        }
        permissions_[n] = best == nullptr ? std::pair{true, true} : std::pair{best->readable, best->writable};
        history_.from_tables += best != nullptr && best->from_tables ? 1 : 0;
    }

    void place_snapshots(const map_witnesses& witnesses) {
        for (std::size_t s = 0; s < record_.snapshots.size(); ++s) {
            const std::optional<std::size_t> position = position_of(record_.snapshots[s], witnesses);
            if (!position) {
                continue; // after the end of the trace
            }
            unmap_pairing::snapshot_pages pages;
            pages.position = *position;
            // the domain of each group at that time
            std::map<unsigned, std::size_t> domains;
            for (std::size_t d = 0; d < history_.domains.size(); ++d) {
                if (gone_[d] > *position) {
                    domains.try_emplace(history_.domains[d], d);
                }
            }
            for_each_leaf(record_.snapshots[s], [&](unsigned group, const traces::leaf_row& leaf) {
                for (std::uint64_t at = 0;
                     domains.contains(group) && at < std::min(leaf.size_bytes, largest_mapping_bytes);
                     at += witness_page_bytes) {
                    pages.pages[{domains[group], (leaf.iova + at) >> witness_page_shift}] =
                        (leaf.pa + at) >> witness_page_shift;
                }
            });
            snapshot_numbers_.push_back(s);
            snapshots_.push_back(std::move(pages));
        }
    }

    template <class Do>
    void for_each_leaf(const traces::snapshot& state, Do&& action) const {
        traces::leaves_reader leaves(state.file("leaves.csv"));
        for (traces::leaf_row leaf; leaves.next(leaf);) {
            const auto group = leaf.source_ids.empty() ? groups_.end() : groups_.find(leaf.source_ids.front());
            if (group != groups_.end()) {
                action(group->second, leaf);
            }
        }
    }

    /// Between which events a snapshot was taken. The clocks say it within milliseconds; of the places near, it is one
    /// where as many bytes are mapped as the snapshot has.
    std::optional<std::size_t> position_of(const traces::snapshot& state, const map_witnesses& witnesses) const {
        const auto [first, last, mark_distance_ns] = between_marks(state.time_ns);
        // The kernel's clock stands still while a snapshot is taken, so the clocks' distance only grows.
        std::int64_t distance_ns = mark_distance_ns;
        if (last > first) {
            distance_ns =
                std::min(distance_ns, witnesses.least_distance_ns(events_[first].time_us, events_[last - 1].time_us));
        }
        const std::int64_t time_us = (static_cast<std::int64_t>(state.time_ns) - distance_ns) / 1000;
        std::size_t by_time = first;
        while (by_time < last && static_cast<std::int64_t>(events_[by_time].time_us) <= time_us) {
            ++by_time;
        }
        if (by_time == events_.size()) {
            return std::nullopt;
        }
        if (std::any_of(gone_.begin(), gone_.end(), [&](std::size_t gone) { return gone <= by_time; })) {
            return by_time; // what went with a domain is not known yet
        }
        std::uint64_t wanted = 0;
        for_each_leaf(state, [&](unsigned, const traces::leaf_row& leaf) { wanted += leaf.size_bytes; });
        std::uint64_t mapped = 0;
        std::optional<std::size_t> nearest;
        const auto distance = [by_time = by_time](std::size_t n) { return n < by_time ? by_time - n : n - by_time; };
        for (std::size_t n = 0; n <= last && n < events_.size(); ++n) {
            const bool near =
                n >= first && std::abs(static_cast<std::int64_t>(events_[n].time_us) - time_us) <= snapshot_reach_us;
            if ((near || n == by_time) && mapped == wanted && (!nearest || distance(n) < distance(*nearest))) {
                nearest = n;
            }
            mapped += events_[n].what == kind::map ? events_[n].size_bytes : 0;
            mapped -= events_[n].unmapped_bytes;
        }
        return nearest.value_or(by_time);
    }

    /// The events between which a time on the recorder's clock lies: the first after the mark before it, and that of
    /// the mark after it. Marks are in the trace and, with the other clock, in marks.csv.
    struct stretch {
        std::size_t first = 0, last = 0;
        std::int64_t distance_ns = std::numeric_limits<std::int64_t>::max(); ///< of the clocks, at the mark before
    };
    stretch between_marks(std::uint64_t time_ns) const {
        stretch between{0, events_.size()};
        if (!record_.has_file("marks.csv")) {
            return between;
        }
        for (const traces::mark_row& row : traces::read_marks(record_.file("marks.csv"))) {
            const std::string_view text = row.mark;
            if (!text.starts_with(mark_prefix)) {
                continue;
            }
            const auto same = std::find_if(events_.begin() + static_cast<std::ptrdiff_t>(between.first), events_.end(),
                                           [&](const map_event& event) {
                                               return event.what == kind::mark &&
                                                      event.text.ends_with(text.substr(mark_prefix.size()));
                                           });
            if (same == events_.end()) {
                continue;
            }
            const auto n = static_cast<std::size_t>(same - events_.begin());
            if (row.time_ns > time_ns) {
                between.last = n;
                break;
            }
            between.first = n + 1;
            between.distance_ns = static_cast<std::int64_t>(row.time_ns - same->time_us * 1000);
        }
        return between;
    }

    void write_steps(const unmap_pairing& pairing) {
        for (std::size_t n = 0; n <= events_.size(); ++n) {
            for (std::size_t s = 0; s < snapshots_.size(); ++s) {
                if (snapshots_[s].position == n) {
                    mapping_step step;
                    step.what = mapping_step::kind::snapshot;
                    step.snapshot = snapshot_numbers_[s];
                    history_.steps.push_back(step);
                }
            }
            if (n < events_.size()) {
                write_step(n, pairing);
            }
        }
        history_.ambiguous = pairing.ambiguous();
    }

    void write_step(std::size_t n, const unmap_pairing& pairing) {
        const map_event& event = events_[n];
        mapping_step step;
        step.line = event.line;
        step.domain = domain_of_[n];
        step.device = event.device;
        step.iova = event.iova;
        step.size_bytes = event.size_bytes;
        if (event.what == kind::attach) {
            step.what = mapping_step::kind::attach;
        } else if (event.what == kind::map) {
            ++history_.maps;
            step.what = mapping_step::kind::map;
            step.pa = event.pa;
            step.readable = permissions_[n].first;
            step.writable = permissions_[n].second;
        } else if (event.what == kind::unmap && event.unmapped_bytes != 0) {
            ++history_.unmaps;
            const unmap_pairing::unmapped& taken = pairing.of(n);
            history_.several_maps += taken.maps.size() > 1 ? 1 : 0;
            step.what = mapping_step::kind::unmap;
            step.domain = taken.domain;
            step.unmapped_bytes = event.unmapped_bytes;
        } else {
            return;
        }
        history_.steps.push_back(step);
    }

    const traces::recording& record_;
    map_history history_;
    std::vector<map_event> events_;
    std::vector<std::uint64_t> times_;         // by event, on the recorder's clock
    std::map<std::uint32_t, unsigned> groups_; // by device
    std::map<unsigned, std::size_t> current_;  // domain, by group
    std::vector<std::size_t> gone_;            // by domain: the event with which its group got another
    std::vector<std::size_t> domain_of_;       // by event: of attaches and maps
    std::vector<std::pair<bool, bool>> permissions_;
    std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> last_map_; // by domain and page
    std::unordered_map<std::uint64_t, std::size_t> last_unmap_;             // by page
    std::vector<unmap_pairing::snapshot_pages> snapshots_;
    std::vector<std::size_t> snapshot_numbers_;
};

} // namespace

map_history read_map_history(const traces::recording& record) {
    return history_reader(record).read();
}

} // namespace iommulab::conformance
