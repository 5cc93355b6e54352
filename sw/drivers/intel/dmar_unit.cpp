// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/dmar_unit.h"

#include "models/vtd/spec/registers.h"
#include "models/vtd/spec/structures.h"
#include "sw/drivers/intel/failures.h"
#include "sw/drivers/intel/layout.h"

#include <fmt/format.h>

#include <mutex>

namespace iommulab::sw::intel {

using namespace iommulab::vtd;

dmar_unit::dmar_unit(kernel& k, iommu_driver& driver, const instance_firmware& firmware, const unit_features& f)
    : instance(driver, firmware),
      kernel_(k),
      features_(f),
      queue_(k, this->firmware(), features_),
      contexts_(k, this->firmware(), features_),
      lock_(k.machine()),
      register_lock_(k.machine()) {
    domain_ids_.take(null_domain_id);
    if (f.scalable || version() == kernel_version::v6_1) // 6.1.y keeps it from domains in legacy mode too
        domain_ids_.take(pass_through_domain_id);
}

dmar_unit::~dmar_unit() {
    if (enabled_ && kernel_.powered()) {
        command(gcmd::TE, false, gsts::TES, "switching translation off");
        kernel_.free_interrupts(name());
    }
}

std::uint64_t dmar_unit::read32(std::uint32_t offset) {
    return kernel_.machine().mmio_read(firmware().base + offset, 4);
}
std::uint64_t dmar_unit::read64(std::uint32_t offset) {
    return kernel_.machine().mmio_read(firmware().base + offset, 8);
}
void dmar_unit::write32(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, 4);
}
void dmar_unit::write64(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, 8);
}

std::uint64_t dmar_unit::wait(std::uint32_t offset, unsigned bytes, const char* what,
                              const std::function<bool(std::uint64_t)>& done) {
    const std::uint64_t end_ns = kernel_.machine().now_ns() + register_timeout_ns;
    for (;;) {
        const std::uint64_t value = kernel_.machine().mmio_read(firmware().base + offset, bytes);
        if (done(value))
            return value;
        if (kernel_.machine().now_ns() > end_ns)
            throw kernel_stop(fmt::format("{}: the unit does not answer ({}); Linux would panic here", name(), what));
        kernel_.machine().delay_ns(10); // cpu_relax(); assumption
    }
}

void dmar_unit::command(const bit_field& field, bool on, const bit_field& status, const char* what) {
    const std::lock_guard held(register_lock_);
    commands_ = field.put(commands_, on);
    write32(reg::GCMD.offset, commands_);
    wait(reg::GSTS.offset, 4, what, [&](std::uint64_t s) { return (status.of(s) != 0) == on; });
}

void dmar_unit::set_root() {
    {
        const std::lock_guard held(register_lock_);
        const auto mode = features_.scalable ? rtaddr::table_mode::scalable : rtaddr::table_mode::legacy;
        write64(reg::RTADDR.offset,
                rtaddr::RTA.put(rtaddr::TTM.make(static_cast<std::uint64_t>(mode)), contexts_.root()));
        write32(reg::GCMD.offset, gcmd::SRTP.put(commands_, 1));
        wait(reg::GSTS.offset, 4, "setting the root table", [](std::uint64_t s) { return gsts::RTPS.of(s) != 0; });
    }
    if (features_.root_set_invalidates)
        return;
    flush_context_all();
    if (features_.scalable)
        flush_pasid_cache_all();
    flush_iotlb_all();
}

void dmar_unit::set_up_queue() {
    if (!features_.queued_invalidation) {
        kernel_.say(log_level::info, name(), "invalidation by registers");
        return;
    }
    if (gsts::QIES.of(read32(reg::GSTS.offset)))
        command(gcmd::QIE, false, gsts::QIES, "switching the invalidation queue off");
    if (!queue_.allocate()) {
        kernel_.note(row::queue_memory, name());
        kernel_.say(log_level::info, name(), "invalidation by registers");
        return;
    }
    write32(reg::IQT.offset, 0);
    write64(reg::IQA.offset, queue_.address_register());
    command(gcmd::QIE, true, gsts::QIES, "switching the invalidation queue on");
    kernel_.say(log_level::info, name(), "invalidation by queue");
}

void dmar_unit::set_up_interrupt() {
    const int line = firmware().msi_doorbell ? firmware().msi_first_line : firmware().interrupt("fault");
    if (line < 0) {
        kernel_.say(log_level::warning, name(), "no fault interrupt");
        return;
    }
    kernel_.request_interrupt(line, name(), [this] { handle_faults(); });
    // Messages to the range of local APICs are what a wire stands for here.
    const std::uint64_t doorbell = firmware().msi_doorbell.value_or(interrupt_range_first);
    write32(reg::FEDATA.offset, static_cast<std::uint64_t>(line));
    write32(reg::FEADDR.offset, doorbell & 0xffffffff);
    write32(reg::FEUADDR.offset, doorbell >> 32);
    write32(reg::FECTL.offset, event_control::IM.make(0));
    static_cast<void>(read32(reg::FECTL.offset)); // posted writes are done when a read is
}

void dmar_unit::disable_protected_regions() {
    if (!features_.protected_regions)
        return;
    write32(reg::PMEN.offset, pmen::EPM.put(read32(reg::PMEN.offset), 0));
    wait(reg::PMEN.offset, 4, "switching protected memory off", [](std::uint64_t v) { return pmen::PRS.of(v) == 0; });
}

result<void> dmar_unit::start() {
    const std::uint64_t version = read32(reg::VER.offset), status = read32(reg::GSTS.offset);
    kernel_.say(log_level::info, name(),
                fmt::format("version {}.{}, {} bits of addresses, {} domain ids{}", ver::MAX.of(version),
                            ver::MIN.of(version), features_.width(), features_.domain_ids,
                            features_.scalable ? ", scalable mode" : ""));
    // What firmware left on stays on until it is told otherwise: TE and QIE have the same places in both registers.
    commands_ = gcmd::TE.make(gsts::TES.of(status)) | gcmd::QIE.make(gsts::QIES.of(status));
    handle_faults(); // those from before
    set_up_queue();
    if (gsts::TES.of(status)) {
        kernel_.say(log_level::warning, name(), "translation was on; switching it off");
        command(gcmd::TE, false, gsts::TES, "switching translation off");
    }
    if (!contexts_.allocate_root())
        return kernel_.fail(row::root_memory, name(), "no memory for the root table");
    flush_write_buffer();
    set_root();
    flush_write_buffer();
    set_up_interrupt();
    enabled_ = true;
    command(gcmd::TE, true, gsts::TES, "switching translation on");
    disable_protected_regions();
    return {};
}

} // namespace iommulab::sw::intel
