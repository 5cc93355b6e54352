// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/maps_replay.h"

#include "testbenches/conformance/map_witness.h"
#include "testbenches/conformance/memory_tag.h"
#include "testbenches/results/figures.h"
#include "traces/number.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::conformance {

using results::count_text;
using results::counted;
using traces::hex;

namespace {

/// Of the maps, one in so many is used by its device at once, and tried again after its unmap.
constexpr std::uint64_t one_used_of = 16;
/// At a snapshot and at the end so many mappings are used, and so many pages that are not mapped any more are tried.
constexpr std::size_t used_at_rest = 128, tried_at_rest = 32;
/// Size of an access: a cache line.
constexpr std::uint64_t access_bytes = 64;

std::string text_of(const mapped_page& page) {
    return hex(page.iova) + " -> " + hex(page.pa) + ", " + std::to_string(page.size_bytes) + " bytes, " +
           (page.readable ? "r" : "") + (page.writable ? "w" : "");
}

class maps_run {
  public:
    maps_run(mapping_machine& target, const traces::recording& record, const map_history& history,
             const maps_options& options)
        : target_(target), record_(record), history_(history), options_(options), domains_(history.domains.size()) {}

    case_result run() {
        if (!history_.problem.empty()) {
            fail(history_.path + ": " + history_.problem);
        } else {
            try {
                target_.run([this] { replay(); });
            } catch (const std::runtime_error& error) {
                fail(error.what());
            }
        }
        summarise();
        return std::move(result_);
    }

  private:
    /// What a domain should have, by address; and which pages it ever had.
    struct domain_state {
        std::map<std::uint64_t, mapped_page> mapped;
        std::set<std::uint64_t> touched;
        std::set<std::uint64_t> used; ///< mappings that a device has used
        bool made = false, attached = false;
    };

    void fail(const std::string& text) { result_.fail(text); }

    static std::string where(const mapping_step& step) { return "map_trace line " + std::to_string(step.line); }

    void replay() {
        for (const mapping_step& step : history_.steps) {
            try {
                make(step);
            } catch (const std::runtime_error& error) {
                fail(where(step) + ": " + error.what());
                return; // from here on nothing can be as recorded
            }
            if (options_.progress && ++done_ % 256 == 0) {
                options_.progress(done_, history_.steps.size());
            }
        }
        for (std::size_t d = 0; d < domains_.size(); ++d) {
            if (domains_[d].attached) {
                check_pages(d);
            }
        }
        use_at_rest();
    }

    void make(const mapping_step& step) {
        domain_state& domain = domains_[step.domain];
        if (step.what != mapping_step::kind::snapshot && !domain.made) {
            domain.made = true;
            target_.make_domain(step.domain, history_.domains[step.domain]);
        }
        switch (step.what) {
        case mapping_step::kind::attach:
            if (!domain.attached) {
                for (std::size_t other = 0; other < domains_.size(); ++other) {
                    domains_[other].attached &= history_.domains[other] != history_.domains[step.domain];
                }
                domain.attached = true;
                target_.attach(step.domain);
                ++attaches_;
            }
            break;
        case mapping_step::kind::map:
            map(step, domain);
            break;
        case mapping_step::kind::unmap:
            unmap(step, domain);
            break;
        case mapping_step::kind::snapshot:
            compare(record_.snapshots[step.snapshot]);
            use_at_rest();
            break;
        }
    }

    void map(const mapping_step& step, domain_state& domain) {
        const mapped_page whole{step.iova, step.size_bytes, step.pa, step.readable, step.writable};
        target_.map(step.domain, whole);
        for (std::uint64_t at = 0; at < step.size_bytes; at += witness_page_bytes) {
            domain.touched.insert(step.iova + at);
        }
        domain.mapped[step.iova] = whole;
        if (options_.accesses && domain.attached && ++mapped_ % one_used_of == 0) {
            use(step.domain, whole, where(step));
            domain.used.insert(step.iova);
        }
    }

    void unmap(const mapping_step& step, domain_state& domain) {
        const std::uint64_t bytes = target_.unmap(step.domain, step.iova, step.size_bytes);
        if (bytes != step.unmapped_bytes) {
            fail(where(step) + ": found " + std::to_string(bytes) + " bytes unmapped from " + hex(step.iova) +
                 ", expected " + std::to_string(step.unmapped_bytes));
        }
        for (std::uint64_t at = step.iova; at - step.iova < step.unmapped_bytes;) {
            const mapped_page gone = domain.mapped.at(at);
            domain.mapped.erase(at);
            if (domain.used.erase(at) != 0) {
                try_unmapped(step.domain, gone.iova, where(step));
            }
            at += gone.size_bytes;
        }
    }

    std::uint32_t device_of(std::size_t domain) const {
        for (const map_history::device& device : history_.devices) {
            if (device.group == history_.domains[domain]) {
                return device.source_id;
            }
        }
        throw std::logic_error("a domain of a group without devices");
    }

    /// The device reads and writes at the start, in the middle and at the end in turn.
    void use(std::size_t domain, const mapped_page& page, const std::string& at) {
        const std::uint64_t places[] = {0, page.size_bytes / 2, page.size_bytes - access_bytes};
        const std::uint64_t offset = places[used_ % 3];
        const std::uint64_t iova = page.iova + offset, pa = page.pa + offset;
        std::vector<std::uint8_t> tag = memory_tag(pa, access_bytes);
        if (!target_.memory(true, pa, tag)) {
            return; // a doorbell: there is no memory
        }
        ++used_;
        const std::string who = at + ": device " + hex(device_of(domain)) + ", ";
        std::vector<std::uint8_t> data(access_bytes);
        const bool read = target_.dma(device_of(domain), false, iova, data);
        if (read != page.readable || (read && data != tag)) {
            fail(who + "a read of " + hex(iova) +
                 (read ? " gives other data than " + hex(pa) + " has" : " is refused"));
        }
        data = memory_tag(~pa, access_bytes);
        const std::vector<std::uint8_t> sent = data;
        const bool written = target_.dma(device_of(domain), true, iova, data);
        std::vector<std::uint8_t> found(access_bytes);
        target_.memory(false, pa, found);
        if (written != page.writable || found != (page.writable ? sent : tag)) {
            fail(who + "a write of " + hex(iova) +
                 (written ? page.writable ? " does not reach " + hex(pa) : " is not refused" : " is refused"));
        }
    }

    void try_unmapped(std::size_t domain, std::uint64_t iova, const std::string& at) {
        ++tried_;
        std::vector<std::uint8_t> data(access_bytes);
        if (target_.dma(device_of(domain), false, iova, data)) {
            fail(at + ": device " + hex(device_of(domain)) + " reaches " + hex(iova) +
                 ", which is not mapped any more");
        }
    }

    /// Mappings from all over each domain, and pages that it has no more.
    void use_at_rest() {
        if (!options_.accesses) {
            return;
        }
        for (std::size_t d = 0; d < domains_.size(); ++d) {
            const domain_state& domain = domains_[d];
            if (!domain.attached) {
                continue;
            }
            std::size_t n = 0;
            const std::size_t use_each = domain.mapped.size() / used_at_rest + 1;
            for (const auto& [iova, page] : domain.mapped) {
                if (n++ % use_each == 0) {
                    use(d, page, "at rest");
                }
            }
            std::vector<std::uint64_t> gone;
            for (const std::uint64_t iova : domain.touched) {
                if (!expected_at(domain, iova)) {
                    gone.push_back(iova);
                }
            }
            for (std::size_t at = 0; at < gone.size(); at += gone.size() / tried_at_rest + 1) {
                try_unmapped(d, gone[at], "at rest");
            }
        }
    }

    static const mapped_page* expected_at(const domain_state& domain, std::uint64_t iova) {
        auto at = domain.mapped.upper_bound(iova);
        if (at == domain.mapped.begin()) {
            return nullptr;
        }
        --at;
        return iova - at->first < at->second.size_bytes ? &at->second : nullptr;
    }

    /// All leaf entries that the hardware finds at the pages that a group's domain ever had, by address.
    std::map<std::uint64_t, mapped_page> leaves_of(std::size_t domain) {
        std::map<std::uint64_t, mapped_page> leaves;
        for (const std::uint64_t iova : domains_[domain].touched) {
            const auto before = leaves.empty() ? leaves.end() : std::prev(leaves.end());
            if (before != leaves.end() && iova - before->first < before->second.size_bytes) {
                continue; // the same entry
            }
            if (const auto page = target_.look(device_of(domain), iova)) {
                leaves[page->iova] = *page;
            }
        }
        return leaves;
    }

    /// The hardware's leaf entries against those of Linux's tables.
    void compare(const traces::snapshot& state) {
        std::map<unsigned, std::map<std::uint64_t, mapped_page>> recorded; // by group
        traces::leaves_reader rows(state.file("leaves.csv"));
        for (traces::leaf_row row; rows.next(row);) {
            for (const map_history::device& device : history_.devices) {
                if (!row.source_ids.empty() && device.source_id == row.source_ids.front()) {
                    recorded[device.group][row.iova] = {row.iova, row.size_bytes, row.pa, row.readable, row.writable};
                }
            }
        }
        std::uint64_t count = 0;
        for (std::size_t d = 0; d < domains_.size(); ++d) {
            if (!domains_[d].attached) {
                continue;
            }
            const auto& expected = recorded[history_.domains[d]];
            const auto found = leaves_of(d);
            const std::string at = state.name + ", device " + hex(device_of(d)) + ": ";
            for (const auto& [iova, page] : expected) {
                const auto there = found.find(iova);
                if (there == found.end()) {
                    fail(at + "found nothing, expected " + text_of(page));
                } else if (!(there->second == page)) {
                    fail(at + "found " + text_of(there->second) + ", expected " + text_of(page));
                }
                ++count;
            }
            for (const auto& [iova, page] : found) {
                if (!expected.contains(iova)) {
                    fail(at + "found " + text_of(page) + ", which Linux had not");
                }
            }
            recorded.erase(history_.domains[d]);
        }
        for (const auto& [group, pages] : recorded) {
            if (!pages.empty()) {
                fail(state.name + ": no domain of group " + std::to_string(group) + ", expected " +
                     text_of(pages.begin()->second));
            }
        }
        result_.checks += count;
        compared_ += (compared_.empty() ? "" : ", ") + state.name + " " + std::to_string(count);
    }

    /// Every page that was ever mapped is as its last event left it.
    void check_pages(std::size_t d) {
        const domain_state& domain = domains_[d];
        for (const std::uint64_t iova : domain.touched) {
            const mapped_page* const expected = expected_at(domain, iova);
            const auto found = target_.look(device_of(d), iova);
            ++result_.checks;
            ++pages_at_end_;
            if (found.has_value() != (expected != nullptr)) {
                fail("at the end, device " + hex(device_of(d)) + ": found " + (found ? text_of(*found) : "nothing") +
                     " at " + hex(iova) + ", expected " + (expected != nullptr ? text_of(*expected) : "nothing"));
            } else if (found && (found->pa + (iova - found->iova) != expected->pa + (iova - expected->iova) ||
                                 found->readable != expected->readable || found->writable != expected->writable)) {
                fail("at the end, device " + hex(device_of(d)) + ": found " + text_of(*found) + ", expected " +
                     text_of(*expected));
            }
        }
    }

    void summarise() {
        result_.summary =
            target_.name() + ": " + counted(history_.maps, "map") + " and " + counted(history_.unmaps, "unmap") + " (" +
            count_text(history_.several_maps) + " of several maps) in " + counted(history_.domains.size(), "domain") +
            ", " + counted(attaches_, "attach") +
            "; leaf entries as Linux had them: " + (compared_.empty() ? "no snapshot in the trace" : compared_) + "; " +
            counted(pages_at_end_, "page") + " looked at in the end; " + counted(used_, "mapping") + " used, " +
            count_text(tried_) + " tried that were gone";
        if (history_.unknown != 0) {
            result_.summary += "; " + counted(history_.unknown, "map") + " of which nothing tells the device";
        }
        if (history_.from_tables != 0) {
            result_.summary += "; " + count_text(history_.from_tables) + " never used: permissions of the snapshots";
        }
        if (result_.failures != 0) {
            result_.summary += "; " + counted(result_.failures, "failure");
        }
    }

    mapping_machine& target_;
    const traces::recording& record_;
    const map_history& history_;
    const maps_options& options_;
    case_result result_;
    std::vector<domain_state> domains_;
    std::string compared_;
    std::uint64_t attaches_ = 0, mapped_ = 0, used_ = 0, tried_ = 0, pages_at_end_ = 0, done_ = 0;
};

} // namespace

case_result replay_maps(mapping_machine& target, const traces::recording& record, const map_history& history,
                        const maps_options& options) {
    return maps_run(target, record, history, options).run();
}

} // namespace iommulab::conformance
