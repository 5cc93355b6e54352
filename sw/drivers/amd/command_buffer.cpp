// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/amd/command_buffer.h"

#include "models/amd_vi/spec/commands.h"
#include "models/amd_vi/spec/registers.h"
#include "sw/drivers/amd/failures.h"
#include "sw/drivers/amd/layout.h"

#include <bit>
#include <mutex>

namespace iommulab::sw::amd {

using namespace iommulab::amd_vi;

namespace {

command_words make(opcode code) {
    command_words c{};
    command::Opcode.put(c, static_cast<std::uint64_t>(code));
    return c;
}

/// Address and S of an invalidation (publication 48882, 2.4.3): the size is where the lowest zero bit of the address
/// is.
std::uint64_t sized(std::uint64_t address, std::uint64_t bytes) {
    const std::uint64_t first = address >> page_shift, last = (address + (bytes - 1)) >> page_shift;
    if (bytes == ~std::uint64_t{0} || last < first)
        return command::all_pages | 1;
    if (first == last)
        return first << page_shift;
    const auto highest = static_cast<unsigned>(std::bit_width(first ^ last)) - 1 + page_shift;
    constexpr unsigned highest_of_address = 51; // above, addresses are sign extended
    if (highest > highest_of_address)
        return command::all_pages | 1;
    // The bit itself is 0 in the address, those below are ones: a block of twice its weight.
    address = (address & ~(std::uint64_t{1} << highest)) | ((std::uint64_t{1} << highest) - 1);
    return (address & ~(page_bytes - 1)) | 1;
}

} // namespace

namespace commands {

command_words invalidate_device(std::uint16_t device_id) {
    command_words c = make(opcode::INVALIDATE_DEVTAB_ENTRY);
    command::DeviceID.put(c, device_id);
    return c;
}

command_words invalidate_pages(std::uint16_t domain_id, std::uint64_t address, std::uint64_t bytes, bool tables) {
    command_words c = make(opcode::INVALIDATE_IOMMU_PAGES);
    command::DomainID.put(c, domain_id);
    c[1] = sized(address, bytes);
    command::PDE.put(c, tables);
    return c;
}

command_words invalidate_guest_pages(std::uint16_t domain_id, std::uint32_t pasid, std::uint64_t address,
                                     std::uint64_t bytes) {
    command_words c = invalidate_pages(domain_id, address, bytes, true);
    command::PASID.put(c, pasid);
    command::GN.put(c, 1);
    return c;
}

command_words invalidate_iotlb(std::uint16_t device_id, std::uint64_t address, std::uint64_t bytes) {
    command_words c = make(opcode::INVALIDATE_IOTLB_PAGES);
    command::DeviceID.put(c, device_id);
    command::QueueID.put(c, device_id);
    c[1] = sized(address, bytes);
    return c;
}

command_words invalidate_all() {
    return make(opcode::INVALIDATE_IOMMU_ALL);
}

} // namespace commands

command_buffer::command_buffer(kernel& k, const instance_firmware& firmware)
    : kernel_(k), firmware_(firmware), lock_(k.machine()) {}

command_buffer::~command_buffer() {
    if (!kernel_.powered())
        return;
    if (base_ != 0)
        kernel_.machine().release(base_, ring_bytes);
    if (semaphore_ != 0)
        kernel_.machine().release(semaphore_, page_bytes);
}

bool command_buffer::allocate() {
    constexpr const char* point = "amd.command_buffer.alloc";
    base_ = kernel_.allocate(point, ring_bytes, ring_bytes, firmware_.node, memory_kind::cached);
    semaphore_ = kernel_.allocate(point, page_bytes, page_bytes, firmware_.node, memory_kind::cached);
    return base_ != 0 && semaphore_ != 0;
}

std::uint64_t command_buffer::base_register() const {
    return ring_base::Base.put(ring_base::Len.make(ring_log2_entries), base_);
}

void command_buffer::reset() {
    head_ = tail_ = 0;
}

bool command_buffer::queue_locked(const command_words& c, bool is_wait) {
    cpu& machine = kernel_.machine();
    constexpr std::uint32_t reserve = 2 * ring_entry_bytes; // never quite full: head and tail would be the same
    const std::uint32_t next = (tail_ + ring_entry_bytes) % ring_bytes;
    for (unsigned look = 0; (head_ - next) % ring_bytes <= reserve; ++look) {
        if (look == loop_timeout) {
            kernel_.note(row::command_buffer_full, firmware_.name, "the command buffer stays full");
            return false;
        }
        if (look != 0)
            machine.delay_ns(1'000);
        head_ = static_cast<std::uint32_t>(machine.mmio_read(firmware_.base + reg::CommandBufferHead.offset, 4));
    }
    machine.write(base_ + tail_, c[0], 8);
    machine.write(base_ + tail_ + 8, c[1], 8);
    tail_ = next;
    ++counted_.commands;
    machine.barrier();
    machine.mmio_write(firmware_.base + reg::CommandBufferTail.offset, tail_, 4);
    unwaited_ = !is_wait;
    return true;
}

void command_buffer::queue(const command_words& c) {
    if (!kernel_.powered())
        return;
    const std::lock_guard held(lock_);
    static_cast<void>(queue_locked(c, false));
}

void command_buffer::wait_for(std::uint64_t number) {
    cpu& machine = kernel_.machine();
    const std::uint64_t begin_ns = machine.now_ns();
    unsigned look = 0;
    while (static_cast<std::int64_t>(machine.read(semaphore_, 8) - number) < 0 && look < loop_timeout) {
        machine.delay_ns(1'000);
        ++look;
    }
    counted_.wait_ns += machine.now_ns() - begin_ns;
    if (look == loop_timeout) {
        ++counted_.timeouts;
        kernel_.note(row::completion_timeout, firmware_.name, "COMPLETION_WAIT time-out");
    }
}

void command_buffer::wait() {
    if (!kernel_.powered())
        return;
    std::uint64_t number = 0;
    {
        const std::lock_guard held(lock_);
        if (unwaited_) {
            command_words c = make(opcode::COMPLETION_WAIT);
            c[0] |= command::StoreAddress.put(0, semaphore_);
            command::s.put(c, 1);
            command::StoreData.put(c, ++last_wait_);
            ++counted_.waits;
            if (!queue_locked(c, true))
                return;
        }
        number = last_wait_; // somebody else may have queued the wait that covers this caller's commands
    }
    wait_for(number);
}

} // namespace iommulab::sw::amd
