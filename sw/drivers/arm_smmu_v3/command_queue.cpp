// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/command_queue.h"

#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/registers.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/layout.h"

#include <fmt/format.h>

#include <mutex>

namespace iommulab::sw::arm_smmu_v3 {

using namespace iommulab::smmu_v3;

std::uint64_t poll::limit_ns() {
    return poll_timeout_ns;
}

bool poll::again() {
    if (machine_.now_ns() > end_ns_)
        return false;
    if (++looks_ % poll_spins == 0) {
        machine_.delay_ns(pause_ns_);
        pause_ns_ *= 2;
    } else {
        machine_.delay_ns(10); // a yield, and the check itself; assumption
    }
    return true;
}

queue_memory allocate_queue(kernel& k, const instance_firmware& firmware, unsigned log2_entries, unsigned entry_bytes,
                            bool coherent) {
    const memory_kind kind = coherent ? memory_kind::cached : memory_kind::uncached;
    for (;; --log2_entries) {
        const std::uint64_t bytes = std::uint64_t{entry_bytes} << log2_entries;
        const std::uint64_t base = k.allocate("smmu_v3.queue.alloc", bytes, bytes, firmware.node, kind);
        if (base != 0 || bytes < (std::uint64_t{1} << k.options().page_shift))
            return {base, log2_entries};
    }
}

command_queue::command_queue(kernel& k, const instance_firmware& firmware, const features& f)
    : kernel_(k), firmware_(firmware), features_(f), lock_(k.machine()) {}

command_queue::~command_queue() {
    if (memory_.base != 0 && kernel_.powered())
        kernel_.machine().release(memory_.base, std::uint64_t{command::bytes} << memory_.log2_entries);
}

bool command_queue::allocate() {
    memory_ = allocate_queue(kernel_, firmware_, features_.cmdq_log2, command::bytes, features_.coherent);
    return memory_.base != 0;
}

std::uint64_t command_queue::entry_address(std::uint32_t index) const {
    return memory_.base + std::uint64_t{index & (entries() - 1)} * command::bytes;
}

void command_queue::write_entry(std::uint32_t index, const command_words& c) {
    kernel_.machine().write(entry_address(index), c[0], 8);
    kernel_.machine().write(entry_address(index) + 8, c[1], 8);
}

void command_queue::consumed_up_to(std::uint32_t cons) {
    if (((cons - cons_) & mask()) <= entries()) // another CPU may have seen more
        cons_ = cons & mask();
}

void command_queue::wait_for_room(std::uint32_t needed) {
    const auto has_room = [&] { return entries() - ((prod_ - cons_) & mask()) >= needed; };
    const std::uint64_t end_ns = kernel_.machine().now_ns() + full_queue_limit_ns;
    while (!has_room()) {
        poll look(kernel_.machine());
        do
            consumed_up_to(static_cast<std::uint32_t>(
                queue_index::RD.of(kernel_.machine().mmio_read(firmware_.base + reg::CMDQ_CONS.offset, 4))));
        while (!has_room() && look.again());
        if (has_room())
            return;
        kernel_.note(row::queue_full_timeout, firmware_.name, "CMDQ time-out: the queue stays full");
        if (kernel_.machine().now_ns() > end_ns)
            throw kernel_stop(firmware_.name + ": the command queue stands still; Linux would wait for ever");
    }
}

void command_queue::issue(std::span<const command_words> list, bool sync) {
    if (!kernel_.powered())
        return;
    std::uint32_t sync_index = 0;
    const std::uint64_t begin_ns = [&] {
        const std::lock_guard held(lock_);
        wait_for_room(static_cast<std::uint32_t>(list.size()) + (sync ? 1 : 0));
        for (const command_words& c : list) {
            write_entry(prod_, c);
            prod_ = (prod_ + 1) & mask();
        }
        if (sync) {
            sync_index = prod_;
            write_entry(prod_, commands::sync(features_.poll_by_msi ? entry_address(prod_) : 0));
            prod_ = (prod_ + 1) & mask();
        }
        counted_.commands += list.size() + (sync ? 1 : 0);
        kernel_.machine().barrier();
        kernel_.machine().mmio_write(firmware_.base + reg::CMDQ_PROD.offset, prod_, 4);
        return kernel_.machine().now_ns();
    }();
    if (!sync)
        return;
    ++counted_.syncs;
    if (!wait_for_sync(sync_index)) {
        ++counted_.timeouts;
        kernel_.note(row::sync_timeout, firmware_.name,
                     fmt::format("CMD_SYNC time-out at {:#x}: CMDQ_PROD {:#x}, CMDQ_CONS {:#x}", sync_index,
                                 kernel_.machine().mmio_read(firmware_.base + reg::CMDQ_PROD.offset, 4),
                                 kernel_.machine().mmio_read(firmware_.base + reg::CMDQ_CONS.offset, 4)));
    }
    counted_.sync_wait_ns += kernel_.machine().now_ns() - begin_ns;
}

bool command_queue::wait_for_sync(std::uint32_t index) {
    cpu& machine = kernel_.machine();
    poll look(machine);
    do {
        if (features_.poll_by_msi) {
            if (machine.read(entry_address(index), 4) == 0) { // the SMMU wrote MSIData, 0, over the command
                consumed_up_to(index + 1);
                return true;
            }
            continue;
        }
        const auto cons = static_cast<std::uint32_t>(
            queue_index::RD.of(machine.mmio_read(firmware_.base + reg::CMDQ_CONS.offset, 4)));
        consumed_up_to(cons);
        const std::uint32_t beyond = (cons - index) & mask();
        if (beyond >= 1 && beyond <= entries())
            return true;
    } while (look.again());
    return false;
}

void command_queue::skip_refused() {
    static constexpr const char* reasons[] = {"no error", "illegal command", "abort on command fetch",
                                              "ATC invalidation time-out"};
    cpu& machine = kernel_.machine();
    const std::uint64_t cons = machine.mmio_read(firmware_.base + reg::CMDQ_CONS.offset, 4);
    const std::uint64_t reason = queue_index::ERR.of(cons);
    kernel_.say(log_level::error, firmware_.name,
                fmt::format("CMDQ error, CMDQ_CONS {:#x}: {}", cons,
                            reason < std::size(reasons) ? reasons[reason] : "unknown"));
    if (reason != static_cast<std::uint64_t>(command_error::CERROR_ILL) && reason < std::size(reasons))
        return; // the command is tried again
    const std::uint64_t at = entry_address(static_cast<std::uint32_t>(queue_index::RD.of(cons)));
    kernel_.say(log_level::error, firmware_.name,
                fmt::format("skipping the command {:#018x} {:#018x}", machine.read(at, 8), machine.read(at + 8, 8)));
    write_entry(static_cast<std::uint32_t>(queue_index::RD.of(cons)), commands::sync(0));
    machine.barrier();
}

void command_batch::add(const command_words& c) {
    if (used_ == list_.size()) {
        queue_.issue(std::span(list_.data(), used_), false);
        used_ = 0;
    }
    list_[used_++] = c;
}

void command_batch::submit() {
    queue_.issue(std::span(list_.data(), used_), true);
    used_ = 0;
}

} // namespace iommulab::sw::arm_smmu_v3
