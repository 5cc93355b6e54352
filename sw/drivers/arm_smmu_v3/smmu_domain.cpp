// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/smmu_domain.h"

#include "models/smmu_v3/spec/context_descriptor.h"
#include "models/smmu_v3/spec/stream_table_entry.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/layout.h"
#include "sw/drivers/arm_smmu_v3/smmu_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace iommulab::sw::arm_smmu_v3 {

using namespace iommulab::smmu_v3;

namespace {

/// Encoding of an address size (CD.IPS, STE.S2PS); empty for a size that the architecture does not have.
std::optional<unsigned> size_code(unsigned bits) {
    constexpr unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52};
    const auto* const place = std::find(std::begin(sizes), std::end(sizes), bits);
    return place == std::end(sizes) ? std::nullopt : std::optional(static_cast<unsigned>(place - std::begin(sizes)));
}

/// Encoding of a granule (CD.TG0, STE.S2TG).
unsigned granule_code(unsigned granule_log2) {
    return granule_log2 == 16 ? 1 : granule_log2 == 14 ? 2 : 0;
}

} // namespace

smmu_domain::smmu_domain(kernel& k, smmu_driver& driver, domain_type type)
    : domain(driver, type), kernel_(k), driver_(driver), init_lock_(k.machine()), masters_lock_(k.machine()), cds_(k) {
    set_page_sizes(driver.page_sizes());
}

smmu_domain::~smmu_domain() {
    tables_.reset();
    if (asid_ != 0) {
        const std::lock_guard held(driver_.asid_lock());
        cds_.release();
        driver_.asids().release(asid_);
    }
    if (vmid_ != 0)
        smmu_->vmids().release(vmid_);
}

result<void> smmu_domain::enable_nesting() {
    const std::lock_guard held(init_lock_);
    if (smmu_)
        return kernel_.fail(row::nesting_late, fmt::format("domain {}", number()));
    stage_ = stage::nested;
    return {};
}

result<void> smmu_domain::finalise(master& m) {
    if (type() == domain_type::identity) {
        stage_ = stage::bypass;
        return {};
    }
    const features& f = smmu_->has();
    if (!f.stage1)
        stage_ = stage::stage2;
    if (!f.stage2)
        stage_ = stage::stage1;

    arm_lpae::configuration c;
    c.stage = stage_ == stage::stage1 ? 1 : 2;
    c.hardware_page_sizes = f.page_sizes;
    c.input_bits = stage_ == stage::stage1 ? std::min(f.va_52_bits ? 52U : 48U, kernel_.options().va_bits) : f.ias;
    c.output_bits = stage_ == stage::stage1 ? f.ias : f.oas;
    c.coherent_walk = f.coherent;
    c.contiguous = smmu_->firmware().property("contiguous") != 0;
    c.node = smmu_->firmware().node;
    auto tables = arm_lpae::io_pgtable::make(kernel_, c, *this, smmu_->name());
    if (!tables || !size_code(tables->output_bits()))
        return kernel_.fail(row::no_page_table, m.dev.name());
    set_page_sizes(tables->page_sizes());
    set_aperture(0, (std::uint64_t{1} << tables->input_bits()) - 1, true);
    tables_ = std::move(tables);
    result<void> r = stage_ == stage::stage1 ? finalise_stage1(m) : finalise_stage2();
    if (!r)
        tables_.reset();
    return r;
}

result<void> smmu_domain::finalise_stage1(master& m) {
    const std::lock_guard held(driver_.asid_lock());
    if (kernel_.injection().fires("smmu_v3.asid.node"))
        return kernel_.fail(row::asid_node, m.dev.name());
    const features& f = smmu_->has();
    const auto asid = driver_.asids().allocate(1, (1U << f.asid_bits) - 1);
    if (!asid)
        return kernel_.fail(row::no_asid, m.dev.name());
    stall_enabled_ = m.stall_enabled;
    if (result<void> r = cds_.allocate(f, smmu_->firmware(), m.ssid_bits); !r)
        return r; // the ASID is lost, as in Linux 6.1: the domain notes it only below
    asid_ = *asid;

    const bool coherent = f.coherent;
    context_descriptor_table::words d{};
    cd::T0SZ.put(d, 64 - tables_->input_bits());
    cd::TG0.put(d, granule_code(tables_->granule_log2()));
    cd::IR0.put(d, coherent ? write_back : 0);
    cd::OR0.put(d, coherent ? write_back : 0);
    cd::SH0.put(d, coherent ? inner_shareable : outer_shareable);
    cd::EPD1.put(d, 1);
    cd::IPS.put(d, *size_code(tables_->output_bits()));
    cd::AA64.put(d, 1);
    cd::R.put(d, 1);
    cd::A.put(d, 1);
    cd::ASET.put(d, 1);
    cd::S.put(d, stall_enabled_);
    cd::ASID.put(d, asid_);
    cd::V.put(d, 1);
    d[1] = cd::TTB0.put(d[1], tables_->root());
    cd::MAIR.put(d, arm_lpae_tables::mair());
    result<void> r = cds_.write(0, d, [this](std::uint32_t ssid, bool leaf) { sync_cd(ssid, leaf); });
    if (!r) {
        cds_.release();
        driver_.asids().release(asid_);
        asid_ = 0;
    }
    return r;
}

result<void> smmu_domain::finalise_stage2() {
    const auto vmid = smmu_->vmids().allocate(0, (1U << smmu_->has().vmid_bits) - 1);
    if (!vmid)
        return kernel_.fail(row::no_vmid, smmu_->name());
    vmid_ = *vmid;
    return {};
}

void smmu_domain::sync_cd(std::uint32_t ssid, bool leaf) {
    command_batch batch(smmu_->commands());
    {
        const std::lock_guard held(masters_lock_);
        for (const master* m : masters_)
            for (const std::uint32_t sid : m->streams)
                batch.add(commands::cfgi_cd(sid, ssid, leaf));
    }
    batch.submit();
}

void smmu_domain::install_entries(kernel& k, master& m) {
    for (std::size_t i = 0; i < m.streams.size(); ++i) {
        const std::uint32_t sid = m.streams[i];
        if (std::find(m.streams.begin(), m.streams.begin() + static_cast<std::ptrdiff_t>(i), sid) !=
            m.streams.begin() + static_cast<std::ptrdiff_t>(i))
            continue; // devices behind a bridge may have an id twice
        smmu& s = m.behind;
        if (m.attached && m.attached->stage_ != stage::bypass) {
            m.attached->write_entry(m, sid);
            continue;
        }
        const bool aborts = !m.attached && !s.bypasses();
        std::array<std::uint64_t, ste::bytes / 8> entry{};
        ste::V.put(entry, 1);
        ste::Config.put(entry, aborts ? 0 : ste::Config_translates);
        ste::SHCFG.put(entry, 1); // as the access has it
        const std::uint64_t at = s.streams().entry_address(sid);
        for (unsigned word = 0; word <= 2; ++word)
            k.machine().write(at + 8 * word, entry[word], 8);
        s.commands().issue(commands::cfgi_ste(sid, true), true);
    }
}

void smmu_domain::write_entry(master& m, std::uint32_t sid) {
    const std::uint64_t at = smmu_->streams().entry_address(sid);
    cpu& machine = kernel_.machine();
    const features& f = smmu_->has();
    std::array<std::uint64_t, ste::bytes / 8> entry{};
    entry[1] = machine.read(at + 8, 8);
    ste::V.put(entry, 1);
    if (stage_ == stage::stage1) {
        entry[1] = 0;
        ste::Config.put(entry, ste::Config_translates | ste::Config_stage1);
        entry[0] = ste::S1ContextPtr.put(entry[0], cds_.base());
        ste::S1Fmt.put(entry, static_cast<std::uint64_t>(cds_.two_level() ? ste::s1_format::two_level_64k
                                                                          : ste::s1_format::linear));
        ste::S1CDMax.put(entry, cds_.ssid_bits());
        ste::S1DSS.put(entry, static_cast<std::uint64_t>(ste::s1dss::substream0));
        ste::S1CIR.put(entry, write_back);
        ste::S1COR.put(entry, write_back);
        ste::S1CSH.put(entry, inner_shareable);
        ste::S1STALLD.put(entry, f.stalls && !m.stall_enabled);
    } else {
        const bool coherent = f.coherent;
        const unsigned granule = granule_code(tables_->granule_log2());
        ste::Config.put(entry, ste::Config_translates | ste::Config_stage2);
        ste::S2VMID.put(entry, vmid_);
        ste::S2T0SZ.put(entry, 64 - tables_->input_bits());
        // The level that the walk starts at, counted from below (DDI 0487, VTCR_EL2.SL0): one less with 4 KiB pages.
        ste::S2SL0.put(entry, (granule == 0 ? 2 : 3) - tables_->start_level());
        ste::S2IR0.put(entry, coherent ? write_back : 0);
        ste::S2OR0.put(entry, coherent ? write_back : 0);
        ste::S2SH0.put(entry, coherent ? inner_shareable : outer_shareable);
        ste::S2TG.put(entry, granule);
        ste::S2PS.put(entry, *size_code(tables_->output_bits()));
        ste::S2AA64.put(entry, 1);
        ste::S2PTW.put(entry, 1);
        ste::S2R.put(entry, 1);
        entry[3] = ste::S2TTB.put(entry[3], tables_->root());
        machine.write(at + 16, entry[2], 8);
        machine.write(at + 24, entry[3], 8);
    }
    ste::EATS.put(entry, m.ats_enabled); // 1: full ATS
    machine.write(at + 8, entry[1], 8);
    smmu_->commands().issue(commands::cfgi_ste(sid, true), true);
    machine.write(at, entry[0], 8);
    smmu_->commands().issue(commands::cfgi_ste(sid, true), true);
    if (smmu_->firmware().property("skip-prefetch") == 0)
        smmu_->commands().issue(commands::prefetch_config(sid), false);
}

void smmu_domain::enable_ats(master& m) {
    if (!m.ats_enabled)
        return;
    const auto smallest = static_cast<unsigned>(std::countr_zero(smmu_->has().page_sizes));
    ++ats_masters_;
    invalidate_atc(0, 0);
    if (kernel_.injection().fires("smmu_v3.ats.enable") || (m.dev.ats_control && !m.dev.ats_control(true, smallest)))
        kernel_.note(row::ats_refused, m.dev.name(), fmt::format("ATS cannot be enabled for pages of 2^{}", smallest));
}

void smmu_domain::detach(kernel& k, master& m) {
    smmu_domain* const old = m.attached;
    if (!old)
        return;
    if (m.ats_enabled) {
        if (m.dev.ats_control)
            static_cast<void>(m.dev.ats_control(false, 0));
        command_batch batch(m.behind.commands());
        for (const std::uint32_t sid : m.streams)
            batch.add(commands::atc_inv(sid, 0, 0));
        batch.submit();
        --old->ats_masters_;
    }
    {
        const std::lock_guard held(old->masters_lock_);
        std::erase(old->masters_, &m);
    }
    m.attached = nullptr;
    m.ats_enabled = false;
    install_entries(k, m);
}

result<void> smmu_domain::attach_dev(device& dev) {
    if (!dev.spec() || !smmu_driver::record_of(dev))
        return kernel_.fail(row::no_spec, dev.name());
    master& m = *smmu_driver::record_of(dev);
    if (m.sva_enabled)
        return kernel_.fail(row::sva_enabled, dev.name(), "cannot attach: shared virtual addressing is on");

    detach(kernel_, m);

    const std::lock_guard held(init_lock_);
    if (!smmu_) {
        smmu_ = &m.behind;
        if (result<void> r = finalise(m); !r) {
            smmu_ = nullptr;
            return r;
        }
    } else if (smmu_ != &m.behind) {
        if (kernel_.injection().fires("smmu_v3.foreign_smmu.success"))
            return {};
        return kernel_.fail(
            row::foreign_smmu, dev.name(),
            fmt::format("cannot attach to a domain of {}: is behind {}", smmu_->name(), m.behind.name()));
    } else if (stage_ == stage::stage1 && m.ssid_bits != cds_.ssid_bits()) {
        return kernel_.fail(
            row::ssid_bits_differ, dev.name(),
            fmt::format("cannot attach: {} SubstreamID bits, the domain has {}", m.ssid_bits, cds_.ssid_bits()));
    } else if (stage_ == stage::stage1 && m.stall_enabled != stall_enabled_) {
        return kernel_.fail(row::stall_differs, dev.name(),
                            fmt::format("cannot attach: the domain has stalls {}", stall_enabled_ ? "on" : "off"));
    }

    m.attached = this;
    if (stage_ != stage::bypass)
        m.ats_enabled =
            m.behind.has().ats && dev.spec()->root_complex_ats && dev.description().pci && dev.description().ats;
    install_entries(kernel_, m);
    {
        const std::lock_guard masters_held(masters_lock_);
        masters_.insert(masters_.begin(), &m);
    }
    enable_ats(m);
    return {};
}

} // namespace iommulab::sw::arm_smmu_v3
