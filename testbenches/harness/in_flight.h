// SPDX-License-Identifier: Apache-2.0
// What software takes back while devices go on: after a synchronisation completes, no access uses what was taken back,
// and none that used it is still under way. The same for every IOMMU with a queue of commands.
//
// Software's tables are simple, and every page they ever point to is a fresh one, so that the place where an access
// lands tells which state of the tables it saw.
#pragma once

#include "models/core/iommu_parameters.h"
#include "testbenches/harness/random_cases.h"
#include "testbenches/harness/traffic_port.h"
#include "testbenches/pagetables/table_generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::harness {

inline constexpr std::uint64_t page_bytes = 4096;

/// What one large leaf may cover: all input pages, which an IOMMU may keep in pieces.
inline constexpr std::uint64_t block_bytes = 0x20'0000;

/// Input page n begins here: nothing is at address 0.
constexpr std::uint64_t input_of(std::uint64_t page) {
    return (page + 1) * page_bytes;
}

/// `Machine`: an iommu_machine. One class derived from it an IOMMU: its tables, and the ways to change them.
template <class Machine>
class in_flight_software {
  public:
    static constexpr unsigned pages = 16, requesters = 6, ports = 3;
    /// Where the fresh pages are.
    static constexpr std::uint64_t output_base = 0x1'0000'0000, output_bytes = 0x400'0000;
    /// Memory at the addresses that devices use, for accesses that are not translated.
    static constexpr std::uint64_t identity_bytes = 0x20'0000;

    in_flight_software(Machine& m, const reference::chooser& choose) : m_(m), choose_(choose) {
        for (unsigned n = 0; n < ports; ++n) {
            m.taps[n]->leaves = [this, n](const tlm::tlm_generic_payload& p) { leaves(n, p); };
            m.taps[n]->returned = [this](const tlm::tlm_generic_payload& p) { under_way_.erase(&p); };
            m.devices[n]->response_ps = choose(3) ? 0 : choose(4) * 900;
        }
        m.clear();
    }
    virtual ~in_flight_software() {
        for (auto& t : m_.taps)
            t->leaves = t->returned = {};
    }

    void run() {
        for (unsigned rounds = 6 + static_cast<unsigned>(choose_(10)); rounds != 0 && !failed(); --rounds) {
            go_on(choose_(800));
            change();
        }
        go_on(200);
        EXPECT_TRUE(m_.settle(10'000'000));
        check_answers();
        EXPECT_EQ(m_.violations(), "");
    }

    struct {
        unsigned accesses = 0, landed = 0, refused = 0, judged = 0, changes = 0;
    } seen;

  protected:
    using view = std::array<std::array<std::uint64_t, pages>, requesters>; // output of each input page, 0: none

    /// Where every page of every requester leads, as the tables are.
    virtual view outputs() const = 0;
    /// Changes tables or configuration, and puts the commands that take the old state back. Sets what_.
    virtual void make_change() = 0;
    /// Puts the command that waits for them, and tells the IOMMU of all of them.
    virtual void synchronise() = 0;
    /// Is everything that was put done?
    virtual bool synchronised() = 0;
    virtual void take_events() = 0;

    /// When the tables are as outputs() says and the IOMMU is on.
    void begin() {
        now_ = outputs();
        history_.push_back({sc_core::sc_time_stamp().value(), true, now_});
    }
    std::uint64_t fresh_page() { return next_page_ += page_bytes; }
    /// The first of `count` pages side by side, aligned to their size: a power of two.
    std::uint64_t fresh_run(std::uint64_t count) {
        const std::uint64_t bytes = count * page_bytes, first = (next_page_ / bytes + 1) * bytes;
        next_page_ = first + bytes - page_bytes;
        return first;
    }

    Machine& m_;
    const reference::chooser& choose_;
    const char* what_ = "";

  private:
    static bool failed() { return ::testing::Test::HasFailure(); }
    static std::uint64_t now_ns() { return sc_core::sc_time_stamp().value() / 1000; }

    // --- devices

    void go_on(std::uint64_t ns) {
        for (const std::uint64_t end = now_ns() + ns; now_ns() < end && !failed();) {
            keep_busy();
            m_.run(1 + choose_(8));
        }
    }
    void keep_busy() {
        for (auto& d : m_.devices)
            while (d->waiting() < 2) {
                device_access& a = accesses_.emplace_back();
                a.source_id = static_cast<std::uint32_t>(choose_(requesters));
                const std::uint64_t page = choose_(pages - 1);
                a.address = input_of(page) + choose_(page_bytes);
                a.write = choose_(2) != 0;
                a.data.resize(choose_(6) ? 8 : 200, 0x5a);
                a.not_before_ps = sc_core::sc_time_stamp().value() + choose_(choose_(4) ? 5'000 : 60'000);
                d->issue(a);
                ++seen.accesses;
            }
    }
    /// An access leaves the IOMMU. Also the moment at which a completed synchronisation is noticed.
    void leaves(unsigned port, const tlm::tlm_generic_payload& p) {
        if (waiting_ && synchronised())
            change_is_over();
        const auto [a, offset] = m_.devices[port]->owner_of(p.get_data_ptr());
        ASSERT_NE(a, nullptr) << "an access that no device has begun";
        const std::uint64_t input = a->address + offset;
        const flight f{a->source_id, static_cast<unsigned>(input / page_bytes) - 1,
                       p.get_address() & ~(page_bytes - 1)};
        EXPECT_EQ(input % page_bytes, p.get_address() % page_bytes);
        if (f.output != input_of(f.page)) { // a bypass has no pages
            EXPECT_LE(input % page_bytes + p.get_data_length(), page_bytes);
        }
        EXPECT_TRUE(may_be_used(f)) << text_of(f) << ": no table leads there, or none that is still to be used";
        under_way_[&p] = f;
        ++seen.landed;
    }

    // --- software

    void change() {
        before_ = now_;
        ++seen.changes;
        make_change();
        now_ = outputs();
        history_.push_back({sc_core::sc_time_stamp().value(), false, {}});
        waiting_ = true;
        synchronise();
        const std::uint64_t limit = now_ns() + 200'000;
        while (waiting_ && !failed()) {
            keep_busy();
            m_.run(1);
            if (waiting_ && synchronised())
                change_is_over();
            ASSERT_LT(now_ns(), limit) << "the synchronisation does not complete";
        }
        if (choose_(3) == 0)
            take_events();
    }
    void change_is_over() {
        waiting_ = false;
        history_.push_back({sc_core::sc_time_stamp().value(), true, now_});
        for (const auto& [p, f] : under_way_)
            EXPECT_TRUE(may_be_used(f)) << text_of(f) << ": still under way after the synchronisation";
    }
    struct flight {
        std::uint32_t requester;
        unsigned page;
        std::uint64_t output;
    };
    bool may_be_used(const flight& f) const {
        return f.requester < requesters && f.page < pages && f.output != 0 &&
               (f.output == now_[f.requester][f.page] || (waiting_ && f.output == before_[f.requester][f.page]));
    }
    std::string text_of(const flight& f) const {
        std::ostringstream out;
        out << std::hex << "requester " << f.requester << ", page " << f.page << ", to 0x" << f.output << " (now 0x"
            << now_[f.requester][f.page] << ", before 0x" << before_[f.requester][f.page] << ") at " << std::dec
            << now_ns() << " ns, after " << what_;
        return out.str();
    }

    // --- answers

    struct period {
        std::uint64_t from_ps;
        bool steady; ///< else a change is on its way: it may have taken effect or not
        view outputs;
    };
    /// An access that was under way in one steady period is answered as its pages were then.
    void check_answers() {
        for (const device_access& a : accesses_) {
            ASSERT_TRUE(a.done);
            seen.refused += a.status != tlm::TLM_OK_RESPONSE;
            const auto next = std::upper_bound(history_.begin(), history_.end(), a.begun_ps,
                                               [](std::uint64_t ps, const period& p) { return ps < p.from_ps; });
            const period& began = *std::prev(next);
            if (!began.steady || (next != history_.end() && a.ended_ps >= next->from_ps))
                continue;
            bool mapped = true;
            for (std::uint64_t at = a.address; at < a.address + a.data.size(); at = (at | (page_bytes - 1)) + 1)
                mapped = mapped && began.outputs[a.source_id][at / page_bytes - 1] != 0;
            EXPECT_EQ(a.status, mapped ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE)
                << "requester " << a.source_id << (a.write ? " writes " : " reads ") << a.data.size() << " bytes at "
                << a.address << ", begun at " << a.begun_ps << " ps";
            ++seen.judged;
        }
    }

    std::uint64_t next_page_ = output_base;
    std::vector<period> history_;
    view now_{}, before_{};
    bool waiting_ = false; ///< for a change's synchronisation: both its sides may be seen
    std::map<const tlm::tlm_generic_payload*, flight> under_way_;
    std::deque<device_access> accesses_;
};

/// Caches of 0 to 8 entries of any policy: whatever is small.
inline void shrink(cache_parameters& c, const reference::chooser& choose) {
    c.entries = static_cast<std::uint32_t>(choose(9));
    if (choose(4) != 0)
        c.entries = std::uint32_t{1} << choose(4); // with ways, a power of two divides
    c.ways = c.entries != 0 && (c.entries & (c.entries - 1)) == 0 && choose(2) ? std::min(2U, c.entries) : 0;
    constexpr replacement policies[] = {replacement::lru, replacement::pseudo_lru, replacement::round_robin,
                                        replacement::random};
    c.policy = policies[choose(std::size(policies))];
    if (c.policy == replacement::pseudo_lru && (c.entries & (c.entries - 1)) != 0)
        c.policy = replacement::lru; // the tree wants a power of two
    c.latency_cycles = static_cast<std::uint32_t>(choose(4));
    c.initiation_cycles = 1 + static_cast<std::uint32_t>(choose(3));
    c.ports = 1 + static_cast<std::uint32_t>(choose(2));
}
/// The engine's part: few walkers, little room, any order.
inline void shrink(iommu_parameters& p, const reference::chooser& choose, unsigned ports) {
    shrink(p.micro_tlb, choose);
    shrink(p.tlb, choose);
    p.ports = ports;
    p.walkers = 1 + static_cast<std::uint32_t>(choose(3));
    p.table_outstanding = 1 + static_cast<std::uint32_t>(choose(3));
    p.port_outstanding = 1 + static_cast<std::uint32_t>(choose(6));
    p.port_accept_cycles = 1 + static_cast<std::uint32_t>(choose(2));
    p.request_cycles = static_cast<std::uint32_t>(choose(9));
    p.response_cycles = static_cast<std::uint32_t>(choose(3));
    p.order = choose(2) ? access_order::per_requester : access_order::in_order;
}

/// Many random histories on eight machines: two with the parameters' defaults, the others small. `make(name,
/// parameters, memory latency in ps)` makes one, `make_small(chooser)` its parameters.
template <class Software, class Machine, class Parameters>
void hunt_stale_translations(
    const std::function<std::unique_ptr<Machine>(const char*, const Parameters&, std::uint64_t)>& make,
    const std::function<Parameters(const reference::chooser&)>& make_small) {
    std::random_device seeds;
    const std::uint64_t shapes_seed = seeds();
    SCOPED_TRACE("shapes of seed " + std::to_string(shapes_seed));
    std::mt19937_64 shape_engine(shapes_seed);
    const reference::chooser choose_shape = reference::choose_with(shape_engine);
    std::vector<std::unique_ptr<Machine>> machines;
    for (unsigned n = 0; n < 8; ++n) {
        Parameters p;
        p.ports = Software::ports;
        if (n >= 2)
            p = make_small(choose_shape);
        p.order = n % 2 ? access_order::per_requester : access_order::in_order;
        machines.push_back(make(("m" + std::to_string(n)).c_str(), p, 1'000 * (10 + choose_shape(300))));
    }
    unsigned landed = 0, refused = 0, judged = 0;
    check_random_cases("stale translations are gone", 60, [&](const reference::chooser& choose) {
        const auto n = choose(machines.size());
        SCOPED_TRACE("machine " + std::to_string(n));
        Software s(*machines[n], choose);
        s.run();
        landed += s.seen.landed;
        refused += s.seen.refused;
        judged += s.seen.judged;
    });
    EXPECT_GT(landed, 1000U);
    EXPECT_GT(refused, 100U);
    EXPECT_GT(judged, 100U);
}

} // namespace iommulab::harness
