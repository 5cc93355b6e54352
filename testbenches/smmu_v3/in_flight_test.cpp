// SPDX-License-Identifier: Apache-2.0
// What software takes back from an SMMUv3 while devices go on (Arm IHI 0070, 3.21, 4.3, 4.4, 4.7.3).
#include "testbenches/harness/in_flight.h"
#include "testbenches/smmu_v3/cases.h"
#include "testbenches/smmu_v3/configuration_words.h"
#include "testbenches/smmu_v3/machine.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace iommulab::harness {
namespace {

namespace ref = iommulab::reference;
using smmu_v3::opcode;

constexpr std::uint64_t table_base = 0x8000'0000; // identity in stage 2: a block of 1 GiB
constexpr std::uint64_t ipa_base = 0x10'0000;     // intermediate addresses of a guest's pages
constexpr unsigned spaces = 6, guests = 2, run_pages = 16;
constexpr std::uint64_t leaf_bits = 0x443 | 1 << 11;     // page, AF, AP[1], nG
constexpr std::uint64_t stage2_leaf = 0x4ff;             // page, AF, read and write, Normal
constexpr std::uint16_t first_asid = 10, first_vmid = 1; // guest n has VMID first_vmid + n

using base = in_flight_software<smmu_v3_machine>;
constexpr unsigned pages = base::pages, streams = base::requesters;

/// What a space's stage 1 leaves are: pages of their own; a contiguous run of them, for all but the last page; a block
/// over a guest's pages, which no TLB can keep in one piece.
enum class leaves { single, run, block };
/// A stage 1 address space: its own tables and ASID, and a guest whose stage 2 is below, or none.
struct address_space {
    int guest = -1;
    leaves kind = leaves::single;
    std::uint64_t root = 0; ///< a level 2 table, then one of level 3
    std::uint16_t asid = 0;
    std::array<std::uint64_t, pages> output{}; ///< of each page, physical or intermediate; 0: not mapped
};
/// Intermediate page n is at ipa_base + n pages; and where a block may lead.
struct guest_memory {
    std::map<std::uint64_t, std::uint64_t> output;
};
constexpr unsigned guest_blocks = 2;
/// Page n of a block there.
constexpr std::uint64_t ipa_of(std::uint64_t block, std::uint64_t page) {
    return block * block_bytes + input_of(page);
}
enum class stream_mode { translates, bypasses, aborts };
struct stream_state {
    stream_mode mode = stream_mode::translates;
    unsigned space = 0;
};

class software final : public base {
  public:
    software(smmu_v3_machine& m, const ref::chooser& choose) : base(m, choose) {
        for (unsigned s = 0; s < spaces; ++s) {
            spaces_[s].guest = s < 3 ? -1 : static_cast<int>(s % guests);
            spaces_[s].kind = s == 2 ? leaves::run : s == spaces - 1 ? leaves::block : leaves::single;
            new_tables(s);
        }
        for (unsigned g = 0; g < guests; ++g) {
            const std::uint64_t root = guest_table(g);
            m.ddr.store().write_u64(root, (root + page_bytes) | 3);
            m.ddr.store().write_u64(root + 2 * 8, table_base | (stage2_leaf & ~2ULL));
            for (unsigned block = 0; block < guest_blocks; ++block)
                m.ddr.store().write_u64(root + page_bytes + block * 8, (root + (2 + block) * page_bytes) | 3);
            for (unsigned p = 0; p < pages; ++p) {
                map_stage2(g, ipa_base + p * page_bytes);
                for (unsigned block = 0; block < guest_blocks; ++block)
                    map_stage2(g, ipa_of(block, p));
            }
        }
        streams_[0].space = streams_[1].space = 0; // two devices of one address space
        for (unsigned s = 2; s < streams; ++s)
            streams_[s].space = s;
        for (unsigned s = 0; s < streams; ++s)
            write_ste(s);
        m.enable();
        begin();
    }

  private:
    static std::uint64_t guest_table(unsigned g) { return table_base + 0x10'0000 + g * 0x1'0000; } // levels 1, 2, 3, 3
    static std::uint64_t cd_of(unsigned s) { return table_base + 0x20'0000 + s * 64; }

    /// Tables and an ASID that were never used before; every page is mapped.
    void new_tables(unsigned s) {
        address_space& space = spaces_[s];
        space.root = next_table_;
        next_table_ += 2 * page_bytes;
        space.asid = next_asid_++;
        m_.ddr.store().write_u64(space.root, (space.root + page_bytes) | 3);
        for (unsigned p = 0; p < pages; ++p)
            map_stage1(s, p);
        if (space.kind != leaves::single)
            map_together(s);
        ref::stage1_context c;
        c.ttb0 = space.root;
        c.t0sz = 34; // 30 bits: from level 2
        c.epd1 = true;
        c.asid = space.asid;
        m_.write_words(cd_of(s), ref::encode_context_descriptor(c));
    }
    void write_ste(unsigned stream) {
        const stream_state& s = streams_[stream];
        ref::configuration_words words{};
        if (s.mode == stream_mode::translates) {
            ref::stage1_context first;
            ref::stage2_context second;
            const int guest = spaces_[s.space].guest;
            if (guest >= 0) {
                second.s2ttb = guest_table(static_cast<unsigned>(guest));
                second.s2t0sz = 32; // from level 1
                second.s2sl0 = 1;
                second.vmid = static_cast<std::uint16_t>(first_vmid + guest);
            }
            words = ref::encode_stream_table_entry(&first, cd_of(s.space), guest >= 0 ? &second : nullptr);
        } else {
            words[0] = 1 | (s.mode == stream_mode::bypasses ? 0b100U << 1 : 0);
        }
        m_.write_ste(stream, words);
    }
    void map_stage1(unsigned s, unsigned p, bool present = true) {
        std::uint64_t& output = spaces_[s].output[p];
        output = !present ? 0 : spaces_[s].guest < 0 ? fresh_page() : ipa_base + choose_(pages) * page_bytes;
        m_.ddr.store().write_u64(spaces_[s].root + page_bytes + (p + 1) * 8, output ? output | leaf_bits : 0);
    }
    /// All pages that are of one leaf, or of one run of leaves.
    void map_together(unsigned s, bool present = true) {
        address_space& space = spaces_[s];
        if (space.kind == leaves::block) {
            const std::uint64_t block = choose_(guest_blocks);
            m_.ddr.store().write_u64(space.root, present ? block * block_bytes | (leaf_bits & ~2ULL) : 0);
            for (unsigned p = 0; p < pages; ++p)
                space.output[p] = present ? ipa_of(block, p) : 0;
            return;
        }
        constexpr std::uint64_t contiguous = std::uint64_t{1} << 52;
        const std::uint64_t first = fresh_run(run_pages);
        for (unsigned n = 0; n < run_pages; ++n) {
            const std::uint64_t output = present ? first + n * page_bytes : 0;
            m_.ddr.store().write_u64(space.root + page_bytes + n * 8, output ? output | leaf_bits | contiguous : 0);
            if (n > 0) // input page 0 is the second of the table
                space.output[n - 1] = output;
        }
    }
    void map_stage2(unsigned g, std::uint64_t ipa, bool present = true) {
        std::uint64_t& output = guests_[g].output[ipa];
        output = present ? fresh_page() : 0;
        m_.ddr.store().write_u64(guest_table(g) + 2 * page_bytes + ipa / page_bytes * 8,
                                 output ? output | stage2_leaf : 0);
    }
    /// Where every page of every stream leads, as the tables are.
    view outputs() const override {
        view all{};
        for (unsigned s = 0; s < streams; ++s)
            for (unsigned p = 0; p < pages; ++p) {
                const stream_state& stream = streams_[s];
                if (stream.mode == stream_mode::bypasses) {
                    all[s][p] = input_of(p);
                } else if (stream.mode == stream_mode::translates) {
                    const address_space& space = spaces_[stream.space];
                    std::uint64_t to = space.output[p];
                    if (to && space.guest >= 0)
                        to = guests_[static_cast<unsigned>(space.guest)].output.at(to);
                    all[s][p] = to;
                }
            }
        return all;
    }

    // --- commands

    void synchronise() override {
        m_.put({static_cast<std::uint64_t>(opcode::CMD_SYNC), 0});
        m_.ring();
    }
    bool synchronised() override { return m_.consumed(); }
    void take_events() override { m_.take_events(); }

    static std::uint64_t word(opcode code, std::uint64_t vmid, std::uint64_t asid) {
        return static_cast<std::uint64_t>(code) | vmid << 32 | asid << 48;
    }
    std::uint64_t vmid_of(unsigned s) const {
        return spaces_[s].guest < 0 ? 0 : static_cast<std::uint64_t>(first_vmid + spaces_[s].guest);
    }
    bool somewhere() { return choose_(4) != 0; } // mapped anew; else not mapped

    void make_change() override {
        const auto s = static_cast<unsigned>(choose_(spaces));
        const auto g = static_cast<unsigned>(choose_(guests));
        const bool together = spaces_[s].kind != leaves::single; // then any page of it will do to take all back
        const auto first = static_cast<unsigned>(choose_(together ? run_pages - 1 : pages));
        const auto count = 1 + static_cast<unsigned>(choose_(pages - first));
        const std::uint64_t asid = spaces_[s].asid, vmid = vmid_of(s), leaf = choose_(2);
        const std::uint64_t va = input_of(first), area = choose_(guest_blocks + 1);
        const auto map_some = [&](unsigned n) {
            if (together)
                map_together(s, somewhere());
            for (unsigned p = first; !together && p < first + n; ++p)
                map_stage1(s, p, somewhere());
        };
        const auto ipa = [&](unsigned p) { return area < guest_blocks ? ipa_of(area, p) : ipa_base + p * page_bytes; };
        switch (choose_(9)) {
        case 0:
            what_ = "CMD_TLBI_NH_VA";
            map_some(count);
            for (unsigned p = 0; p < (together ? 1 : count); ++p)
                m_.put({word(opcode::CMD_TLBI_NH_VA, vmid, asid), (va + p * page_bytes) | leaf});
            break;
        case 1: { // NUM = count - 1 pages of 4K (4.4.1)
            what_ = "CMD_TLBI_NH_VA of a range";
            map_some(count);
            m_.put({word(opcode::CMD_TLBI_NH_VA, vmid, asid) | std::uint64_t{count - 1} << 12,
                    va | leaf | 1 << 10 | (spaces_[s].kind == leaves::block ? 2 : 3) << 8}); // TG, TTL: the level
            break;
        }
        case 2:
            what_ = "CMD_TLBI_NH_VAA";
            map_some(1);
            m_.put({word(opcode::CMD_TLBI_NH_VAA, vmid, 0), va | leaf});
            break;
        case 3:
            what_ = "CMD_TLBI_NH_ASID";
            map_some(count);
            m_.put({word(opcode::CMD_TLBI_NH_ASID, vmid, asid), 0});
            break;
        case 4:
            what_ = "CMD_TLBI_NH_ALL";
            map_some(count);
            m_.put({word(opcode::CMD_TLBI_NH_ALL, vmid, 0), 0});
            break;
        case 5: {
            what_ = "CMD_TLBI_S2_IPA and CMD_TLBI_NH_ALL";
            map_stage2(g, ipa(first), somewhere());
            m_.put({word(opcode::CMD_TLBI_S2_IPA, first_vmid + g, 0), ipa(first) | leaf});
            m_.put({static_cast<std::uint64_t>(opcode::CMD_SYNC), 0});
            m_.put({word(opcode::CMD_TLBI_NH_ALL, first_vmid + g, 0), 0});
            break;
        }
        case 6:
            what_ = "CMD_TLBI_S12_VMALL";
            for (unsigned p = first; p < first + count; ++p)
                map_stage2(g, ipa(p), somewhere());
            m_.put({word(opcode::CMD_TLBI_S12_VMALL, first_vmid + g, 0), 0});
            break;
        case 7: {
            what_ = "CMD_CFGI_STE";
            const auto stream = static_cast<unsigned>(choose_(streams));
            streams_[stream].mode = static_cast<stream_mode>(choose_(3));
            streams_[stream].space = static_cast<unsigned>(choose_(spaces));
            write_ste(stream);
            m_.put({static_cast<std::uint64_t>(opcode::CMD_CFGI_STE) | std::uint64_t{stream} << 32, 1});
            break;
        }
        default: { // another ASID and other tables, of this space's own kind
            what_ = "CMD_CFGI_CD";
            new_tables(s);
            for (unsigned stream = 0; stream < streams; ++stream)
                if (streams_[stream].space == s)
                    m_.put({static_cast<std::uint64_t>(opcode::CMD_CFGI_CD) | std::uint64_t{stream} << 32, 1});
            break;
        }
        }
    }
    std::array<address_space, spaces> spaces_;
    std::array<guest_memory, guests> guests_;
    std::array<stream_state, streams> streams_;
    std::uint64_t next_table_ = table_base + 0x40'0000;
    std::uint16_t next_asid_ = first_asid;
};

TEST(smmu_v3_in_flight, nothing_stale_is_used_after_a_synchronisation) {
    const std::vector<memory_range> ranges{{0, base::identity_bytes, "identity"},
                                           {table_base, 0x100'0000, "tables"},
                                           {base::output_base, base::output_bytes, "outputs"}};
    hunt_stale_translations<software, smmu_v3_machine, smmu_v3::smmu_parameters>(
        [&](const char* name, const smmu_v3::smmu_parameters& p, std::uint64_t latency_ps) {
            return std::make_unique<smmu_v3_machine>(name, p, ranges, latency_ps);
        },
        [](const ref::chooser& choose) { return small_parameters(choose, base::ports); });
}

} // namespace
} // namespace iommulab::harness
