// SPDX-License-Identifier: Apache-2.0
// What software takes back from a VT-d unit while devices go on (VT-d specification, "Invalidation of Translation
// Caches", "Draining of Requests to Memory").
#include "testbenches/harness/in_flight.h"
#include "testbenches/vtd/machine.h"
#include "testbenches/vtd/small.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace iommulab::harness {
namespace {

using base = in_flight_software<vtd_machine>;
constexpr unsigned pages = base::pages, devices = base::requesters, spaces = 6;
constexpr std::uint64_t page_size = 4096;
constexpr std::uint64_t table_flags = 7 | 0x20, leaf_flags = 7 | 0x60; // of first-stage entries: P, R/W, U/S, A, D

enum class tables { second, first, nested };

/// Tables and a domain. A space's own pages are of its second stage, or of its first if that is all it has; a nested
/// space has a guest's pages over them.
struct address_space {
    tables kind = tables::second;
    std::uint32_t domain = 0;
    std::uint64_t root = 0, above = 0, last = 0; ///< the first table, the entry that names the last, and that
    std::array<std::uint64_t, pages> output{};   ///< of each page; 0: not mapped
    std::uint64_t guest_root = 0, guest_above = 0, guest_last = 0;
    bool guest_block = false;                     ///< a guest's pages are one of 2 MiB
    std::array<std::uint64_t, pages> behind{};    ///< input of the second stage of each guest page; 0: not mapped
    std::array<std::uint64_t, pages> elsewhere{}; ///< as output, of the 2 MiB above
};
enum class device_mode { translates, passes, is_refused };
struct device_state {
    device_mode mode = device_mode::translates;
    unsigned space = 0;
    std::uint32_t domain = 0; ///< of its entry now
};

class software : public base {
  protected:
    software(vtd_machine& m, const reference::chooser& choose, bool scalable) : base(m, choose), scalable_(scalable) {
        for (unsigned s = 0; s < spaces; ++s) {
            // two of each kind
            spaces_[s].kind = scalable ? static_cast<tables>(s / 2) : tables::second;
            new_tables(s);
        }
        for (unsigned d = 2; d < devices; ++d) // two devices of one domain
            devices_[d].space = d;
        place_structures();
        for (unsigned d = 0; d < devices; ++d)
            write_entry(d);
        m.enable(scalable);
        begin();
    }

  private:
    void place_structures() {
        m_.write_words(vtd_machine::root, std::array{vtd_machine::context | 1, std::uint64_t{0}});
        for (unsigned d = 0; scalable_ && d < devices; ++d) {
            const std::uint64_t directory = m_.new_table();
            entries_[d] = m_.new_table();
            m_.write_word(directory, entries_[d] | 1);
            m_.write_word(vtd_machine::context + d * 32, directory | 1);
        }
    }
    /// Tables and a domain that were never used before; every page is mapped.
    void new_tables(unsigned s) {
        address_space& a = spaces_[s];
        a.domain = next_domain_++;
        const std::uint64_t flags = a.kind == tables::first ? table_flags : 3;
        a.root = chain(flags, a.above, a.last);
        for (unsigned p = 0; p < pages; ++p)
            map(s, p);
        if (a.kind != tables::nested)
            return;
        const std::uint64_t above = m_.new_table();
        m_.write_word(a.above + 8, above | flags);
        for (unsigned p = 0; p < pages; ++p) {
            a.elsewhere[p] = fresh_page();
            m_.write_word(above + (p + 1) * 8, a.elsewhere[p] | 3);
        }
        a.guest_block = s == spaces - 1;
        a.guest_root = chain(table_flags, a.guest_above, a.guest_last);
        // guests' tables are in the second stage at their own addresses: pages of 2 MiB
        for (std::uint64_t at = vtd_machine::own_base; at < vtd_machine::own_base + vtd_machine::own_bytes;
             at += 0x20'0000)
            m_.map_second(a.root, 4, at, at, 3, 21);
        if (a.guest_block)
            map_guest_block(s);
        for (unsigned p = 0; !a.guest_block && p < pages; ++p)
            map_guest(s, p);
    }
    /// Four tables, each named by the first entry of the one above.
    std::uint64_t chain(std::uint64_t flags, std::uint64_t& above, std::uint64_t& last) {
        const std::uint64_t first = m_.new_table();
        last = first;
        for (unsigned level = 4; level > 1; --level) {
            above = last;
            last = m_.new_table();
            m_.write_word(above, last | flags);
        }
        return first;
    }
    void map(unsigned s, unsigned p, bool present = true) {
        address_space& a = spaces_[s];
        a.output[p] = present ? fresh_page() : 0;
        const std::uint64_t flags = a.kind == tables::first ? leaf_flags : 3;
        m_.write_word(a.last + (p + 1) * 8, present ? a.output[p] | flags : 0);
    }
    void map_guest(unsigned s, unsigned p, bool present = true) {
        std::uint64_t& behind = spaces_[s].behind[p];
        behind = present ? input_of(choose_(pages)) : 0;
        m_.write_word(spaces_[s].guest_last + (p + 1) * 8, behind ? behind | leaf_flags : 0);
    }
    /// One page for all of a guest's.
    void map_guest_block(unsigned s, bool present = true) {
        address_space& a = spaces_[s];
        const std::uint64_t base = choose_(2) * block_bytes;
        m_.write_word(a.guest_above, present ? base | leaf_flags | 0x80 : 0);
        for (unsigned p = 0; p < pages; ++p)
            a.behind[p] = present ? base + input_of(p) : 0;
    }
    void write_entry(unsigned d) {
        device_state& state = devices_[d];
        const address_space& a = spaces_[state.space];
        state.domain = a.domain;
        const bool passes = state.mode == device_mode::passes, refused = state.mode == device_mode::is_refused;
        if (!scalable_) {
            m_.write_words(vtd_machine::context + d * 16,
                           std::array<std::uint64_t, 2>{refused ? 0 : (passes ? 2 << 2 | 1 : a.root | 1),
                                                        2 | std::uint64_t{a.domain} << 8});
            return;
        }
        constexpr unsigned first = 1, second = 2, nested = 3, pass_through = 4;
        const unsigned pgtt = passes                     ? pass_through
                              : a.kind == tables::first  ? first
                              : a.kind == tables::second ? second
                                                         : nested;
        const auto words = vtd_machine::pasid_entry(pgtt, static_cast<std::uint16_t>(a.domain),
                                                    a.kind == tables::nested ? a.guest_root : a.root,
                                                    a.kind == tables::first ? 0 : a.root);
        m_.write_words(entries_[d], refused ? std::array<std::uint64_t, 3>{} : words);
    }
    view outputs() const override {
        view all{};
        for (unsigned d = 0; d < devices; ++d)
            for (unsigned p = 0; p < pages; ++p) {
                const address_space& a = spaces_[devices_[d].space];
                if (devices_[d].mode == device_mode::passes)
                    all[d][p] = input_of(p);
                else if (devices_[d].mode == device_mode::translates && a.kind != tables::nested)
                    all[d][p] = a.output[p];
                else if (devices_[d].mode == device_mode::translates && a.behind[p])
                    all[d][p] =
                        (a.behind[p] < block_bytes ? a.output : a.elsewhere)[a.behind[p] % block_bytes / page_size - 1];
            }
        return all;
    }

    void synchronise() override {
        m_.put(0x25 | ++waited_ << 32, vtd_machine::status); // wait, SW
        m_.ring();
    }
    bool synchronised() override { return static_cast<std::uint32_t>(m_.read_word(vtd_machine::status)) == waited_; }
    void take_events() override {
        for (unsigned n = 0; n < m_.implemented().fault_records; ++n)
            m_.clear_fault(n);
        m_.set(vtd::reg::FSTS, vtd::fsts::PFO.make(1));
    }

    // --- descriptors
    static constexpr std::uint64_t drains = 0xc0;
    static std::uint64_t of_domain(std::uint32_t domain) { return std::uint64_t{domain} << 16; }
    void put_pages(unsigned s, std::uint64_t address_and_mask) {
        const address_space& a = spaces_[s];
        if (a.kind == tables::first)
            m_.put(0x36 | of_domain(a.domain), address_and_mask);
        else
            m_.put(0x32 | drains | of_domain(a.domain), address_and_mask);
    }
    void put_whole(unsigned s, bool by_pasid) {
        const address_space& a = spaces_[s];
        if (by_pasid && a.kind == tables::first)
            m_.put(0x26 | of_domain(a.domain));
        else
            m_.put(0x22 | drains | of_domain(a.domain));
    }
    /// As drivers do when an entry changes: the configuration, then what was cached of its domain.
    void put_entry(unsigned d, std::uint32_t old_domain) {
        if (!scalable_)
            m_.put(0x31 | std::uint64_t{d} << 32 | of_domain(old_domain));
        else if (choose_(2))
            m_.put(0x17 | of_domain(old_domain)); // PASID 0
        else
            m_.put(choose_(2) ? 0x37 : 0x07 | of_domain(old_domain));
        if (scalable_)
            m_.put(0x26 | of_domain(old_domain)); // PASID 0: drains
        m_.put(0x22 | drains | of_domain(old_domain));
    }
    void change_entry(unsigned d) {
        const std::uint32_t old = devices_[d].domain;
        write_entry(d);
        put_entry(d, old);
    }
    bool somewhere() { return choose_(4) != 0; } // mapped anew; else not mapped

    void make_change() override {
        const auto s = static_cast<unsigned>(choose_(spaces));
        const auto first = static_cast<unsigned>(choose_(pages));
        const auto count = 1 + static_cast<unsigned>(choose_(pages - first));
        const std::uint64_t hint = choose_(2) ? 0x40 : 0; // IH
        switch (choose_(scalable_ ? 8 : 7)) {
        case 0:
            what_ = "invalidation of single pages";
            for (unsigned p = first; p < first + count; ++p) {
                map(s, p, somewhere());
                put_pages(s, input_of(p) | hint);
            }
            break;
        case 1: {
            what_ = "invalidation of pages with AM";
            const auto mask = 1 + choose_(4);
            const std::uint64_t bytes = page_size << mask, from = input_of(first) & ~(bytes - 1);
            for (unsigned p = 0; p < pages; ++p)
                if ((input_of(p) & ~(bytes - 1)) == from)
                    map(s, p, somewhere());
            put_pages(s, input_of(first) | hint | mask); // low bits of the address are ignored
            break;
        }
        case 2:
            what_ = "invalidation of a domain";
            for (unsigned p = first; p < first + count; ++p)
                map(s, p, somewhere());
            put_whole(s, choose_(2) != 0);
            break;
        case 3: {
            what_ = "another entry for a device";
            const auto d = static_cast<unsigned>(choose_(devices));
            devices_[d].mode = static_cast<device_mode>(choose_(3));
            devices_[d].space = static_cast<unsigned>(choose_(spaces));
            change_entry(d);
            break;
        }
        case 4:
            what_ = "another domain for its devices";
            new_tables(s);
            for (unsigned d = 0; d < devices; ++d)
                if (devices_[d].space == s)
                    change_entry(d);
            break;
        case 5:
            what_ = "another table";
            spaces_[s].last = m_.new_table();
            for (unsigned p = 0; p < pages; ++p)
                map(s, p, somewhere());
            m_.write_word(spaces_[s].above, spaces_[s].last | (spaces_[s].kind == tables::first ? table_flags : 3));
            put_pages(s, 9); // the 2 MiB of the table, without IH
            break;
        case 6:
            what_ = "global invalidation";
            for (unsigned other = 0; other < spaces; ++other)
                map(other, first, somewhere());
            m_.put(0x12 | drains);
            break;
        default: {
            what_ = "invalidation of a guest's pages by PASID";
            const unsigned g = spaces - 1 - static_cast<unsigned>(choose_(2));
            if (spaces_[g].guest_block) { // any of its addresses will do
                map_guest_block(g, somewhere());
                m_.put(0x36 | of_domain(spaces_[g].domain), input_of(first) | hint);
                break;
            }
            for (unsigned p = first; p < first + count; ++p) {
                map_guest(g, p, somewhere());
                m_.put(0x36 | of_domain(spaces_[g].domain), input_of(p) | hint);
            }
            break;
        }
        }
    }

    bool scalable_;
    std::array<address_space, spaces> spaces_;
    std::array<device_state, devices> devices_;
    std::array<std::uint64_t, devices> entries_{}; ///< PASID tables
    std::uint32_t next_domain_ = 1;
    std::uint64_t waited_ = 0;
};

struct legacy_software final : software {
    legacy_software(vtd_machine& m, const reference::chooser& choose) : software(m, choose, false) {}
};
struct scalable_software final : software {
    scalable_software(vtd_machine& m, const reference::chooser& choose) : software(m, choose, true) {}
};

template <class Software>
void hunt() {
    hunt_stale_translations<Software, vtd_machine, vtd::unit_parameters>(
        [](const char* name, const vtd::unit_parameters& p, std::uint64_t latency_ps) {
            return std::make_unique<vtd_machine>(
                name, p,
                std::vector<memory_range>{{0, base::identity_bytes, "identity"},
                                          {base::output_base, base::output_bytes, "outputs"}},
                latency_ps);
        },
        [](const reference::chooser& choose) { return small_vtd_parameters(choose, base::ports); });
}

TEST(vtd_in_flight, nothing_stale_is_used_after_a_wait_in_legacy_mode) {
    hunt<legacy_software>();
}
TEST(vtd_in_flight, nothing_stale_is_used_after_a_wait_in_scalable_mode) {
    hunt<scalable_software>();
}

} // namespace
} // namespace iommulab::harness
