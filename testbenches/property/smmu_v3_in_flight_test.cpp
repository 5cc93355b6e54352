// SPDX-License-Identifier: Apache-2.0
// What software takes back while devices go on: after CMD_SYNC completes, no access uses what was taken back, and none
// that used it is still under way (Arm IHI 0070, 3.21, 4.3, 4.4, 4.7.3).
//
// Software's tables are simple, and every page they ever point to is a fresh one, so that the place where an access
// lands tells which state of the tables it saw.
#include "testbenches/harness/smmu_v3_machine.h"
#include "testbenches/property/smmu_v3_cases.h"
#include "testbenches/reference/configuration_words.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <sstream>

namespace iommulab::harness {
namespace {

namespace ref = iommulab::reference;
using smmu_v3::opcode;

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t identity_bytes = 0x20'0000; // memory at the addresses that devices use, for bypass
constexpr std::uint64_t table_base = 0x8000'0000;   // identity in stage 2: a block of 1 GiB
constexpr std::uint64_t output_base = 0x1'0000'0000, output_bytes = 0x400'0000;
constexpr std::uint64_t ipa_base = 0x10'0000; // intermediate addresses of a guest's pages
constexpr unsigned pages = 16, streams = 6, spaces = 6, guests = 2, ports = 3;
constexpr std::uint64_t leaf_bits = 0x443 | 1 << 11;     // page, AF, AP[1], nG
constexpr std::uint64_t stage2_leaf = 0x4ff;             // page, AF, read and write, Normal
constexpr std::uint16_t first_asid = 10, first_vmid = 1; // guest n has VMID first_vmid + n

/// Input page n begins here: nothing is at address 0.
constexpr std::uint64_t input_of(std::uint64_t page) {
    return (page + 1) * page_bytes;
}

/// A stage 1 address space: its own tables and ASID, and a guest whose stage 2 is below, or none.
struct address_space {
    int guest = -1;
    std::uint64_t root = 0; ///< a level 2 table, then one of level 3
    std::uint16_t asid = 0;
    std::array<std::uint64_t, pages> output{}; ///< of each page, physical or intermediate; 0: not mapped
};
/// Intermediate page n is at ipa_base + n pages.
struct guest_memory {
    std::array<std::uint64_t, pages> output{};
};
enum class stream_mode { translates, bypasses, aborts };
struct stream_state {
    stream_mode mode = stream_mode::translates;
    unsigned space = 0;
};

class software {
  public:
    software(smmu_v3_machine& m, const ref::chooser& choose) : m_(m), choose_(choose) {
        for (unsigned n = 0; n < ports; ++n) {
            m.taps[n]->leaves = [this, n](const tlm::tlm_generic_payload& p) { leaves(n, p); };
            m.taps[n]->returned = [this](const tlm::tlm_generic_payload& p) { under_way_.erase(&p); };
            m.devices[n]->response_ps = choose(3) ? 0 : choose(4) * 900;
        }
        m.clear();
        for (unsigned s = 0; s < spaces; ++s) {
            spaces_[s].guest = s < 3 ? -1 : static_cast<int>(s % guests);
            new_tables(s);
        }
        for (unsigned g = 0; g < guests; ++g) {
            const std::uint64_t root = guest_table(g);
            m.ddr.store().write_u64(root, (root + page_bytes) | 3);
            m.ddr.store().write_u64(root + 2 * 8, table_base | (stage2_leaf & ~2ULL));
            m.ddr.store().write_u64(root + page_bytes, (root + 2 * page_bytes) | 3);
            for (unsigned p = 0; p < pages; ++p)
                map_stage2(g, p);
        }
        streams_[0].space = streams_[1].space = 0; // two devices of one address space
        for (unsigned s = 2; s < streams; ++s)
            streams_[s].space = s;
        for (unsigned s = 0; s < streams; ++s)
            write_ste(s);
        now_ = outputs();
        m.enable();
        history_.push_back({sc_core::sc_time_stamp().value(), true, now_});
    }
    ~software() {
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

  private:
    using view = std::array<std::array<std::uint64_t, pages>, streams>; // output page of each input page, 0: none

    static bool failed() { return ::testing::Test::HasFailure(); }
    static std::uint64_t guest_table(unsigned g) { return table_base + 0x10'0000 + g * 0x1'0000; } // levels 1, 2, 3
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
    std::uint64_t fresh_page() { return next_page_ += page_bytes; }
    void map_stage1(unsigned s, unsigned p, bool present = true) {
        std::uint64_t& output = spaces_[s].output[p];
        output = !present ? 0 : spaces_[s].guest < 0 ? fresh_page() : ipa_base + choose_(pages) * page_bytes;
        m_.ddr.store().write_u64(spaces_[s].root + page_bytes + (p + 1) * 8, output ? output | leaf_bits : 0);
    }
    void map_stage2(unsigned g, unsigned p, bool present = true) {
        std::uint64_t& output = guests_[g].output[p];
        output = present ? fresh_page() : 0;
        m_.ddr.store().write_u64(guest_table(g) + 2 * page_bytes + (ipa_base / page_bytes + p) * 8,
                                 output ? output | stage2_leaf : 0);
    }
    /// Where every page of every stream leads, as the tables are.
    view outputs() const {
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
                        to = guests_[static_cast<unsigned>(space.guest)].output[(to - ipa_base) / page_bytes];
                    all[s][p] = to;
                }
            }
        return all;
    }

    // --- devices

    void go_on(std::uint64_t ns) {
        for (const std::uint64_t end = now_ns() + ns; now_ns() < end && !failed();) {
            keep_busy();
            m_.run(1 + choose_(8));
        }
    }
    static std::uint64_t now_ns() { return sc_core::sc_time_stamp().value() / 1000; }
    void keep_busy() {
        for (auto& d : m_.devices)
            while (d->waiting() < 2) {
                device_access& a = accesses_.emplace_back();
                const auto stream = static_cast<unsigned>(choose_(streams));
                const std::uint64_t page = choose_(pages - 1);
                a.source_id = stream;
                a.address = input_of(page) + choose_(page_bytes);
                a.write = choose_(2) != 0;
                a.data.resize(choose_(6) ? 8 : 200, 0x5a);
                a.not_before_ps = sc_core::sc_time_stamp().value() + choose_(choose_(4) ? 5'000 : 60'000);
                d->issue(a);
                ++seen.accesses;
            }
    }
    /// An access leaves the SMMU. Also the moment at which a completed CMD_SYNC is noticed.
    void leaves(unsigned port, const tlm::tlm_generic_payload& p) {
        if (waiting_ && m_.consumed())
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
        m_.put({static_cast<std::uint64_t>(opcode::CMD_SYNC), 0});
        waiting_ = true;
        m_.ring();
        const std::uint64_t limit = now_ns() + 200'000;
        while (waiting_ && !failed()) {
            keep_busy();
            m_.run(1);
            if (waiting_ && m_.consumed())
                change_is_over();
            ASSERT_LT(now_ns(), limit) << "CMD_SYNC does not complete";
        }
        if (choose_(3) == 0)
            m_.take_events();
    }
    void change_is_over() {
        waiting_ = false;
        history_.push_back({sc_core::sc_time_stamp().value(), true, now_});
        for (const auto& [p, f] : under_way_)
            EXPECT_TRUE(may_be_used(f)) << text_of(f) << ": still under way after CMD_SYNC";
    }
    struct flight {
        std::uint32_t stream;
        unsigned page;
        std::uint64_t output;
    };
    bool may_be_used(const flight& f) const {
        return f.stream < streams && f.page < pages && f.output != 0 &&
               (f.output == now_[f.stream][f.page] || (waiting_ && f.output == before_[f.stream][f.page]));
    }
    std::string text_of(const flight& f) const {
        std::ostringstream out;
        out << std::hex << "stream " << f.stream << ", page " << f.page << ", to 0x" << f.output << " (now 0x"
            << now_[f.stream][f.page] << ", before 0x" << before_[f.stream][f.page] << ") at " << std::dec << now_ns()
            << " ns, after " << what_;
        return out.str();
    }

    static std::uint64_t word(opcode code, std::uint64_t vmid, std::uint64_t asid) {
        return static_cast<std::uint64_t>(code) | vmid << 32 | asid << 48;
    }
    std::uint64_t vmid_of(unsigned s) const {
        return spaces_[s].guest < 0 ? 0 : static_cast<std::uint64_t>(first_vmid + spaces_[s].guest);
    }
    bool somewhere() { return choose_(4) != 0; } // mapped anew; else not mapped

    void make_change() {
        const auto s = static_cast<unsigned>(choose_(spaces));
        const auto g = static_cast<unsigned>(choose_(guests));
        const auto first = static_cast<unsigned>(choose_(pages));
        const auto count = 1 + static_cast<unsigned>(choose_(pages - first));
        const std::uint64_t asid = spaces_[s].asid, vmid = vmid_of(s), leaf = choose_(2);
        const std::uint64_t va = input_of(first);
        const auto map_run = [&] {
            for (unsigned p = first; p < first + count; ++p)
                map_stage1(s, p, somewhere());
        };
        switch (choose_(9)) {
        case 0:
            what_ = "CMD_TLBI_NH_VA";
            map_run();
            for (unsigned p = 0; p < count; ++p)
                m_.put({word(opcode::CMD_TLBI_NH_VA, vmid, asid), (va + p * page_bytes) | leaf});
            break;
        case 1: { // NUM = count - 1 pages of 4K (4.4.1)
            what_ = "CMD_TLBI_NH_VA of a range";
            map_run();
            m_.put({word(opcode::CMD_TLBI_NH_VA, vmid, asid) | std::uint64_t{count - 1} << 12,
                    va | leaf | 1 << 10 | 3 << 8}); // TG, TTL: level 3
            break;
        }
        case 2:
            what_ = "CMD_TLBI_NH_VAA";
            map_stage1(s, first, somewhere());
            m_.put({word(opcode::CMD_TLBI_NH_VAA, vmid, 0), va | leaf});
            break;
        case 3:
            what_ = "CMD_TLBI_NH_ASID";
            map_run();
            m_.put({word(opcode::CMD_TLBI_NH_ASID, vmid, asid), 0});
            break;
        case 4:
            what_ = "CMD_TLBI_NH_ALL";
            map_run();
            m_.put({word(opcode::CMD_TLBI_NH_ALL, vmid, 0), 0});
            break;
        case 5: {
            what_ = "CMD_TLBI_S2_IPA and CMD_TLBI_NH_ALL";
            map_stage2(g, first, somewhere());
            m_.put({word(opcode::CMD_TLBI_S2_IPA, first_vmid + g, 0), (ipa_base + first * page_bytes) | leaf});
            m_.put({static_cast<std::uint64_t>(opcode::CMD_SYNC), 0});
            m_.put({word(opcode::CMD_TLBI_NH_ALL, first_vmid + g, 0), 0});
            break;
        }
        case 6:
            what_ = "CMD_TLBI_S12_VMALL";
            for (unsigned p = first; p < first + count; ++p)
                map_stage2(g, p, somewhere());
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
                << harness::text_of(a) << ", begun at " << a.begun_ps << " ps";
            ++seen.judged;
        }
    }

    smmu_v3_machine& m_;
    const ref::chooser& choose_;
    std::array<address_space, spaces> spaces_;
    std::array<guest_memory, guests> guests_;
    std::array<stream_state, streams> streams_;
    std::uint64_t next_page_ = output_base, next_table_ = table_base + 0x40'0000;
    std::uint16_t next_asid_ = first_asid;
    std::vector<period> history_;
    view now_{}, before_{};
    bool waiting_ = false; ///< for the CMD_SYNC of a change: both its sides may be seen
    const char* what_ = "";
    std::map<const tlm::tlm_generic_payload*, flight> under_way_;
    std::deque<device_access> accesses_;
};

TEST(smmu_v3_in_flight, nothing_stale_is_used_after_a_synchronisation) {
    std::random_device seeds;
    const std::uint64_t shapes_seed = seeds();
    SCOPED_TRACE("shapes of seed " + std::to_string(shapes_seed));
    std::mt19937_64 shape_engine(shapes_seed);
    const ref::chooser choose_shape = ref::choose_with(shape_engine);
    const std::vector<memory_range> ranges{
        {0, identity_bytes, "identity"}, {table_base, 0x100'0000, "tables"}, {output_base, output_bytes, "outputs"}};
    std::vector<std::unique_ptr<smmu_v3_machine>> machines;
    for (unsigned n = 0; n < 8; ++n) {
        smmu_v3::smmu_parameters p;
        p.ports = ports;
        if (n >= 2)
            p = small_parameters(choose_shape, ports);
        p.order = n % 2 ? access_order::per_requester : access_order::in_order;
        machines.push_back(std::make_unique<smmu_v3_machine>(("m" + std::to_string(n)).c_str(), p, ranges,
                                                             1'000 * (10 + choose_shape(300))));
    }
    unsigned landed = 0, refused = 0, judged = 0;
    setenv("RC_PARAMS", "max_success=60", 0);
    rc::check("stale translations are gone", [&] {
        const auto seed = *rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>());
        std::mt19937_64 engine(seed);
        const ref::chooser choose = ref::choose_with(engine);
        const auto n = choose(machines.size());
        SCOPED_TRACE("seed " + std::to_string(seed) + ", machine " + std::to_string(n));
        software s(*machines[n], choose);
        s.run();
        landed += s.seen.landed;
        refused += s.seen.refused;
        judged += s.seen.judged;
        RC_ASSERT(!::testing::Test::HasFailure());
    });
    EXPECT_GT(landed, 1000U);
    EXPECT_GT(refused, 100U);
    EXPECT_GT(judged, 100U);
}

} // namespace
} // namespace iommulab::harness
