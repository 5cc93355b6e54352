// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/amd_vi.h"
#include "testbenches/amd_vi/testbench.h"

#include <array>

namespace iommulab::bench {

using namespace amd_vi;

namespace {

constexpr std::uint64_t device_table = tables_base, guest_cr3_table = tables_base + 0x1'0000,
                        host = tables_base + 0x10'0000, guest = tables_base + 0x20'0000;
constexpr unsigned levels = 4;

amd_vi_parameters parameters(const world_options& o) {
    amd_vi_parameters p = preset_parameters("epyc-7002");
    p.mode = o.loosely_timed ? simulation_mode::loosely_timed : simulation_mode::cycle_approximate;
    if (o.misses) {
        p.micro_tlb = {.entries = 4, .ways = 0, .policy = replacement::lru};
        p.tlb.entries = 0;
        for (cache_parameters& c : p.directory_cache)
            c.entries = 0;
        for (cache_parameters& c : p.guest_directory_cache)
            c.entries = 0;
    }
    return p;
}

class amd_vi_world final : public translating_world {
  public:
    amd_vi_world(const std::string& name, const world_options& options)
        : translating_world(name), iommu_((name + "_iommu").c_str(), parameters(options)), nested_(options.nested) {
        connect();
        build_tables();
    }
    iommu_module& model() override { return iommu_; }
    void program() override {
        write(reg::DeviceTableBase, device_table);
        write(reg::Control, control::IommuEn.make(1) | (nested_ ? control::GTEn.make(1) : 0));
    }

  private:
    /// Four levels of tables for the first 256 KiB, to the same addresses; the host maps the guest's own place as well.
    void build_tables() {
        namespace pte = amd_v1::entry;
        sparse_store& m = tables();
        constexpr std::uint64_t all = pte::PR.make(1) | pte::IR.make(1) | pte::IW.make(1);
        for (unsigned level = levels; level > 1; --level)
            m.write_u64(host + 0x1000 * (levels - level),
                        (host + 0x1000 * (levels - level + 1)) | all | pte::NextLevel.make(level - 1));
        for (std::uint64_t page = 0; page < window_pages; ++page)
            m.write_u64(host + 0x3000 + 8 * page, (page << 12) | all);
        std::array<std::uint64_t, 4> e{};
        dte::V.put(e, 1);
        dte::TV.put(e, 1);
        dte::Mode.put(e, levels);
        e[0] = dte::HostPageTableRootPtr.put(e[0], host);
        dte::IR.put(e, 1);
        dte::IW.put(e, 1);
        dte::DomainID.put(e, 1);
        if (nested_) {
            for (std::uint64_t block = 0; block < 8; ++block) // of 2 MiB
                m.write_u64(host + 0x2000 + 8 * ((tables_base >> 21) + block), (tables_base + (block << 21)) | all);
            namespace x = x86_64::entry;
            constexpr std::uint64_t guest_all =
                x::P.make(1) | x::RW.make(1) | x::US.make(1) | x::A.make(1) | x::D.make(1);
            for (unsigned level = levels; level > 1; --level)
                m.write_u64(guest + 0x1000 * (levels - level),
                            (guest + 0x1000 * (levels - level + 1)) | (guest_all & ~x::D.make(1)));
            for (std::uint64_t page = 0; page < window_pages; ++page)
                m.write_u64(guest + 0x3000 + 8 * page, (page << 12) | guest_all);
            m.write_u64(guest_cr3_table, guest | gcr3::V.make(1));
            dte::GV.put(e, 1);
            dte::GIoV.put(e, 1); // requests without PASID are of PASID 0
            dte::put_guest_cr3_table(e, guest_cr3_table);
        }
        m.write(device_table + dte::bytes * stream, reinterpret_cast<const unsigned char*>(e.data()), dte::bytes);
    }

    amd_iommu iommu_;
    bool nested_;
};

} // namespace

std::unique_ptr<translating_world> make_amd_vi_world(const std::string& name, const world_options& options) {
    return std::make_unique<amd_vi_world>(name, options);
}

} // namespace iommulab::bench
