// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/vtd.h"
#include "testbenches/vtd/testbench.h"

#include <array>

namespace iommulab::bench {

using namespace vtd;

namespace {

constexpr std::uint64_t root = tables_base, context = tables_base + 0x1000, directory = tables_base + 0x2000,
                        pasids = tables_base + 0x3000, second = tables_base + 0x10'0000,
                        first = tables_base + 0x20'0000;
constexpr unsigned levels = 4;

unit_parameters parameters(const world_options& o) {
    unit_parameters p;
    p.mode = o.loosely_timed ? simulation_mode::loosely_timed : simulation_mode::cycle_approximate;
    if (o.misses) {
        p.micro_tlb = {.entries = 4, .ways = 0, .policy = replacement::lru};
        p.tlb.entries = p.nested_cache.entries = 0;
        for (unsigned level = 0; level < paging_cache_levels; ++level)
            p.first_stage_cache[level].entries = p.second_stage_cache[level].entries = 0;
    }
    return p;
}

class vtd_world final : public translating_world {
  public:
    vtd_world(const std::string& name, const world_options& options)
        : translating_world(name), unit_((name + "_iommu").c_str(), parameters(options)), nested_(options.nested) {
        connect();
        build_tables();
        if (nested_)
            build_scalable();
        else
            build_legacy();
    }
    iommu_module& model() override { return unit_; }
    void program() override {
        write(reg::RTADDR, root | rtaddr::TTM.make(nested_));
        write(reg::GCMD, gcmd::SRTP.make(1));
        write(reg::GCMD, gcmd::TE.make(1));
    }

  private:
    /// Four levels of tables for the first 256 KiB, to the same addresses; under a guest also for the guest's own
    /// place.
    void build_tables() {
        namespace e = vtd_second_stage::entry;
        sparse_store& m = tables();
        constexpr std::uint64_t all = e::R.make(1) | e::W.make(1);
        for (unsigned level = levels; level > 1; --level)
            m.write_u64(second + 0x1000 * (levels - level), (second + 0x1000 * (levels - level + 1)) | all);
        for (std::uint64_t page = 0; page < window_pages; ++page)
            m.write_u64(second + 0x3000 + 8 * page, (page << 12) | all);
        for (std::uint64_t block = 0; nested_ && block < 8; ++block) // of 2 MiB
            m.write_u64(second + 0x2000 + 8 * ((tables_base >> 21) + block),
                        (tables_base + (block << 21)) | all | e::PS.make(1));
    }
    void build_legacy() {
        std::array<std::uint64_t, 2> e{second, 0};
        context_entry::P.put(e, 1);
        context_entry::AW.put(e, levels - 2);
        context_entry::DID.put(e, 1);
        tables().write_u64(root, context | root_entry::P.make(1));
        put(context + context_entry::bytes * stream, e);
    }
    /// A guest's tables for requests without PASID.
    void build_scalable() {
        namespace x = x86_64::entry;
        sparse_store& m = tables();
        constexpr std::uint64_t all = x::P.make(1) | x::RW.make(1) | x::US.make(1) | x::A.make(1) | x::D.make(1);
        for (unsigned level = levels; level > 1; --level)
            m.write_u64(first + 0x1000 * (levels - level),
                        (first + 0x1000 * (levels - level + 1)) | (all & ~x::D.make(1)));
        for (std::uint64_t page = 0; page < window_pages; ++page)
            m.write_u64(first + 0x3000 + 8 * page, (page << 12) | all);
        m.write_u64(root, context | sm_root_entry::LP.make(1));
        m.write_u64(context + sm_context_entry::bytes * stream, directory | sm_context_entry::P.make(1));
        m.write_u64(directory, pasids | pasid_directory_entry::P.make(1));
        std::array<std::uint64_t, 8> e{second, 0, first};
        pasid_entry::P.put(e, 1);
        pasid_entry::AW.put(e, levels - 2);
        pasid_entry::PGTT.put(e, static_cast<std::uint64_t>(pasid_entry::translation_type::nested));
        pasid_entry::DID.put(e, 1);
        put(pasids, e);
    }
    template <std::size_t N>
    void put(std::uint64_t address, const std::array<std::uint64_t, N>& words) {
        for (std::size_t n = 0; n < N; ++n)
            tables().write_u64(address + 8 * n, words[n]);
    }

    remapping_unit unit_;
    bool nested_;
};

} // namespace

std::unique_ptr<translating_world> make_vtd_world(const std::string& name, const world_options& options) {
    return std::make_unique<vtd_world>(name, options);
}

} // namespace iommulab::bench
