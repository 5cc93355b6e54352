// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/smmu_v3.h"
#include "models/smmu_v3/spec/context_descriptor.h"
#include "models/smmu_v3/spec/registers.h"
#include "models/smmu_v3/spec/stream_table_entry.h"
#include "testbenches/smmu_v3/testbench.h"

#include <array>

namespace iommulab::bench {

using namespace smmu_v3;

namespace {

constexpr std::uint64_t stream_table = tables_base, context = tables_base + 0x1'0000, stage1 = tables_base + 0x10'0000,
                        stage2 = tables_base + 0x20'0000;

smmu_parameters parameters(const world_options& o) {
    smmu_parameters p = preset_parameters(o.nested ? "qemu-nested" : "mmu-600");
    p.mode = o.loosely_timed ? simulation_mode::loosely_timed : simulation_mode::cycle_approximate;
    if (o.misses) {
        p.micro_tlb = {.entries = 4, .ways = 0, .policy = replacement::lru};
        p.tlb.entries = 0;
        p.intermediate_cache.entries = 0;
        for (auto* levels : {&p.stage1_walk_cache, &p.stage2_walk_cache})
            for (cache_parameters& c : *levels)
                c.entries = 0;
    }
    return p;
}

class smmu_v3_world final : public translating_world {
  public:
    smmu_v3_world(const std::string& name, const world_options& options)
        : translating_world(name), smmu_((name + "_smmu").c_str(), parameters(options)) {
        connect();
        build_tables(options.nested);
    }
    iommu_module& model() override { return smmu_; }
    void program() override {
        write(reg::STRTAB_BASE, stream_table);
        write(reg::STRTAB_BASE_CFG, 5); // 32 entries, linear
        write(reg::CR0, cr0::SMMUEN.make(1));
    }

  private:
    void build_tables(bool nested) {
        sparse_store& m = tables();
        // four levels of 4 KiB tables for the first 256 KiB, to the same addresses; stage 2 maps the tables' own place
        // as well
        const auto build = [&m](std::uint64_t root, std::uint64_t leaf_attributes) {
            for (unsigned level = 0; level < 3; ++level)
                m.write_u64(root + 0x1000 * level, (root + 0x1000 * (level + 1)) | 3);
            for (std::uint64_t page = 0; page < window_pages; ++page)
                m.write_u64(root + 0x3000 + 8 * page, (page << 12) | leaf_attributes | 3);
        };
        build(stage1, 0x740); // AF, SH inner, AP[1]: unprivileged read and write (DDI 0487, D8.3)
        std::array<std::uint64_t, 8> s{}, c{};
        ste::V.put(s, 1);
        ste::Config.put(s, nested ? 7 : 5);
        s[0] = ste::S1ContextPtr.put(s[0], context);
        if (nested) {
            build(stage2, 0x7fc); // AF, SH inner, S2AP read and write, MemAttr write-back
            // the tables of stage 1 lie in one 16 MiB range: eight 2 MiB blocks under the next level 1 entry's table
            const std::uint64_t level2 = stage2 + 0x2000;
            for (std::uint64_t block = 0; block < 8; ++block)
                m.write_u64(level2 + 8 * ((stream_table >> 21) + block), (stream_table + (block << 21)) | 0x7fd);
            ste::S2T0SZ.put(s, 25); // 39 bits: starts at level 1, one table
            ste::S2SL0.put(s, 1);
            ste::S2PS.put(s, 4); // 44 bits
            ste::S2AA64.put(s, 1);
            ste::S2AFFD.put(s, 1);
            s[3] = ste::S2TTB.put(s[3], stage2 + 0x1000);
        }
        m.write(stream_table + 64 * stream, reinterpret_cast<const unsigned char*>(s.data()), 64);
        cd::V.put(c, 1);
        cd::AA64.put(c, 1);
        cd::T0SZ.put(c, 16); // 48 bits: four levels
        cd::EPD1.put(c, 1);
        cd::IPS.put(c, 4);
        cd::A.put(c, 1);
        cd::R.put(c, 1);
        cd::ASID.put(c, 1);
        c[1] = cd::TTB0.put(c[1], stage1);
        m.write(context, reinterpret_cast<const unsigned char*>(c.data()), 64);
    }

    smmu smmu_;
};

} // namespace

std::unique_ptr<translating_world> make_smmu_v3_world(const std::string& name, const world_options& options) {
    return std::make_unique<smmu_v3_world>(name, options);
}

} // namespace iommulab::bench
