// SPDX-License-Identifier: Apache-2.0
// Random structures and tables of both stages against the reference: who may go where, and what is recorded, in all
// three modes, with whatever is cached. Then guests that program anything.
#include "testbenches/harness/fuzzing_guest.h"
#include "testbenches/harness/random_cases.h"
#include "testbenches/vtd/machine.h"
#include "testbenches/vtd/reference.h"
#include "testbenches/vtd/small.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace iommulab::harness {
namespace {

namespace ref = iommulab::reference;
namespace reg = vtd::reg;

constexpr std::uint64_t output_base = 0x1'0000'0000, output_bytes = 0x1000'0000, nowhere = 0x20'0000'0000;
/// Of two buses, and of both halves of a bus's context entries.
constexpr std::uint32_t sources[] = {0x08, 0x13, 0x80, 0xf8, 0x100, 0x1a0};
constexpr std::uint32_t pasids[] = {0, 1, 63, 64, 200};
constexpr std::uint64_t frame = 0x000f'ffff'ffff'f000;

/// Software that means well, mostly: structures, tables; and inputs that are worth a try.
class random_software {
  public:
    random_software(vtd_machine& m, const ref::chooser& choose) : m_(m), choose_(choose), f_(m.implemented()) {
        m.clear();
        setup.root_table = vtd_machine::root;
        setup.cap = m.get(reg::CAP);
        setup.ecap = m.get(reg::ECAP);
        setup.host_bits = f_.host_bits;
        setup.scalable = f_.scalable_mode && choose(4) != 0;
        for (const std::uint32_t source : sources) {
            const unsigned domain = 1 + next_domain_++;
            if (setup.scalable)
                write_scalable(source, domain);
            else
                write_legacy(source, domain);
        }
        for (const std::uint64_t page : structures_)
            for (std::uint64_t at = page; at < page + 0x1000; at += 8)
                if (const std::uint64_t word = m.read_word(at))
                    words_.emplace_back(at, word);
        m.enable(setup.scalable);
    }
    /// False: accessed and dirty bits were written into structures, to which a spoilt table led; what caches hold of
    /// those is not to be compared any more.
    [[nodiscard]] bool is_intact() const {
        return std::all_of(words_.begin(), words_.end(),
                           [&](const auto& w) { return m_.read_word(w.first) == w.second; });
    }
    ref::vtd_request request() {
        ref::vtd_request r;
        r.source = choose_(32) ? sources[choose_(std::size(sources))] : static_cast<std::uint32_t>(choose_(0x300));
        r.address = any_input() & ~std::uint64_t{7};
        r.write = choose_(2);
        if (choose_(setup.scalable ? 2 : 40) == 0) {
            r.pasid = choose_(16) ? pasids[choose_(std::size(pasids))] : static_cast<std::uint32_t>(choose_(1 << 20));
            r.privileged = choose_(3) == 0;
            r.instruction = choose_(4) == 0;
        }
        return r;
    }
    std::uint64_t any_input() {
        static constexpr std::uint64_t special[] = {0xfee0'0000,           0xfeef'f000,          0xfedf'f000,
                                                    0xfef0'0000,           0x7f'ffff'f000,       0x80'0000'0000,
                                                    0xffff'ffff'f000,      0x1'0000'0000'0000,   0xffff'8000'0000'0000,
                                                    0x01ff'ffff'ffff'f000, 0xff00'0000'0000'0000};
        switch (choose_(12)) {
        case 0:
            return special[choose_(std::size(special))] + choose_(0x1000);
        case 1:
            return choose_(~std::uint64_t{0});
        default: {
            if (inputs_.empty())
                return choose_(0x10'0000);
            const auto& [base, size] = inputs_[choose_(inputs_.size())];
            std::uint64_t at = base + (choose_(4) ? choose_(size) : choose_(2) ? 0 : size - 8);
            if (choose_(12) == 0)
                at ^= std::uint64_t{1} << (12 + choose_(52)); // beside it
            return at;
        }
        }
    }

    ref::vtd_setup setup;

  private:
    std::uint64_t new_structure() { return structures_.emplace_back(m_.new_table()); }
    bool rarely(unsigned one_in) { return choose_(one_in) == 0; }
    std::uint64_t any_bit(unsigned from = 0) { return std::uint64_t{1} << (from + choose_(64 - from)); }
    std::uint64_t flags(std::initializer_list<unsigned> bits) {
        std::uint64_t all = 0;
        for (const unsigned b : bits)
            all |= choose_(2) << b;
        return all;
    }
    /// The table that the root entry names for `source`.
    std::uint64_t context_table(std::uint32_t source) {
        const std::uint64_t at = vtd_machine::root + (source >> 8) * 16 + (setup.scalable ? source >> 7 & 1 : 0) * 8;
        if (m_.read_word(at) == 0)
            m_.write_word(at, (rarely(30) ? any_bit() & ~std::uint64_t{1} : 0) ^ (new_structure() | 1));
        return watched(m_.read_word(at));
    }
    /// The page of structures that an entry leads to, spoilt or not.
    std::uint64_t watched(std::uint64_t entry) { return structures_.emplace_back(entry & frame); }
    unsigned second_levels() {
        std::vector<unsigned> possible;
        for (unsigned l = 3; l <= 5; ++l)
            if (f_.has_levels(l))
                possible.push_back(l);
        return possible.empty() ? 4 : possible[choose_(possible.size())];
    }
    void write_legacy(std::uint32_t source, unsigned domain) {
        const unsigned levels = second_levels();
        const std::uint64_t type = choose_(6) ? 0 : choose_(4);
        std::array<std::uint64_t, 2> w{1 | type << 2, (levels - 2) | std::uint64_t{domain} << 8};
        if (type < 2)
            w[0] |= build_second(levels, false);
        w[0] |= flags({1}) & (choose_(4) ? 0 : ~0ULL); // FPD
        if (rarely(8))
            w[choose_(2)] ^= choose_(2) ? any_bit() : std::uint64_t{1} << choose_(8);
        m_.write_words(context_table(source) + (source & 0xff) * 16, w);
    }
    void write_scalable(std::uint32_t source, unsigned domain) {
        const std::uint64_t directory = new_structure();
        for (const std::uint32_t pasid : pasids) {
            const std::uint64_t at = directory + (pasid >> 6) * 8;
            if (m_.read_word(at) == 0)
                m_.write_word(at, new_structure() | 1 | (rarely(10) ? 2 : 0));
            auto w = pasid_entry(domain + next_domain_++);
            if (rarely(10))
                w[choose_(4)] ^= choose_(2) ? any_bit() : std::uint64_t{1} << choose_(12);
            m_.write_words(watched(m_.read_word(at)) + (pasid & 63) * 64, w);
            if (rarely(40)) {
                m_.write_word(at, m_.read_word(at) ^ any_bit());
                watched(m_.read_word(at));
            }
        }
        std::array<std::uint64_t, 4> w{directory | 1 | (choose_(6) ? 8 : 0) | (choose_(4) ? 0 : choose_(8) << 9),
                                       pasids[choose_(std::size(pasids))], 0, 0};
        if (f_.supervisor_requests && choose_(4) == 0)
            w[1] |= 1 << 20; // RID_PRIV
        if (rarely(12))
            w[0] ^= 2;
        if (rarely(12))
            w[choose_(4)] ^= choose_(2) ? any_bit() : std::uint64_t{1} << choose_(12);
        watched(w[0]);
        m_.write_words(context_table(source) + (source & 0x7f) * 32, w);
    }
    std::array<std::uint64_t, 4> pasid_entry(unsigned domain) {
        std::vector<unsigned> kinds{4};
        for (unsigned n = 0; n < 3; ++n) {
            if (f_.first_stage)
                kinds.push_back(1);
            if (f_.second_stage)
                kinds.push_back(2);
            if (f_.nested)
                kinds.push_back(3);
        }
        const unsigned type = rarely(20) ? static_cast<unsigned>(choose_(8)) : kinds[choose_(kinds.size())];
        const unsigned levels = second_levels();
        const unsigned first_levels = f_.first_stage_5_levels && choose_(2) ? 5 : 4;
        std::array<std::uint64_t, 4> w{1 | std::uint64_t{levels - 2} << 2 | std::uint64_t{type} << 6, domain, 0, 0};
        if (f_.execute_requests)
            w[2] |= flags({1, 5});
        if (f_.supervisor_requests)
            w[2] |= flags({0, 4, 6});
        if (f_.extended_accessed)
            w[2] |= flags({7});
        if (f_.second_stage_accessed_dirty)
            w[0] |= flags({9});
        if (f_.execute_requests)
            w[0] |= flags({5}); // SLEE
        if (rarely(8))
            w[0] |= 2;
        if (type == 2 || type == 3)
            w[0] |= build_second(levels, type == 3);
        if (type == 1 || type == 3)
            w[2] |= build_first(first_levels) | std::uint64_t{first_levels - 4} << 2;
        return w;
    }

    struct format {
        std::uint64_t leaf, table; ///< bits of good entries
        unsigned input_bits;
        bool canonical;
    };
    std::uint64_t build_second(unsigned levels, bool for_guest) {
        const std::uint64_t root = m_.new_table();
        std::vector<std::uint64_t> entries;
        const unsigned width = std::min(12 + 9 * levels, f_.guest_bits);
        if (for_guest) { // guests' tables and outputs are where they are
            for (std::uint64_t at = vtd_machine::own_base; at < vtd_machine::own_base + vtd_machine::own_bytes;
                 at += f_.pages_2m ? 0x20'0000 : 0x1000)
                m_.map_second(root, levels, at, at, 7, f_.pages_2m ? 21 : 12);
            if (f_.pages_2m)
                for (std::uint64_t at = output_base; at < output_base + output_bytes; at += 0x20'0000)
                    entries.push_back(m_.map(root, levels, at, at, 7, 7, 21));
            if (rarely(4)) // guests' tables too
                spoil(m_.map_second(root, levels, vtd_machine::own_base + choose_(4) * 0x20'0000, vtd_machine::own_base,
                                    7, f_.pages_2m ? 21 : 12));
        }
        fill(root, levels, {7, 7, width, false}, f_.pages_2m, f_.pages_1g, entries);
        return root;
    }
    std::uint64_t build_first(unsigned levels) {
        const std::uint64_t root = m_.new_table();
        std::vector<std::uint64_t> entries;
        fill(root, levels, {7, 7, 12 + 9 * levels, true}, true, f_.first_stage_1g, entries);
        return root;
    }
    /// Pages of all sizes, some of which are spoilt.
    void fill(std::uint64_t root, unsigned levels, const format& f, bool has_2m, bool has_1g,
              std::vector<std::uint64_t>& entries) {
        for (unsigned n = 1 + static_cast<unsigned>(choose_(8)); n != 0; --n) {
            const unsigned level = choose_(3) ? 1 : has_1g && choose_(3) == 0 ? 3 : has_2m ? 2 : 1;
            const std::uint64_t size = std::uint64_t{1} << (12 + 9 * (level - 1));
            std::uint64_t at = choose_(3) ? choose_(0x1'0000'0000) : choose_(~std::uint64_t{0});
            at &= ((std::uint64_t{1} << f.input_bits) - 1) & ~(size - 1);
            if (!free_for(root, levels, at, level))
                continue;
            const std::uint64_t output = (output_base + choose_(output_bytes)) & ~(size - 1);
            std::uint64_t leaf = f.leaf;
            if (rarely(3))
                leaf ^= 1 << choose_(3);
            m_.map(root, levels, at, output, leaf, f.table, 12 + 9 * (level - 1));
            for (unsigned l = levels; l >= level; --l)
                entries.push_back(entry(root, levels, at, l));
            if (f.canonical && (at >> (f.input_bits - 1) & 1) != 0)
                at |= ~std::uint64_t{0} << f.input_bits;
            inputs_.emplace_back(at, size);
        }
        for (unsigned n = static_cast<unsigned>(choose_(4)); n != 0 && !entries.empty(); --n)
            spoil(entries[choose_(entries.size())]);
    }
    std::uint64_t entry(std::uint64_t table, unsigned levels, std::uint64_t at, unsigned level) {
        for (unsigned l = levels;; --l) {
            const std::uint64_t place = table + (at >> (12 + 9 * (l - 1)) & 0x1ff) * 8;
            if (l == level)
                return place;
            table = m_.read_word(place) & frame;
        }
    }
    /// Is nothing there yet, neither a page where a table would have to be nor the other way round?
    bool free_for(std::uint64_t table, unsigned levels, std::uint64_t at, unsigned level) {
        for (unsigned l = levels;; --l) {
            const std::uint64_t word = m_.read_word(table + (at >> (12 + 9 * (l - 1)) & 0x1ff) * 8);
            if (word == 0)
                return true;
            if (l == level || (word & 0x80) != 0)
                return false;
            table = word & frame;
        }
    }
    void spoil(std::uint64_t at) {
        std::uint64_t word = m_.read_word(at);
        switch (choose_(6)) {
        case 0:
            word = 0;
            break;
        case 1:
            word &= ~choose_(8); // rights
            break;
        case 2:
            word ^= std::uint64_t{1} << choose_(12);
            break;
        case 3:
            word ^= any_bit(52);
            break;
        case 4:
            word ^= any_bit();
            break;
        default:
            word = (word & ~frame) | nowhere;
        }
        m_.write_word(at, word);
    }

    vtd_machine& m_;
    const ref::chooser& choose_;
    const vtd::features& f_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> inputs_, words_;
    std::vector<std::uint64_t> structures_{vtd_machine::root};
    unsigned next_domain_ = 0;
};

enum class way { approximate, loose, debug };

struct tally {
    unsigned ok = 0, refused = 0;
    std::map<unsigned, unsigned> reasons;
};

vtd_machine::record expected_record(const ref::vtd_request& r, unsigned reason) {
    namespace rec = vtd::fault_record;
    vtd_machine::record all{r.address & ~std::uint64_t{0xfff}, 0};
    all[1] = std::uint64_t{1} << 63 | std::uint64_t{!r.write} << 62 | std::uint64_t{reason} << 32 | r.source;
    if (r.pasid)
        all[1] |= std::uint64_t{*r.pasid} << 40 | 1ULL << 31 | std::uint64_t{r.instruction && !r.write} << 30 |
                  std::uint64_t{r.privileged} << 29;
    return all;
}

/// One access by one way, and all that came of it.
void judge(vtd_machine& m, way mode, const ref::vtd_setup& setup, ref::vtd_request r, tally& seen) {
    r.updates = mode != way::debug;
    const ref::vtd_memory memory = [&m](std::uint64_t at) -> std::optional<std::uint64_t> {
        return m.exists(at, 8) ? std::optional(m.read_word(at)) : std::nullopt;
    };
    const ref::vtd_answer expected = ref::vtd_translate(memory, setup, r);
    const bool there = expected.ok && m.exists(expected.output, 8);
    std::optional<std::uint64_t> left_to;
    m.taps[0]->leaves = [&](const tlm::tlm_generic_payload& p) { left_to = p.get_address(); };
    if (mode == way::debug) {
        access a;
        a.source_id = r.source;
        a.address = r.address;
        a.length_bytes = 8;
        a.write = r.write;
        a.has_pasid = r.pasid.has_value();
        a.pasid = r.pasid.value_or(0);
        a.privileged = r.privileged;
        a.instruction = r.instruction;
        const std::optional<translation> found = m.model.probe(a);
        if (found)
            left_to = found->output(r.address);
    } else {
        device_access a;
        a.source_id = r.source;
        a.address = r.address;
        a.write = r.write;
        a.pasid = r.pasid;
        a.privileged = r.privileged;
        a.instruction = r.instruction;
        a.data.resize(8);
        for (unsigned n = 0; n < 8 && a.write && there; ++n) // whatever is there stays what it is
            a.data[n] = static_cast<unsigned char>(m.read_word(expected.output) >> 8 * n);
        if (mode == way::loose)
            m.devices[0]->transport(a);
        else
            m.devices[0]->issue(a);
        EXPECT_TRUE(m.settle());
        EXPECT_EQ(a.status == tlm::TLM_OK_RESPONSE, there);
    }
    m.taps[0]->leaves = {};
    const auto what = [&] {
        std::ostringstream text;
        text << "device " << std::hex << r.source << (r.write ? " writes " : " reads ") << r.address;
        if (r.pasid)
            text << " with PASID " << *r.pasid << (r.privileged ? " privileged" : "")
                 << (r.instruction ? " instruction" : "");
        text << ", expected reason " << expected.reason;
        return text.str();
    };
    EXPECT_EQ(left_to, expected.ok ? std::optional(expected.output) : std::nullopt) << what();
    std::vector<vtd_machine::record> records;
    for (unsigned n = 0; n < m.implemented().fault_records; ++n)
        if (const auto found = m.fault(n); found[1] >> 63) {
            records.push_back(found);
            m.clear_fault(n);
        }
    const bool records_it = expected.recorded && mode != way::debug;
    EXPECT_EQ(records.size(), records_it ? 1U : 0U) << what();
    EXPECT_EQ(m.get(reg::FSTS) & 0xff, 0U) << what();
    if (records_it && records.size() == 1) {
        const vtd_machine::record wanted = expected_record(r, expected.reason);
        EXPECT_EQ(vtd::describe_fault(records[0]), vtd::describe_fault(wanted)) << what();
        EXPECT_EQ(records[0], wanted) << what();
    }
    ++(expected.ok ? seen.ok : seen.refused);
    if (!expected.ok)
        ++seen.reasons[expected.reason];
}

std::vector<std::unique_ptr<vtd_machine>> machines_of(const ref::chooser& choose, simulation_mode mode) {
    std::vector<std::unique_ptr<vtd_machine>> machines;
    const auto add = [&](const vtd::unit_parameters& p) {
        vtd::unit_parameters q = p;
        q.mode = mode;
        machines.push_back(
            std::make_unique<vtd_machine>(("m" + std::to_string(machines.size())).c_str(), q,
                                          std::vector<memory_range>{{output_base, output_bytes, "outputs"}}));
    };
    add({});
    for (const char* like : {"", "", "qemu", "qemu-39", "qemu-first-stage-no-1g", "qemu-second-stage"}) {
        vtd::unit_parameters p = small_vtd_parameters(choose, 1);
        if (*like)
            p.id = vtd::preset_parameters(like).id;
        else
            p.host_address_bits = static_cast<std::uint32_t>(40 + choose(13));
        add(p);
    }
    return machines;
}

void compare_with_the_reference(way mode) {
    std::random_device seeds;
    const std::uint64_t shapes_seed = seeds();
    SCOPED_TRACE("shapes of seed " + std::to_string(shapes_seed));
    std::mt19937_64 shape_engine(shapes_seed);
    const auto machines =
        machines_of(ref::choose_with(shape_engine),
                    mode == way::loose ? simulation_mode::loosely_timed : simulation_mode::cycle_approximate);
    tally seen;
    check_random_cases("the reference says the same", 600, [&](const ref::chooser& choose) {
        vtd_machine& m = *machines[choose(machines.size())];
        random_software software(m, choose);
        for (unsigned n = 0; n < 60 && software.is_intact() && !::testing::Test::HasFailure(); ++n)
            judge(m, mode, software.setup, software.request(), seen);
        EXPECT_EQ(m.violations(), "");
    });
    EXPECT_GT(seen.ok, 100U);
    EXPECT_GT(seen.refused, 100U);
    for (const unsigned reason : {0x02U, 0x05U, 0x06U, 0x41U, 0x59U, 0x5dU, 0x71U, 0x79U, 0x80U, 0x81U})
        EXPECT_GT(seen.reasons[reason], 0U) << std::hex << reason;
}

TEST(vtd_property, cycle_approximate_accesses_are_answered_as_the_reference_says) {
    compare_with_the_reference(way::approximate);
}
TEST(vtd_property, loosely_timed_accesses_are_answered_as_the_reference_says) {
    compare_with_the_reference(way::loose);
}
TEST(vtd_property, debug_accesses_are_answered_as_the_reference_says) {
    compare_with_the_reference(way::debug);
}

// --- guests that program anything ------------------------------------------------------------------------------------

class vtd_guest final : public fuzzing_guest {
  public:
    vtd_guest(vtd_machine& m, const ref::chooser& choose) : fuzzing_guest(m, choose), m_(m), sound_(m, choose) {
        for (unsigned n = 0; n < 64; ++n)
            write_descriptor();
    }
    bool give_up() {
        m_.set(reg::GCMD, 0);
        return m_.settle(2'000'000);
    }

  private:
    std::uint64_t any_address() override {
        const std::uint64_t places[] = {vtd_machine::own_base,    vtd_machine::queue, vtd_machine::status,
                                        vtd_machine::first_table, output_base,        nowhere,
                                        ~std::uint64_t{0} << 20,  0xfee0'0000};
        return near_one_of(places);
    }
    void disturb() override {
        using namespace vtd;
        switch (choose_(10)) {
        case 0:
            poke_register(registers());
            break;
        case 1:
            poke_place(0x1000);
            break;
        case 2: // off and on, with another mode and queue
            m_.set(reg::GCMD, choose_(2) ? 0 : any());
            m_.set(reg::RTADDR, vtd_machine::root | choose_(choose_(4) ? 2 : 4) << 10);
            m_.set(reg::IQA, vtd_machine::queue | choose_(2) << 11 | choose_(choose_(4) ? 2 : 8));
            m_.set(reg::GCMD, gcmd::SRTP.make(1) | gcmd::QIE.make(choose_(8) != 0));
            m_.set(reg::GCMD, gcmd::QIE.make(choose_(8) != 0) | gcmd::TE.make(choose_(8) != 0));
            break;
        case 3:
        case 4:
            write_descriptor();
            m_.set(reg::IQT, choose_(4) ? m_.get(reg::IQT) + 32 * (1 + choose_(8)) : any());
            break;
        case 5: // tables that lead anywhere, themselves too
            m_.write_word(vtd_machine::first_table + choose_(0x1'0000) * 8,
                          choose_(2) ? any() : (any_address() & ~std::uint64_t{0xfff}) | choose_(0x100));
            break;
        case 6:
            m_.write_word(vtd_machine::root + choose_(0x600) * 8, choose_(2) ? any() : any_address() | choose_(16));
            break;
        case 7: // invalidation by registers, and errors that software takes
            m_.set(reg::FSTS, any());
            if (choose_(2))
                m_.set(reg::CCMD, any() | std::uint64_t{1} << 63);
            else
                m_.set(reg::IOTLB, any() | std::uint64_t{1} << 63);
            for (unsigned n = 0; n < m_.implemented().fault_records; ++n)
                m_.clear_fault(n);
            break;
        default:
            access();
        }
    }
    void write_descriptor() {
        // context cache, IOTLB by domain and page, wait with status, IOTLB by PASID, PASID cache
        constexpr std::uint64_t sound[] = {0x11, 0x22, 0x32, 0x25, 0x26, 0x27};
        const bool good = choose_(2);
        const std::uint64_t type = choose_(choose_(4) ? 9 : 16);
        const std::uint64_t bits = any() & ~std::uint64_t{0xe0f} & (choose_(3) ? 0x0000'00ff'ffff'ffff : ~0ULL);
        const std::uint64_t high = choose_(2) ? any_address() & ~std::uint64_t{0xfff} : choose_(2) ? any() : 0;
        // half of them where the unit reads next, so that some are carried out
        const std::uint64_t place = choose_(2) ? m_.get(reg::IQT) / 16 % 256 : choose_(256);
        m_.write_words(
            vtd_machine::queue + place * 16,
            std::array<std::uint64_t, 2>{
                good ? sound[choose_(std::size(sound))] | choose_(32) << (choose_(2) ? 16 : 32) : bits | type, high});
    }
    void access() {
        if (is_busy())
            return;
        const ref::vtd_request r = sound_.request();
        device_access a;
        a.source_id = choose_(4) ? r.source : static_cast<std::uint32_t>(choose_(0x1'0000));
        a.address = choose_(4) ? r.address : any();
        a.write = r.write;
        a.pasid = choose_(8) ? r.pasid : static_cast<std::uint32_t>(choose_(1 << 20));
        issue(odd(std::move(a)));
    }

    vtd_machine& m_;
    random_software sound_;
};

TEST(vtd_fuzz, no_guest_stops_the_simulation) {
    std::mt19937_64 shapes(1);
    const auto machines = machines_of(ref::choose_with(shapes), simulation_mode::cycle_approximate);
    std::map<std::string, std::uint64_t> counted;
    check_random_cases("a guest may write anything", 800, [&](const ref::chooser& choose) {
        vtd_machine& m = *machines[choose(machines.size())];
        {
            vtd_guest guest(m, choose);
            guest.run();
            EXPECT_TRUE(guest.give_up()) << "does not come to rest";
            RC_ASSERT(!::testing::Test::HasFailure());
        }
        for (const counter& c : m.model.counters())
            counted[c.name] += *c.value;
        tally seen; // after a reset it is a good IOMMU again
        random_software software(m, choose);
        for (unsigned n = 0; n < 4 && software.is_intact(); ++n)
            judge(m, way::approximate, software.setup, software.request(), seen);
        EXPECT_EQ(m.violations(), "");
    });
    for (const char* name : {"descriptors", "tlb_invalidation_commands", "config_invalidation_commands", "waits",
                             "queue_errors", "faults", "faults_collapsed", "faults_lost", "messages"})
        EXPECT_GT(counted[name], 0U) << name;
}

} // namespace
} // namespace iommulab::harness
