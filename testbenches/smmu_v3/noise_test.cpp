// SPDX-License-Identifier: Apache-2.0
// Guest programming that makes no sense: an SMMUv3 must come through it, and be usable afterwards.
#include "testbenches/smmu_v3/module_bench.h"

#include <gtest/gtest.h>

#include <random>

namespace iommulab::smmu_v3 {
namespace {

constexpr std::uint64_t data = smmu_v3_bench::data;

/// Valid structures with bits flipped, noise in tables, queues and registers: whatever a guest writes ends in events
/// and errors, in bounded time.
class noisy_guest {
  public:
    explicit noisy_guest(std::uint64_t seed) : random_(seed) {
        for (std::uint32_t sid = 1; sid < 32; ++sid) {
            b_.add_stream(sid, below(2) != 0, below(2) != 0);
            make_nested(sid);
            for (unsigned page = 0; page < 512; ++page)
                b_.write64(table(sid) + 0x1000 + page * 8, descriptor());
            for (unsigned flips = below(4); flips != 0; --flips) {
                flip(smmu_v3_bench::strtab + sid * 64 + below(8) * 8);
                flip(smmu_v3_bench::cdtab + sid * 64 + below(8) * 8);
            }
        }
        for (unsigned n = 0; n < 16; ++n)
            write_command(n);
        b_.start();
    }
    void round() {
        switch (below(8)) {
        case 0:
            disturb_register();
            break;
        case 1:
            flip(smmu_v3_bench::ram + (below(0x1'0000) & ~7ULL));
            break;
        case 2:
            b_.write64(table(1 + below(31)) + (below(0x2000) & ~7ULL), descriptor());
            break;
        case 3:
            write_command(below(16));
            b_.set(reg::CMDQ_PROD, below(16) ? b_.get(reg::CMDQ_PROD) + below(8) : random_());
            break;
        case 4:
            b_.set(reg::GERRORN, b_.get(reg::GERROR));
            b_.set(reg::EVENTQ_CONS, b_.get(reg::EVENTQ_PROD));
            break;
        default:
            begin_access();
        }
        smmu_v3_bench::run(below(500));
    }
    /// What a driver does when all is lost: disables everything, then ends the stalled accesses, behind which others
    /// wait.
    bool recover() {
        for (unsigned attempt = 0; attempt < 8; ++attempt) {
            b_.set(reg::CR0, 0);
            smmu_v3_bench::run(20'000);
            EXPECT_EQ(b_.get(reg::CR0ACK), 0U);
            b_.set(reg::CMDQ_BASE, smmu_v3_bench::cmdq | smmu_v3_bench::cmdq_log2);
            b_.set(reg::GERRORN, b_.get(reg::GERROR));
            b_.set(reg::CMDQ_CONS, 0);
            b_.set(reg::CMDQ_PROD, 0);
            b_.producer = 0;
            b_.set(reg::CR0, cr0::CMDQEN.make(1));
            for (std::uint32_t sid = 0; sid < 34; ++sid) {
                b_.put(smmu_v3_bench::command(opcode::CMD_STALL_TERM, sid));
                b_.ring();
                smmu_v3_bench::run(1'000);
            }
            if (b_.settle())
                return true;
        }
        return false;
    }
    void program() {
        b_.set(reg::STRTAB_BASE, smmu_v3_bench::strtab);
        b_.set(reg::STRTAB_BASE_CFG, 5);
        b_.set(reg::EVENTQ_BASE, smmu_v3_bench::evtq | smmu_v3_bench::evtq_log2);
        for (unsigned n = 0; n < 16; ++n)
            write_command(n);
        b_.set(reg::CR0, 0xd);
    }
    std::uint64_t counted(std::string_view name) {
        for (const counter& c : b_.smmu.counters())
            if (name == c.name)
                return *c.value;
        return 0;
    }

  private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    static std::uint64_t table(std::uint64_t sid) { return smmu_v3_bench::tables + sid * 0x2000; }
    void flip(std::uint64_t address) { b_.write64(address, b_.read64(address) ^ std::uint64_t{1} << below(64)); }
    std::uint64_t descriptor() {
        const std::uint64_t output = below(8) ? data + below(0x100'0000) : random_();
        return below(4) ? (output & 0xf'ffff'ffff'f000) | 0x443 | below(0x1000) : random_();
    }
    /// Some streams get a stage 2, whose tables are those of a neighbour.
    void make_nested(std::uint32_t sid) {
        if (below(3))
            return;
        std::array<std::uint64_t, 8> s{};
        for (unsigned n = 0; n < 8; ++n)
            s[n] = b_.read64(smmu_v3_bench::strtab + sid * 64 + n * 8);
        ste::Config.put(s, 6 + below(2));
        ste::S2T0SZ.put(s, 34);
        ste::S2PS.put(s, 5);
        ste::S2AA64.put(s, 1);
        ste::S2R.put(s, 1);
        ste::S2S.put(s, below(2));
        s[3] = ste::S2TTB.put(s[3], table(sid % 31 + 1));
        b_.write_entry(smmu_v3_bench::strtab + sid * 64, s);
    }
    void write_command(std::uint64_t index) {
        constexpr std::array codes{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x20, 0x21,
                                   0x22, 0x23, 0x28, 0x2a, 0x30, 0x44, 0x45, 0x46, 0x46, 0x46, 0x12, 0xff};
        const std::uint64_t word =
            (random_() & ~std::uint64_t{0xf0'0000'07ff}) | static_cast<std::uint64_t>(codes[below(codes.size())]);
        b_.write64(smmu_v3_bench::cmdq + index * 16, word);
        b_.write64(smmu_v3_bench::cmdq + index * 16 + 8, below(2) ? random_() : below(16));
    }
    void disturb_register() {
        const auto all = registers();
        const register_declaration& r = all[below(all.size())];
        const std::uint64_t old = b_.get(r);
        b_.set(r, below(4) ? old ^ (std::uint64_t{1} << below(r.bytes * 8U)) : random_());
        b_.set(reg::CR0, below(4) ? 0xd : random_());
    }
    void begin_access() {
        const std::uint64_t address = below(4) ? below(0x20'0000) : random_();
        b_.begin(static_cast<std::uint32_t>(below(34)), address & ~7ULL,
                 below(2) ? std::optional(random_()) : std::nullopt);
    }

    std::mt19937_64 random_;
    smmu_v3_bench b_{"b"};
};

void survive_noise(std::uint64_t seed) {
    noisy_guest guest(seed);
    for (unsigned round = 0; round < 600; ++round) {
        guest.round();
        if (round % 60 == 59) {
            ASSERT_TRUE(guest.recover()) << "seed " << seed << ", round " << round;
            guest.program();
        }
    }
    EXPECT_GT(guest.counted("walks"), 0U);
    EXPECT_GT(guest.counted("commands"), 0U);
    EXPECT_GT(guest.counted("events"), 0U);
}

TEST(smmu_v3_noise, seed_1) {
    survive_noise(1);
}
TEST(smmu_v3_noise, seed_2) {
    survive_noise(2);
}
TEST(smmu_v3_noise, seed_3) {
    survive_noise(3);
}
TEST(smmu_v3_noise, seed_4) {
    survive_noise(4);
}

} // namespace
} // namespace iommulab::smmu_v3
