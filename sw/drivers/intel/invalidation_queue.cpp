// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/invalidation_queue.h"

#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/registers.h"
#include "sw/drivers/intel/layout.h"

#include <fmt/format.h>

#include <bit>
#include <mutex>

namespace iommulab::sw::intel {

using namespace iommulab::vtd;

namespace {

constexpr unsigned status_bytes = 4;
constexpr unsigned descriptors_log2 = std::countr_zero(queue_descriptors);

descriptor_words wait_descriptor(std::uint64_t status_address, std::uint32_t status_data) {
    descriptor_words d{};
    descriptor::Type.put(d, static_cast<std::uint64_t>(descriptor_type::wait));
    descriptor::SW.put(d, 1);
    descriptor::STDATA.put(d, status_data);
    d[1] = descriptor::STADDR.put(0, status_address);
    return d;
}

} // namespace

invalidation_queue::invalidation_queue(kernel& k, const instance_firmware& firmware, const unit_features& f)
    : kernel_(k), firmware_(firmware), features_(f), lock_(k.machine()) {}

invalidation_queue::~invalidation_queue() {
    if (base_ != 0 && kernel_.powered()) {
        kernel_.machine().release(base_, std::uint64_t{queue_descriptors} * entry_bytes());
        kernel_.machine().release(statuses_, std::uint64_t{queue_descriptors} * status_bytes);
    }
}

bool invalidation_queue::allocate() {
    const std::uint64_t bytes = std::uint64_t{queue_descriptors} * entry_bytes();
    const std::uint64_t status_array = std::uint64_t{queue_descriptors} * status_bytes;
    const std::uint64_t queue =
        kernel_.allocate("intel.invalidation_queue.alloc", bytes, bytes, firmware_.node, memory_kind::cached);
    if (queue == 0)
        return false;
    statuses_ = kernel_.allocate("intel.invalidation_queue.alloc", status_array, status_array, firmware_.node,
                                 memory_kind::cached);
    if (statuses_ == 0) {
        kernel_.machine().release(queue, bytes);
        return false;
    }
    base_ = queue;
    free_count_ = queue_descriptors;
    return true;
}

std::uint64_t invalidation_queue::address_register() const {
    // QS counts pages of the queue as a power of two.
    const std::uint64_t pages = std::uint64_t{queue_descriptors} * entry_bytes() / page_bytes;
    return iqa::IQA.put(0, base_) | iqa::DW.make(features_.wide_descriptors) |
           iqa::QS.make(static_cast<unsigned>(std::countr_zero(pages)));
}

std::uint64_t invalidation_queue::status_address(unsigned index) const {
    return statuses_ + std::uint64_t{index} * status_bytes;
}

void invalidation_queue::write_entry(unsigned index, const descriptor_words& d) {
    for (unsigned word = 0; word < entry_bytes() / 8; ++word)
        kernel_.machine().write(entry(index) + 8 * word, word < d.size() ? d[word] : 0, 8);
}

void invalidation_queue::set_status(unsigned index, status s) {
    kernel_.machine().write(status_address(index), s, status_bytes);
}

invalidation_queue::status invalidation_queue::status_of(unsigned index) {
    return static_cast<status>(kernel_.machine().read(status_address(index), status_bytes));
}

void invalidation_queue::reclaim() {
    while (free_count_ < queue_descriptors && status_of(free_tail_) == free_) {
        free_tail_ = (free_tail_ + 1) % queue_descriptors;
        ++free_count_;
    }
}

invalidation_queue::outcome invalidation_queue::check(unsigned index, unsigned wait_index) {
    cpu& machine = kernel_.machine();
    if (status_of(wait_index) == aborted_)
        return outcome::aborted;
    const std::uint64_t faults = machine.mmio_read(firmware_.base + reg::FSTS.offset, 4);
    const auto position = [&](const register_declaration& r) {
        return static_cast<unsigned>(machine.mmio_read(firmware_.base + r.offset, 4) / entry_bytes());
    };
    const auto clear = [&](const bit_field& f, const char* what) {
        machine.mmio_write(firmware_.base + reg::FSTS.offset, f.make(1), 4);
        kernel_.say(log_level::info, firmware_.name, fmt::format("{} cleared", what));
    };
    if (fsts::IQE.of(faults) || fsts::ITE.of(faults) || fsts::ICE.of(faults)) {
        ++counted_.errors;
        const std::uint64_t why = machine.mmio_read(firmware_.base + reg::IQERCD.offset, 8);
        const unsigned head = position(reg::IQH) % queue_descriptors;
        if (fsts::IQE.of(faults))
            kernel_.say(log_level::error, firmware_.name,
                        fmt::format("invalidation queue error, reason {}", iqercd::IQEI.of(why)));
        if (fsts::ITE.of(faults))
            kernel_.say(log_level::error, firmware_.name,
                        fmt::format("invalidation time-out, SID {:#x}", iqercd::ITESID.of(why)));
        if (fsts::ICE.of(faults))
            kernel_.say(log_level::error, firmware_.name,
                        fmt::format("invalidation completion error, SID {:#x}", iqercd::ICESID.of(why)));
        kernel_.say(log_level::error, firmware_.name,
                    fmt::format("queue head {}: {:#018x} {:#018x}", head, machine.read(entry(head), 8),
                                machine.read(entry(head) + 8, 8)));
    }
    if (fsts::IQE.of(faults) && position(reg::IQH) == index) {
        // Nothing is fetched until the error is cleared: the wait descriptor takes the place of what was refused.
        write_entry(index, wait_descriptor(status_address(wait_index), done));
        machine.barrier();
        clear(fsts::IQE, "invalidation queue error");
        return outcome::refused;
    }
    if (fsts::ITE.of(faults)) {
        unsigned head = (position(reg::IQH) + queue_descriptors - 1) % queue_descriptors;
        const unsigned tail = (position(reg::IQT) + queue_descriptors - 1) % queue_descriptors;
        clear(fsts::ITE, "invalidation time-out");
        do { // the waits that were fetched are lost
            if (status_of(head) == in_use)
                set_status(head, aborted_);
            head = (head + queue_descriptors - 1) % queue_descriptors;
        } while (head != tail);
        if (status_of(wait_index) == aborted_)
            return outcome::aborted;
    }
    if (fsts::ICE.of(faults))
        clear(fsts::ICE, "invalidation completion error");
    return outcome::pending;
}

bool invalidation_queue::submit_once(const descriptor_words& d) {
    cpu& machine = kernel_.machine();
    constexpr unsigned count = 1, gap = 1; // one descriptor; one slot between head and tail stays empty
    const std::uint64_t end_ns = machine.now_ns() + queue_timeout_ns;
    const auto give_up = [&] {
        if (machine.now_ns() > end_ns)
            throw kernel_stop(
                fmt::format("{}: the invalidation queue stands still; Linux would hang here", firmware_.name));
    };
    std::unique_lock held(lock_);
    while (free_count_ < count + 1 + gap) {
        give_up();
        held.unlock();
        machine.delay_ns(10); // a yield; assumption
        held.lock();
    }
    const unsigned index = free_head_, wait_index = (index + count) % queue_descriptors;
    write_entry(index, d);
    set_status(index, in_use);
    set_status(wait_index, in_use);
    write_entry(wait_index, wait_descriptor(status_address(wait_index), done));
    free_head_ = (free_head_ + count + 1) % queue_descriptors;
    free_count_ -= count + 1;
    counted_.descriptors += count;
    ++counted_.waits;
    machine.barrier();
    machine.mmio_write(firmware_.base + reg::IQT.offset, std::uint64_t{free_head_} * entry_bytes(), 4);

    const std::uint64_t begin_ns = machine.now_ns();
    outcome what = outcome::pending;
    while (status_of(wait_index) != done) {
        what = check(index, wait_index);
        if (what != outcome::pending)
            break;
        give_up();
        held.unlock(); // others may queue meanwhile
        machine.delay_ns(10);
        held.lock();
    }
    counted_.wait_ns += machine.now_ns() - begin_ns;
    set_status(index, free_);
    set_status(wait_index, free_);
    reclaim();
    return what != outcome::aborted;
}

void invalidation_queue::submit(const descriptor_words& d) {
    if (!kernel_.powered())
        return;
    while (!submit_once(d))
        ++counted_.retries;
}

} // namespace iommulab::sw::intel
