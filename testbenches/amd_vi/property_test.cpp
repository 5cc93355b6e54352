// SPDX-License-Identifier: Apache-2.0
// Random device tables and host tables against the reference: who may go where, and what is logged, in all three modes,
// with whatever is cached. Then guests that program anything.
#include "testbenches/amd_vi/machine.h"
#include "testbenches/amd_vi/reference.h"
#include "testbenches/amd_vi/small.h"
#include "testbenches/harness/fuzzing_guest.h"
#include "testbenches/harness/random_cases.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace iommulab::harness {
namespace {

namespace ref = iommulab::reference;
namespace reg = amd_vi::reg;

constexpr unsigned devices = 6;
constexpr std::uint64_t output_base = 0x1'0000'0000, output_bytes = 0x1000'0000;

/// Software that means well, mostly: device table, tables, exclusion range; and inputs that are worth a try.
class random_software {
  public:
    random_software(amd_vi_machine& m, const ref::chooser& choose) : m_(m), choose_(choose) {
        m.clear();
        m.next_table = amd_vi_machine::tables_base;
        m.tail = m.read_events = 0;
        setup.device_table = amd_vi_machine::devtab;
        setup.device_table_bytes = 4096;
        for (std::uint32_t d = 0; d < devices; ++d)
            write_device(d);
        if (choose(3) == 0) {
            setup.exclusion = true;
            setup.exclusion_for_all = choose(2);
            setup.exclusion_first = any_input() & 0x000f'ffff'ffff'f000;
            setup.exclusion_last = setup.exclusion_first + choose(4) * 0x1000 + 0xfff;
            m.set(reg::ExclusionLimit, setup.exclusion_last);
            m.set(reg::ExclusionBase, setup.exclusion_first | 1 | (setup.exclusion_for_all ? 2 : 0));
        }
        m.start();
    }
    ref::amd_vi_request request() {
        const auto d = static_cast<std::uint32_t>(choose_(32) ? choose_(devices) : 120 + choose_(20));
        return {d, any_input() & ~std::uint64_t{7}, choose_(2) != 0};
    }
    std::uint64_t any_input() {
        static constexpr std::uint64_t special[] = {0xfee0'0000,    0xfeef'ff00,    0xfedf'f000,    0xfd'0000'0000,
                                                    0xfd'f800'0000, 0xfd'f910'0000, 0xfd'f920'0000, 0xfd'fc00'0000,
                                                    0xfd'fe00'0000, 0xff'ffff'f000, 0x100'0000'0000};
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

    ref::amd_vi_setup setup;

  private:
    void write_device(std::uint32_t d) {
        const auto levels = static_cast<unsigned>(choose_(8) ? 1 + choose_(6) : 0);
        auto w = amd_vi_machine::entry(1 + d, 0, levels, choose_(10) != 0, choose_(10) != 0);
        if (levels != 0)
            w[0] |= build(levels);
        const auto flip = [&](unsigned word, unsigned bit) { w[word] ^= std::uint64_t{1} << bit; };
        w[1] |= choose_(4) << 35 | choose_(4) << 40 | choose_(2) << 39; // IoCtl, SysMgt, EX
        w[2] = choose_(2) ? 1 | choose_(3) << 60 : 0;                   // IV, IntCtl
        if (choose_(8) == 0)
            flip(0, choose_(2) ? 0 : 1); // V, TV
        if (choose_(12) == 0)
            flip(0, static_cast<unsigned>(choose_(2) ? 2 + choose_(7) : 63));
        if (choose_(12) == 0)
            flip(1, 34); // SA
        if (choose_(16) == 0)
            w[0] |= 7 << 9;
        m_.write_entry(d, w);
    }
    /// Tables with pages of many sizes, some of which are spoilt. Returns the root.
    std::uint64_t build(unsigned levels) {
        auto t = m_.build(levels);
        const unsigned input_bits = std::min(64U, 12 + 9 * levels);
        std::vector<written> entries;
        for (unsigned n = 1 + static_cast<unsigned>(choose_(8)); n != 0; --n) {
            const auto log2_size =
                static_cast<unsigned>(choose_(3) ? 12 + choose_(3) : 12 + choose_(std::min(24U, input_bits - 12)));
            const std::uint64_t size = std::uint64_t{1} << log2_size;
            std::uint64_t at = (choose_(3) ? choose_(0x1'0000'0000) : choose_(~std::uint64_t{0}));
            at &= input_bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << input_bits) - 1;
            at &= ~(size - 1);
            const unsigned level = (log2_size - 12) / 9 + 1;
            const std::uint64_t step = std::uint64_t{1} << (12 + 9 * (level - 1)), alike = size / step;
            bool free = true;
            for (std::uint64_t e = 0; e < alike; ++e)
                free = free && !occupied(t, at + e * step, level);
            if (!free)
                continue;
            t.map(at, (output_base + choose_(output_bytes)) & ~(size - 1), log2_size);
            inputs_.emplace_back(at, size);
            for (unsigned l = levels; l >= level; --l)
                entries.push_back({t.entry(at, l), l == level ? alike : 1});
        }
        for (unsigned n = static_cast<unsigned>(choose_(4)); n != 0 && !entries.empty(); --n)
            spoil(entries[choose_(entries.size())]);
        return t.root();
    }
    /// Is there a page where a table would have to be, or the other way round?
    bool occupied(amd_v1_builder& t, std::uint64_t at, unsigned level) {
        std::uint64_t table = t.root();
        for (unsigned l = t.levels(); l >= level; --l) {
            const std::uint64_t word = m_.ddr.store().read_u64(table + (at >> (12 + 9 * (l - 1)) & 0x1ff) * 8);
            if (!(word & 1))
                return false;
            const unsigned next = word >> 9 & 7;
            if (next == 0 || next == 7)
                return true;
            table = word & 0x000f'ffff'ffff'f000;
        }
        return true; // a table
    }
    /// An entry, or as many alike as a page of its size takes (2.2.3): those stay alike, as what a TLB makes of others
    /// is not said.
    struct written {
        std::uint64_t address = 0, alike = 1;
    };
    void spoil(const written& entry) {
        std::uint64_t word = m_.ddr.store().read_u64(entry.address);
        switch (choose_(entry.alike == 1 ? 6 : 3)) {
        case 0:
            word = 0;
            break;
        case 1:
            word &= ~(std::uint64_t{1 + choose_(3)} << 61); // rights
            break;
        case 2:
            word ^= std::uint64_t{1} << (52 + choose_(9));
            break;
        case 3:
            word ^= std::uint64_t{1} << (choose_(2) ? 12 + choose_(52) : choose_(9));
            break;
        case 4:
            word = (word & ~std::uint64_t{0xe00}) | choose_(7) << 9;
            break;
        default:
            word = (word & ~std::uint64_t{0x000f'ffff'ffff'f000}) | amd_vi_machine::nowhere;
        }
        for (std::uint64_t n = 0; n < entry.alike; ++n)
            m_.ddr.store().write_u64(entry.address + 8 * n, word);
    }

    amd_vi_machine& m_;
    const ref::chooser& choose_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> inputs_;
};

enum class way { approximate, loose, debug };

struct tally {
    unsigned ok = 0, refused = 0;
    std::map<unsigned, unsigned> events;
};

/// One access by one way, and all that came of it.
void judge(amd_vi_machine& m, way mode, const ref::amd_vi_setup& setup, const ref::amd_vi_request& r, tally& seen) {
    const ref::amd_vi_memory memory = [&m](std::uint64_t at) -> std::optional<std::uint64_t> {
        return m.exists(at, 8) ? std::optional(m.ddr.store().read_u64(at)) : std::nullopt;
    };
    const ref::amd_vi_answer expected = ref::amd_vi_translate(memory, setup, r);
    std::optional<std::uint64_t> left_to;
    m.taps[0]->leaves = [&](const tlm::tlm_generic_payload& p) { left_to = p.get_address(); };
    if (mode == way::debug) {
        access a;
        a.source_id = r.device;
        a.address = r.address;
        a.length_bytes = 8;
        a.write = r.write;
        const std::optional<translation> found = m.model.probe(a);
        if (found)
            left_to = found->output(r.address);
    } else {
        device_access a;
        a.source_id = r.device;
        a.address = r.address;
        a.write = r.write;
        a.data.resize(8);
        if (a.write) // whatever is there stays what it is
            for (unsigned n = 0; n < 8 && expected.ok && m.exists(expected.output, 8); ++n)
                a.data[n] = static_cast<unsigned char>(m.ddr.store().read_u64(expected.output) >> 8 * n);
        if (mode == way::loose)
            m.devices[0]->transport(a);
        else
            m.devices[0]->issue(a);
        EXPECT_TRUE(m.settle());
        const bool there = expected.ok && m.exists(expected.output, 8);
        EXPECT_EQ(a.status == tlm::TLM_OK_RESPONSE, there);
    }
    m.taps[0]->leaves = {};
    EXPECT_EQ(left_to, expected.ok ? std::optional(expected.output) : std::nullopt)
        << "device " << r.device << (r.write ? " writes " : " reads ") << std::hex << r.address << ", expected "
        << (expected.event ? amd_vi::describe_event(*expected.event) : "no event");
    const auto logged = m.logged();
    m.set(reg::EventLogHead, m.read_events);
    const bool records = expected.event && mode != way::debug;
    EXPECT_EQ(logged.size(), records ? 1U : 0U);
    if (records && logged.size() == 1) {
        EXPECT_EQ(amd_vi::describe_event(logged[0]), amd_vi::describe_event(*expected.event));
        EXPECT_EQ(logged[0], *expected.event);
    }
    ++(expected.ok ? seen.ok : seen.refused);
    if (expected.event)
        ++seen.events[static_cast<unsigned>((*expected.event)[0] >> 60)];
}

void compare_with_the_reference(way mode) {
    std::random_device seeds;
    const std::uint64_t shapes_seed = seeds();
    SCOPED_TRACE("shapes of seed " + std::to_string(shapes_seed));
    std::mt19937_64 shape_engine(shapes_seed);
    const ref::chooser choose_shape = ref::choose_with(shape_engine);
    std::vector<std::unique_ptr<amd_vi_machine>> machines;
    for (unsigned n = 0; n < 6; ++n) {
        amd_vi::amd_vi_parameters p;
        if (n != 0)
            p = small_amd_vi_parameters(choose_shape, 1);
        if (mode == way::loose)
            p.mode = simulation_mode::loosely_timed;
        machines.push_back(std::make_unique<amd_vi_machine>(
            ("m" + std::to_string(n)).c_str(), p, std::vector<memory_range>{{output_base, output_bytes, "outputs"}}));
    }
    tally seen;
    check_random_cases("the reference says the same", 150, [&](const ref::chooser& choose) {
        amd_vi_machine& m = *machines[choose(machines.size())];
        random_software software(m, choose);
        for (unsigned n = 0; n < 40 && !::testing::Test::HasFailure(); ++n)
            judge(m, mode, software.setup, software.request(), seen);
        EXPECT_EQ(m.violations(), "");
    });
    EXPECT_GT(seen.ok, 100U);
    EXPECT_GT(seen.refused, 100U);
    for (const unsigned code : {1U, 2U, 4U, 8U})
        EXPECT_GT(seen.events[code], 0U) << code;
}

TEST(amd_vi_property, cycle_approximate_accesses_are_answered_as_the_reference_says) {
    compare_with_the_reference(way::approximate);
}
TEST(amd_vi_property, loosely_timed_accesses_are_answered_as_the_reference_says) {
    compare_with_the_reference(way::loose);
}
TEST(amd_vi_property, debug_accesses_are_answered_as_the_reference_says) {
    compare_with_the_reference(way::debug);
}

// --- guests that program anything ------------------------------------------------------------------------------------

class amd_guest final : public fuzzing_guest {
  public:
    amd_guest(amd_vi_machine& m, const ref::chooser& choose) : fuzzing_guest(m, choose), m_(m), sound_(m, choose) {
        for (unsigned n = 0; n < 64; ++n)
            write_command();
    }
    bool give_up() {
        m_.set(reg::Control, 0);
        return m_.settle(2'000'000);
    }

  private:
    std::uint64_t any_address() override {
        const std::uint64_t places[] = {amd_vi_machine::own_base,
                                        amd_vi_machine::commands,
                                        amd_vi_machine::events,
                                        amd_vi_machine::tables_base,
                                        output_base,
                                        amd_vi_machine::nowhere,
                                        ~std::uint64_t{0} << 20};
        return near_one_of(places);
    }
    void disturb() override {
        switch (choose_(9)) {
        case 0:
            poke_register(amd_vi::registers());
            break;
        case 1:
            poke_place(amd_vi::register_space_bytes);
            break;
        case 2:
            m_.set(reg::Control, choose_(2) ? 0 : any());
            m_.set(reg::CommandBufferBase, amd_vi_machine::commands | amd_vi_machine::ring_length);
            m_.set(reg::Control, choose_(4) ? amd_vi_machine::running | amd_vi::control::GTEn.make(1) : any());
            break;
        case 3:
            write_command();
            m_.set(reg::CommandBufferTail, choose_(4) ? m_.get(reg::CommandBufferTail) + 16 * (1 + choose_(8)) : any());
            break;
        case 4: // tables that lead anywhere, themselves too
            m_.ddr.store().write_u64(amd_vi_machine::tables_base + choose_(0x1'0000) * 8,
                                     choose_(2) ? any()
                                                : (any_address() & ~std::uint64_t{0xfff}) | 1 | choose_(8) << 9);
            break;
        case 5:
            m_.ddr.store().write_u64(amd_vi_machine::devtab + choose_(devices * 4) * 8,
                                     choose_(2) ? any() : any_address() | 3);
            break;
        case 6:
            m_.request_page({.source_id = static_cast<std::uint32_t>(choose_(devices + 2)),
                             .pasid = static_cast<std::uint32_t>(choose_(1 << 20)),
                             .has_pasid = choose_(2) != 0,
                             .address = any()});
            break;
        default:
            access();
        }
    }
    void write_command() {
        m_.write_words(
            amd_vi_machine::commands + choose_(256) * 16,
            amd_vi_machine::words_2{(any() & ~(std::uint64_t{0xf} << 60) & (choose_(3) ? 0xffff'0000'ffff : ~0ULL)) |
                                        choose_(choose_(4) ? 9 : 16) << 60,
                                    choose_(2) ? any() & ~std::uint64_t{0xff8} : 0});
    }
    void access() {
        if (is_busy())
            return;
        const ref::amd_vi_request r = sound_.request();
        device_access a;
        a.source_id = choose_(4) ? r.device : static_cast<std::uint32_t>(any());
        a.address = choose_(4) ? r.address : any();
        a.write = r.write;
        if (choose_(3) == 0)
            a.pasid = static_cast<std::uint32_t>(choose_(choose_(2) ? 4 : 1 << 20));
        issue(odd(std::move(a)));
    }

    amd_vi_machine& m_;
    random_software sound_;
};

TEST(amd_vi_fuzz, no_guest_stops_the_simulation) {
    std::vector<std::unique_ptr<amd_vi_machine>> machines;
    for (unsigned n = 0; n < 3; ++n) {
        std::mt19937_64 engine(n);
        amd_vi::amd_vi_parameters p;
        if (n != 0)
            p = small_amd_vi_parameters(ref::choose_with(engine), 1);
        machines.push_back(std::make_unique<amd_vi_machine>(
            ("m" + std::to_string(n)).c_str(), p, std::vector<memory_range>{{output_base, output_bytes, "outputs"}}));
    }
    std::uint64_t commands = 0, errors = 0, events = 0, faults = 0;
    check_random_cases("a guest may write anything", 800, [&](const ref::chooser& choose) {
        amd_vi_machine& m = *machines[choose(machines.size())];
        {
            amd_guest guest(m, choose);
            guest.run();
            EXPECT_TRUE(guest.give_up()) << "does not come to rest";
            RC_ASSERT(!::testing::Test::HasFailure());
        }
        commands += m.counted("commands");
        errors += m.counted("command_errors");
        events += m.counted("events");
        faults += m.counted("faults");
        tally seen; // after a reset it is a good IOMMU again
        random_software software(m, choose);
        for (unsigned n = 0; n < 4; ++n)
            judge(m, way::approximate, software.setup, software.request(), seen);
        EXPECT_EQ(m.violations(), "");
    });
    EXPECT_GT(commands, 0U);
    EXPECT_GT(errors, 0U);
    EXPECT_GT(events, 0U);
    EXPECT_GT(faults, 0U);
}

} // namespace
} // namespace iommulab::harness
