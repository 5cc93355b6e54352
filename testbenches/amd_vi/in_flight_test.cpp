// SPDX-License-Identifier: Apache-2.0
// What software takes back from an AMD IOMMU while devices go on (publication 48882, 2.4.1 to 2.4.3, 2.4.8).
#include "testbenches/amd_vi/machine.h"
#include "testbenches/amd_vi/small.h"
#include "testbenches/harness/in_flight.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <tuple>

namespace iommulab::harness {
namespace {

using amd_vi::opcode;
using base = in_flight_software<amd_vi_machine>;
constexpr unsigned pages = base::pages, devices = base::requesters, spaces = 6, guest_spaces = 2;
constexpr std::uint64_t P = 1, W = 2, U = 4, A = 1 << 5, D = 1 << 6;
constexpr std::uint64_t page_size = 4096;

/// Host tables and a domain: a table of level 3, of level 2, of level 1. Guests have theirs over it.
struct address_space {
    std::uint32_t domain = 0;
    std::uint64_t root = 0, last = 0;          ///< the first table, and the one with the pages
    std::array<std::uint64_t, pages> output{}; ///< of each host page; 0: not mapped
    bool has_guest = false;
    /// The guest CR3 table of PASID 0, the guest's last table, and the one above.
    std::uint64_t gcr3 = 0, guest_last = 0, guest_above = 0;
    bool guest_block = false;                     ///< a guest's pages are one of 2 MiB
    std::array<std::uint64_t, pages> behind{};    ///< host address of each guest page; 0: not mapped
    std::array<std::uint64_t, pages> elsewhere{}; ///< as output, of the 2 MiB above
};
enum class device_mode { translates, passes, is_refused };
struct device_state {
    device_mode mode = device_mode::translates;
    unsigned space = 0;
};

class software final : public base {
  public:
    software(amd_vi_machine& m, const reference::chooser& choose) : base(m, choose) {
        m.next_table = amd_vi_machine::tables_base;
        m.tail = m.read_events = 0;
        for (unsigned s = 0; s < spaces; ++s) {
            spaces_[s].has_guest = s >= spaces - guest_spaces;
            new_tables(s);
        }
        for (unsigned d = 2; d < devices; ++d) // two devices of one domain
            devices_[d].space = d;
        for (unsigned d = 0; d < devices; ++d)
            write_entry(d);
        m.start(amd_vi::control::GTEn.make(1));
        begin();
    }

  private:
    void store(std::uint64_t address, std::uint64_t word) { m_.ddr.store().write_u64(address, word); }
    std::uint64_t table() {
        const std::uint64_t page = m_.next_table;
        m_.next_table += page_size;
        return page;
    }
    /// Tables and a domain that were never used before; every page is mapped.
    void new_tables(unsigned s) {
        address_space& a = spaces_[s];
        a.domain = next_domain_++;
        a.root = table();
        const std::uint64_t middle = table();
        a.last = table();
        store(a.root, amd_v1_builder::pde(middle, 2));
        store(middle, amd_v1_builder::pde(a.last, 1));
        for (unsigned p = 0; p < pages; ++p)
            map_host(s, p);
        if (!a.has_guest)
            return;
        const std::uint64_t other = table();
        store(middle + 8, amd_v1_builder::pde(other, 1));
        for (unsigned p = 0; p < pages; ++p)
            store(other + (p + 1) * 8, amd_v1_builder::pte(a.elsewhere[p] = fresh_page()));
        a.guest_block = s == spaces - 1;
        a.gcr3 = table();
        std::uint64_t above = a.gcr3;
        store(a.gcr3, (above = table()) | 1);
        for (unsigned level = 4; level > 1; --level) {
            const std::uint64_t below = table();
            store(above, below | P | W | U | A);
            a.guest_above = above;
            above = below;
        }
        a.guest_last = above;
        // guests' tables, in the host at their own addresses: pages of 2 MiB
        const std::uint64_t own_middle = table();
        store(a.root + (amd_vi_machine::own_base >> 30) * 8, amd_v1_builder::pde(own_middle, 2));
        for (std::uint64_t n = 0; n < 2; ++n)
            store(own_middle + ((amd_vi_machine::own_base >> 21 & 0x1ff) + n) * 8,
                  amd_v1_builder::pte(amd_vi_machine::own_base + n * 0x20'0000));
        if (a.guest_block)
            map_guest_block(s);
        for (unsigned p = 0; !a.guest_block && p < pages; ++p)
            map_guest(s, p);
    }
    void map_host(unsigned s, unsigned p, bool present = true) {
        std::uint64_t& output = spaces_[s].output[p];
        output = present ? fresh_page() : 0;
        store(spaces_[s].last + (p + 1) * 8, output ? amd_v1_builder::pte(output) : 0);
    }
    void map_guest(unsigned s, unsigned p, bool present = true) {
        std::uint64_t& behind = spaces_[s].behind[p];
        behind = present ? input_of(choose_(pages)) : 0;
        store(spaces_[s].guest_last + (p + 1) * 8, behind ? behind | P | W | U | A | D : 0);
    }
    /// One page for all of a guest's.
    void map_guest_block(unsigned s, bool present = true) {
        address_space& a = spaces_[s];
        const std::uint64_t base = choose_(2) * block_bytes;
        store(a.guest_above, present ? base | P | W | U | A | D | 1 << 7 : 0);
        for (unsigned p = 0; p < pages; ++p)
            a.behind[p] = present ? base + input_of(p) : 0;
    }
    void write_entry(unsigned d) {
        using namespace amd_vi;
        const device_state& state = devices_[d];
        const address_space& a = spaces_[state.space];
        amd_vi_machine::words_4 w{};
        if (state.mode == device_mode::is_refused)
            w = amd_vi_machine::entry(a.domain, 0, 0, false, false);
        if (state.mode == device_mode::translates) {
            w = amd_vi_machine::entry(a.domain, a.root, 3);
            if (a.has_guest) {
                dte::GV.put(w, 1);
                dte::GIoV.put(w, 1); // requests without PASID are of PASID 0
                dte::put_guest_cr3_table(w, a.gcr3);
            }
        }
        m_.write_entry(d, w);
    }
    view outputs() const override {
        view all{};
        for (unsigned d = 0; d < devices; ++d)
            for (unsigned p = 0; p < pages; ++p) {
                const address_space& a = spaces_[devices_[d].space];
                if (devices_[d].mode == device_mode::passes)
                    all[d][p] = input_of(p);
                else if (devices_[d].mode == device_mode::translates && !a.has_guest)
                    all[d][p] = a.output[p];
                else if (devices_[d].mode == device_mode::translates && a.behind[p])
                    all[d][p] =
                        (a.behind[p] < block_bytes ? a.output : a.elsewhere)[a.behind[p] % block_bytes / page_size - 1];
            }
        return all;
    }

    void synchronise() override {
        m_.put(amd_vi_machine::code(opcode::COMPLETION_WAIT) | 1 | amd_vi_machine::store, ++waited_);
        m_.set(amd_vi::reg::CommandBufferTail, m_.tail);
    }
    bool synchronised() override { return m_.ddr.store().read_u64(amd_vi_machine::store) == waited_; }
    void take_events() override {
        std::ignore = m_.logged();
        m_.set(amd_vi::reg::EventLogHead, m_.read_events);
    }

    bool somewhere() { return choose_(4) != 0; } // mapped anew; else not mapped
    void invalidate_entries_of(unsigned s) {
        for (unsigned d = 0; d < devices; ++d)
            if (devices_[d].space == s) {
                write_entry(d);
                m_.put(amd_vi_machine::code(opcode::INVALIDATE_DEVTAB_ENTRY) | d);
            }
    }

    void make_change() override {
        const auto s = static_cast<unsigned>(choose_(spaces));
        const auto g = spaces - 1 - static_cast<unsigned>(choose_(guest_spaces));
        const auto first = static_cast<unsigned>(choose_(pages));
        const auto count = 1 + static_cast<unsigned>(choose_(pages - first));
        const std::uint64_t directories = choose_(2) ? amd_vi_machine::PDE : 0;
        switch (choose_(8)) {
        case 0:
            what_ = "INVALIDATE_IOMMU_PAGES of single pages";
            for (unsigned p = first; p < first + count; ++p) {
                map_host(s, p, somewhere());
                m_.put(amd_vi_machine::pages(spaces_[s].domain), input_of(p) | directories);
            }
            break;
        case 1: {
            what_ = "INVALIDATE_IOMMU_PAGES of an encoded size";
            const unsigned log2_pages = 1 + static_cast<unsigned>(choose_(4));
            const std::uint64_t bytes = page_size << log2_pages;
            const std::uint64_t from = input_of(first) & ~(bytes - 1);
            for (unsigned p = 0; p < pages; ++p)
                if ((input_of(p) & ~(bytes - 1)) == from)
                    map_host(s, p, somewhere());
            m_.put(amd_vi_machine::pages(spaces_[s].domain),
                   from | ((bytes / 2 - 1) & ~(page_size - 1)) | amd_vi_machine::S | directories);
            break;
        }
        case 2:
            what_ = "INVALIDATE_IOMMU_PAGES of all pages";
            for (unsigned p = first; p < first + count; ++p)
                map_host(s, p, somewhere());
            m_.put(amd_vi_machine::pages(spaces_[s].domain),
                   amd_vi::command::all_pages | amd_vi_machine::S | directories);
            break;
        case 3: {
            what_ = "INVALIDATE_DEVTAB_ENTRY";
            const auto d = static_cast<unsigned>(choose_(devices));
            devices_[d].mode = static_cast<device_mode>(choose_(3));
            devices_[d].space = static_cast<unsigned>(choose_(spaces));
            write_entry(d);
            m_.put(amd_vi_machine::code(opcode::INVALIDATE_DEVTAB_ENTRY) | d);
            break;
        }
        case 4:
            what_ = "INVALIDATE_DEVTAB_ENTRY for another domain";
            new_tables(s);
            invalidate_entries_of(s);
            break;
        case 5: {
            what_ = "INVALIDATE_IOMMU_PAGES with PDE, of another table";
            const std::uint64_t old_middle = m_.ddr.store().read_u64(spaces_[s].root) & 0x000f'ffff'ffff'f000;
            spaces_[s].last = table();
            for (unsigned p = 0; p < pages; ++p)
                map_host(s, p, somewhere());
            store(old_middle, amd_v1_builder::pde(spaces_[s].last, 1));
            m_.put(amd_vi_machine::pages(spaces_[s].domain),
                   0x0f'f000 | amd_vi_machine::S | amd_vi_machine::PDE); // the 2 MiB of the table
            break;
        }
        case 6:
            what_ = "INVALIDATE_IOMMU_PAGES with GN";
            if (spaces_[g].guest_block) { // any of its addresses will do
                map_guest_block(g, somewhere());
                m_.put(amd_vi_machine::pages(spaces_[g].domain, 0), input_of(first) | amd_vi_machine::GN | directories);
                break;
            }
            for (unsigned p = first; p < first + count; ++p) {
                map_guest(g, p, somewhere());
                m_.put(amd_vi_machine::pages(spaces_[g].domain, 0), input_of(p) | amd_vi_machine::GN | directories);
            }
            break;
        default:
            what_ = "INVALIDATE_IOMMU_ALL";
            if (choose_(2)) { // not both: an access on its way may see one stage as it was, and the other as it is
                for (unsigned other = 0; other < spaces; ++other)
                    map_host(other, first, somewhere());
            } else if (spaces_[g].guest_block) {
                map_guest_block(g, somewhere());
            } else {
                for (unsigned p = 0; p < pages; ++p)
                    map_guest(g, p, somewhere());
            }
            m_.put(amd_vi_machine::code(opcode::INVALIDATE_IOMMU_ALL));
            break;
        }
    }

    std::array<address_space, spaces> spaces_;
    std::array<device_state, devices> devices_;
    std::uint32_t next_domain_ = 1;
    std::uint64_t waited_ = 0;
};

TEST(amd_vi_in_flight, nothing_stale_is_used_after_a_COMPLETION_WAIT) {
    hunt_stale_translations<software, amd_vi_machine, amd_vi::amd_vi_parameters>(
        [](const char* name, const amd_vi::amd_vi_parameters& p, std::uint64_t latency_ps) {
            return std::make_unique<amd_vi_machine>(
                name, p,
                std::vector<memory_range>{{0, base::identity_bytes, "identity"},
                                          {base::output_base, base::output_bytes, "outputs"}},
                latency_ps);
        },
        [](const reference::chooser& choose) { return small_amd_vi_parameters(choose, base::ports); });
}

} // namespace
} // namespace iommulab::harness
