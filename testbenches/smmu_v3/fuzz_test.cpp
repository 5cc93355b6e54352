// SPDX-License-Identifier: Apache-2.0
// Guests that program anything: whatever they write, wherever, the simulation goes on, comes to rest, keeps to the bus
// protocol, and a reset makes a good SMMU of it again.
#include "testbenches/harness/fuzzing_guest.h"
#include "testbenches/harness/random_cases.h"
#include "testbenches/smmu_v3/cases.h"
#include "testbenches/smmu_v3/machine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <random>

namespace iommulab::harness {
namespace {

namespace ref = iommulab::reference;
namespace reg = smmu_v3::reg;

constexpr unsigned streams = 1U << machine_layout::strtab_log2;

class smmu_guest final : public fuzzing_guest {
  public:
    smmu_guest(smmu_v3_machine& m, const ref::chooser& choose) : fuzzing_guest(m, choose), m_(m) {
        m.clear();
        // sound streams to begin with, so that not all noise ends at the first check
        for (unsigned n = 0; n < 3; ++n)
            programs_.push_back(random_program(choose, static_cast<ref::stages>(n), feature_set(0)));
        for (const auto& p : programs_)
            load(m, p);
        for (unsigned n = 0; n < 64; ++n)
            write_command();
    }
    /// What a driver does when all is lost: everything off, errors acknowledged, stalled accesses ended.
    bool give_up() {
        using namespace smmu_v3;
        for (unsigned attempt = 0; attempt < 8; ++attempt) {
            m_.set(reg::CR0, 0);
            for (unsigned n = 0; n < 200 && m_.get(reg::CR0ACK) != 0; ++n)
                m_.run(1'000);
            EXPECT_EQ(m_.get(reg::CR0ACK), 0U) << "disabled, and still at work";
            m_.set(reg::GERRORN, m_.get(reg::GERROR));
            m_.set(reg::CMDQ_BASE, machine_layout::cmdq | machine_layout::cmdq_log2);
            m_.set(reg::CMDQ_CONS, 0);
            m_.set(reg::CMDQ_PROD, 0);
            for (std::uint64_t sid = 0; sid < streams; ++sid)
                m_.write_words(
                    machine_layout::cmdq + sid * command::bytes,
                    std::array<std::uint64_t, 2>{static_cast<std::uint64_t>(opcode::CMD_STALL_TERM) | sid << 32, 0});
            m_.set(reg::CR0, cr0::CMDQEN.make(1));
            m_.set(reg::CMDQ_PROD, streams);
            if (m_.settle(200'000))
                return true;
        }
        return false;
    }

  private:
    /// Where things are, where nothing is, and anywhere.
    std::uint64_t any_address() override {
        const std::uint64_t places[] = {machine_layout::own_base,         machine_layout::strtab,
                                        programs_[0].options.table_base,  programs_[0].tables.free_table_page,
                                        programs_[0].options.output_base, programs_[0].options.hole_base,
                                        ~std::uint64_t{0} << 20};
        return near_one_of(places);
    }
    void disturb() override {
        switch (choose_(10)) {
        case 0:
            poke_register(smmu_v3::registers());
            break;
        case 1:
            poke_place(smmu_v3::register_space_bytes);
            break;
        case 2: // a queue or a table where there is none, or where there is another
            m_.set(reg::CR0, 0);
            m_.run(choose_(2) ? 1 : 5'000);
            m_.set(choose_(2)   ? reg::CMDQ_BASE
                   : choose_(2) ? reg::EVENTQ_BASE
                                : reg::STRTAB_BASE,
                   (any_address() & ~std::uint64_t{31}) | choose_(choose_(8) ? 8 : 32));
            m_.set(reg::STRTAB_BASE_CFG, choose_(4) ? machine_layout::strtab_log2 : any());
            m_.set(reg::CR0, 0xd);
            break;
        case 3:
            write_command();
            m_.set(reg::CMDQ_PROD, choose_(4) ? m_.get(reg::CMDQ_PROD) + 1 + choose_(8) : any());
            break;
        case 4: // tables: any word, among them tables that lead to themselves
            m_.ddr.store().write_u64(a_table_word(), choose_(2) ? any() : (any_address() & ~std::uint64_t{0xfff}) | 3);
            break;
        case 5:
            m_.ddr.store().write_u64(
                machine_layout::strtab + choose_(streams * smmu_v3::ste::bytes / 8) * 8,
                choose_(2) ? any() : m_.ddr.store().read_u64(machine_layout::strtab) ^ std::uint64_t{1} << choose_(64));
            break;
        case 6:
            m_.set(reg::GERRORN, choose_(4) ? m_.get(reg::GERROR) : any());
            m_.set(reg::EVENTQ_CONS, choose_(4) ? m_.get(reg::EVENTQ_PROD) : any());
            m_.set(reg::CR0, choose_(4) ? 0xd : any());
            break;
        default:
            access();
        }
    }
    std::uint64_t a_table_word() {
        const auto& words = programs_[choose_(programs_.size())].tables.memory;
        if (words.empty())
            return programs_[0].options.table_base;
        auto word = words.begin();
        std::advance(word, static_cast<std::ptrdiff_t>(choose_(words.size())));
        return word->first;
    }
    void write_command() {
        // every opcode that exists, and some that don't
        const std::uint64_t code = choose_(4) ? choose_(0x48) : choose_(256);
        m_.write_words(machine_layout::cmdq + choose_(1U << machine_layout::cmdq_log2) * smmu_v3::command::bytes,
                       std::array<std::uint64_t, 2>{(any() & ~std::uint64_t{0x7ff}) | code, choose_(2) ? any() : 0});
    }
    void access() {
        if (is_busy())
            return;
        const ref::stream_program& p = programs_[choose_(programs_.size())];
        device_access a =
            random_access(choose_, p, choose_(4) ? p.tables.inputs[choose_(p.tables.inputs.size())] : any());
        if (choose_(4) == 0)
            a.source_id = static_cast<std::uint32_t>(choose_(2) ? choose_(streams + 2) : any());
        issue(std::move(a), choose_(m_.devices.size()));
    }

    smmu_v3_machine& m_;
    std::vector<ref::stream_program> programs_;
};

/// After a reset: one stream, one page.
void expect_a_good_smmu(smmu_v3_machine& m) {
    m.clear();
    const auto always_first = [](std::uint64_t) -> std::uint64_t { return 0; };
    const ref::stream_program program = random_program(always_first, ref::stages::stage1, feature_set(0));
    load(m, program);
    shadow_memory shadow(m, program);
    bool translated = false;
    for (const std::uint64_t input : program.tables.inputs) {
        device_access a;
        a.source_id = program.stream_id;
        a.address = input & ~std::uint64_t{7};
        a.write = true;
        a.data.assign(8, 0x77);
        const ref::expectation e = expect(m, program, a);
        if (!e.worthwhile)
            continue;
        m.devices[0]->issue(a);
        ASSERT_TRUE(m.settle());
        shadow.apply(e, a);
        shadow.expect_updates(e);
        expect_answer(e, a, shadow);
        EXPECT_EQ(m.take_events().size(), e.record ? 1U : 0U);
        translated = translated || e.ok;
    }
    shadow.expect_same();
    EXPECT_TRUE(translated);
}

TEST(smmu_v3_fuzz, no_guest_stops_the_simulation) {
    std::vector<std::unique_ptr<smmu_v3_machine>> machines;
    for (unsigned n = 0; n < 3; ++n) {
        std::mt19937_64 engine(n);
        smmu_v3::smmu_parameters p;
        if (n != 0)
            p = small_parameters(ref::choose_with(engine), n);
        p.id = id_registers_of(feature_set(0));
        if (n == 2)
            p.id.IDR0 |= 1U << 10; // ATS
        machines.push_back(std::make_unique<smmu_v3_machine>(("m" + std::to_string(n)).c_str(), p,
                                                             memory_of(ref::generator_options{})));
    }
    std::uint64_t commands = 0, errors = 0, events = 0, faults = 0;
    check_random_cases("a guest may write anything", 1500, [&](const ref::chooser& choose) {
        smmu_v3_machine& m = *machines[choose(machines.size())];
        smmu_guest guest(m, choose);
        guest.run();
        EXPECT_TRUE(guest.give_up()) << "does not come to rest";
        RC_ASSERT(!::testing::Test::HasFailure());
        commands += m.counted("commands");
        errors += m.counted("command_errors");
        events += m.counted("events");
        faults += m.counted("faults");
        expect_a_good_smmu(m);
        EXPECT_EQ(m.violations(), "");
    });
    EXPECT_GT(commands, 0U);
    EXPECT_GT(errors, 0U);
    EXPECT_GT(events, 0U);
    EXPECT_GT(faults, 0U);
}

} // namespace
} // namespace iommulab::harness
