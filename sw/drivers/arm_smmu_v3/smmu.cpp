// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/smmu.h"

#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/layout.h"

#include <fmt/format.h>

#include <mutex>

namespace iommulab::sw::arm_smmu_v3 {

using namespace iommulab::smmu_v3;

smmu::smmu(kernel& k, iommu_driver& driver, const instance_firmware& firmware, const features& f)
    : instance(driver, firmware),
      kernel_(k),
      features_(f),
      cmdq_(k, this->firmware(), features_),
      evtq_(k, this->firmware(), record::bytes, reg::EVENTQ_PROD.offset, reg::EVENTQ_CONS.offset),
      priq_(k, this->firmware(), priq_entry_bytes, reg::PRIQ_PROD.offset, reg::PRIQ_CONS.offset),
      stream_table_(k, this->firmware(), features_, bypasses()),
      streams_lock_(k.machine()) {
    vmids_.take(0); // for streams that bypass stage 2
}

smmu::~smmu() {
    if (enabled_ && kernel_.powered()) {
        static_cast<void>(write_acknowledged(reg::CR0.offset, reg::CR0ACK.offset, 0));
        kernel_.free_interrupts(name());
    }
}

std::uint64_t smmu::read32(std::uint32_t offset) {
    return kernel_.machine().mmio_read(firmware().base + offset, 4);
}
void smmu::write32(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, 4);
}
void smmu::write64(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, 8);
}

bool smmu::write_acknowledged(std::uint32_t offset, std::uint32_t acknowledge, std::uint64_t value) {
    write32(offset, value);
    const std::uint64_t end_ns = kernel_.machine().now_ns() + poll_timeout_ns;
    for (;;) {
        if (read32(acknowledge) == value)
            return true;
        if (kernel_.machine().now_ns() > end_ns)
            return false;
        kernel_.machine().delay_ns(1'000);
    }
}

result<features> smmu::read_features(kernel& k, const instance_firmware& firmware) {
    if (firmware.bytes < register_space_bytes)
        return k.fail(
            row::small_region, firmware.name,
            fmt::format("the register space has {:#x} bytes, {:#x} are needed", firmware.bytes, register_space_bytes));
    const auto id = [&](const register_declaration& r) {
        return static_cast<std::uint32_t>(k.machine().mmio_read(firmware.base + r.offset, 4));
    };
    id_registers ids;
    ids.IDR0 = id(reg::IDR0);
    ids.IDR1 = id(reg::IDR1);
    ids.IDR3 = id(reg::IDR3);
    ids.IDR5 = id(reg::IDR5);
    ids.IIDR = id(reg::IIDR);
    auto read = arm_smmu_v3::read_features(ids, firmware, k.options().page_shift);
    if (const auto* failed = std::get_if<feature_error>(&read))
        return k.fail(*failed->row, firmware.name, failed->message);
    auto& f = std::get<features>(read);
    if (f.coherent != (idr0::COHACC.of(ids.IDR0) != 0))
        k.say(log_level::warning, firmware.name,
              fmt::format("firmware overrides IDR0.COHACC: {}coherent", f.coherent ? "" : "not "));
    k.say(log_level::info, firmware.name, fmt::format("{} address bits in, {} out", f.ias, f.oas));
    return f;
}

result<void> smmu::allocate_structures() {
    const auto queue = [&](bool done, const char* what, const auto& allocated) -> result<void> {
        if (!done)
            return kernel_.fail(row::queue_memory, name(), fmt::format("no memory for the {}", what));
        kernel_.say(log_level::info, name(),
                    fmt::format("{} entries for the {}", 1U << allocated.log2_entries(), what));
        return {};
    };
    if (auto r = queue(cmdq_.allocate(), "command queue", cmdq_); !r)
        return r;
    if (auto r = queue(evtq_.allocate(features_.evtq_log2, features_.coherent), "event queue", evtq_); !r)
        return r;
    if (features_.pri)
        if (auto r = queue(priq_.allocate(features_.priq_log2, features_.coherent), "PRI queue", priq_); !r)
            return r;
    return stream_table_.allocate();
}

result<void> smmu::start() {
    if (auto r = allocate_structures(); !r)
        return r;
    auto r = reset();
    if (!r)
        static_cast<void>(write_acknowledged(reg::CR0.offset, reg::CR0ACK.offset, 0));
    return r;
}

result<void> smmu::enable(std::uint64_t cr0, const char* what) {
    if (!write_acknowledged(reg::CR0.offset, reg::CR0ACK.offset, cr0))
        return kernel_.fail(row::no_acknowledge, name(), fmt::format("CR0 is not acknowledged: {}", what));
    return {};
}

result<void> smmu::reset() {
    if (cr0::SMMUEN.of(read32(reg::CR0.offset))) {
        kernel_.say(log_level::warning, name(), "is enabled; resetting it");
        write32(reg::GBPA.offset, gbpa::ABORT.put(gbpa::Update.make(1) | read32(reg::GBPA.offset), 1));
    }
    if (auto r = enable(0, "switching off"); !r)
        return r;

    write32(reg::CR1.offset, cr1::TABLE_SH.make(inner_shareable) | cr1::TABLE_OC.make(write_back) |
                                 cr1::TABLE_IC.make(write_back) | cr1::QUEUE_SH.make(inner_shareable) |
                                 cr1::QUEUE_OC.make(write_back) | cr1::QUEUE_IC.make(write_back));
    write32(reg::CR2.offset, cr2::PTM.make(1) | cr2::RECINVSID.make(1));
    write64(reg::STRTAB_BASE.offset, strtab_base::RA.make(1) | strtab_base::ADDR.put(0, stream_table_.base()));
    write32(reg::STRTAB_BASE_CFG.offset, stream_table_.base_cfg());

    const auto queue_base = [](std::uint64_t base, unsigned log2_entries) {
        return queue_base::RA.make(1) | queue_base::ADDR.put(0, base) | queue_base::LOG2SIZE.make(log2_entries);
    };
    write64(reg::CMDQ_BASE.offset, queue_base(cmdq_.base(), cmdq_.log2_entries()));
    write32(reg::CMDQ_PROD.offset, 0);
    write32(reg::CMDQ_CONS.offset, 0);
    std::uint64_t enables = cr0::CMDQEN.make(1);
    if (auto r = enable(enables, "command queue"); !r)
        return r;
    cmdq_.issue(commands::cfgi_all(), true);
    if (features_.hyp)
        cmdq_.issue(commands::tlbi_el2_all(), true);
    cmdq_.issue(commands::tlbi_nsnh_all(), true);

    write64(reg::EVENTQ_BASE.offset, queue_base(evtq_.base(), evtq_.log2_entries()));
    write32(reg::EVENTQ_PROD.offset, 0);
    write32(reg::EVENTQ_CONS.offset, 0);
    enables |= cr0::EVENTQEN.make(1);
    if (auto r = enable(enables, "event queue"); !r)
        return r;
    if (features_.pri) {
        write64(reg::PRIQ_BASE.offset, queue_base(priq_.base(), priq_.log2_entries()));
        write32(reg::PRIQ_PROD.offset, 0);
        write32(reg::PRIQ_CONS.offset, 0);
        enables |= cr0::PRIQEN.make(1);
        if (auto r = enable(enables, "PRI queue"); !r)
            return r;
    }
    if (features_.ats) {
        enables |= cr0::ATSCHK.make(1);
        if (auto r = enable(enables, "ATS checks"); !r)
            return r;
    }
    set_up_interrupts();
    enabled_ = true;
    return enable(enables | cr0::SMMUEN.make(1), "translation");
}

void smmu::request_line(const char* what, int msi_index, std::uint32_t msi_cfg0, kernel::handler h) {
    int line = firmware().interrupt(what);
    if (features_.msi && firmware().msi_doorbell) {
        line = firmware().msi_first_line + msi_index;
        write64(msi_cfg0, irq_cfg::ADDR.put(0, *firmware().msi_doorbell));
        write32(msi_cfg0 + 8, static_cast<std::uint32_t>(line));
        write32(msi_cfg0 + 12, irq_cfg::MemAttr.make(device_nGnRE));
    }
    if (line < 0)
        kernel_.say(log_level::warning, name(), fmt::format("no {} interrupt", what));
    else
        kernel_.request_interrupt(line, name(), std::move(h));
}

void smmu::set_up_interrupts() {
    if (!write_acknowledged(reg::IRQ_CTRL.offset, reg::IRQ_CTRLACK.offset, 0))
        return kernel_.note(row::interrupts_off, name(), "interrupts cannot be switched off");
    if (const int line = firmware().interrupt("combined"); line >= 0) {
        kernel_.request_interrupt(line, name(), [this] {
            handle_global_errors();
            handle_events();
            handle_page_requests();
        });
    } else {
        write64(reg::GERROR_IRQ_CFG0.offset, 0);
        write64(reg::EVENTQ_IRQ_CFG0.offset, 0);
        if (features_.pri)
            write64(reg::PRIQ_IRQ_CFG0.offset, 0);
        request_line("eventq", 0, reg::EVENTQ_IRQ_CFG0.offset, [this] { handle_events(); });
        request_line("gerror", 1, reg::GERROR_IRQ_CFG0.offset, [this] { handle_global_errors(); });
        if (features_.pri)
            request_line("priq", 2, reg::PRIQ_IRQ_CFG0.offset, [this] { handle_page_requests(); });
    }
    const std::uint64_t lines = irq_ctrl::EVENTQ_IRQEN.make(1) | irq_ctrl::GERROR_IRQEN.make(1) |
                                (features_.pri ? irq_ctrl::PRIQ_IRQEN.make(1) : 0);
    if (!write_acknowledged(reg::IRQ_CTRL.offset, reg::IRQ_CTRLACK.offset, lines))
        kernel_.note(row::interrupts_off, name(), "interrupts cannot be switched on");
}

result<void> smmu::insert(master& m) {
    const std::lock_guard held(streams_lock_);
    for (const std::uint32_t sid : m.dev.spec()->source_ids) {
        result<void> r = stream_table_.prepare(sid);
        const auto there = masters_.find(sid);
        if (r && there != masters_.end() && there->second != &m)
            r = kernel_.fail(row::stream_taken, m.dev.name(),
                             fmt::format("StreamID {:#x} belongs to {}", sid, there->second->dev.name()));
        if (!r) {
            std::erase_if(masters_, [&](const auto& entry) { return entry.second == &m; });
            return r;
        }
        masters_.emplace(sid, &m);
        m.streams.push_back(sid);
    }
    return {};
}

void smmu::remove(master& m) {
    const std::lock_guard held(streams_lock_);
    std::erase_if(masters_, [&](const auto& entry) { return entry.second == &m; });
}

} // namespace iommulab::sw::arm_smmu_v3
