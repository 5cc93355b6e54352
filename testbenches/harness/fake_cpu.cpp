// SPDX-License-Identifier: Apache-2.0
#include "testbenches/harness/fake_cpu.h"

#include <algorithm>
#include <cstring>

namespace iommulab::harness {

fake_cpu::fake_cpu(sw::log_stream& log, std::uint64_t memory_base, std::uint64_t memory_bytes)
    : log_(log), allocator_(memory_base, memory_bytes) {}

std::array<std::uint8_t, fake_cpu::page_bytes>& fake_cpu::page(std::uint64_t address) {
    auto& p = pages_[address / page_bytes];
    if (!p)
        p = std::make_unique<std::array<std::uint8_t, page_bytes>>();
    return *p;
}

void fake_cpu::peek(std::uint64_t address, void* data, std::uint64_t bytes) {
    for (auto* to = static_cast<std::uint8_t*>(data); bytes != 0;) {
        const std::uint64_t offset = address % page_bytes, part = std::min(bytes, page_bytes - offset);
        std::memcpy(to, page(address).data() + offset, part);
        to += part;
        address += part;
        bytes -= part;
    }
}

void fake_cpu::poke(std::uint64_t address, const void* data, std::uint64_t bytes) {
    for (const auto* from = static_cast<const std::uint8_t*>(data); bytes != 0;) {
        const std::uint64_t offset = address % page_bytes, part = std::min(bytes, page_bytes - offset);
        std::memcpy(page(address).data() + offset, from, part);
        from += part;
        address += part;
        bytes -= part;
    }
}

std::uint64_t fake_cpu::peek64(std::uint64_t address) {
    std::uint64_t value = 0;
    peek(address, &value, 8);
    return value;
}

const fake_cpu::place* fake_cpu::find(std::uint64_t address) const {
    for (const place& p : devices_)
        if (address >= p.base && address - p.base < p.bytes)
            return &p;
    return nullptr;
}

std::uint64_t fake_cpu::mmio_read(std::uint64_t address, unsigned bytes) {
    now_ns_ += access_ns;
    const place* const p = find(address);
    return p ? p->d->read(static_cast<std::uint32_t>(address - p->base), bytes) : ~std::uint64_t{0} >> (64 - 8 * bytes);
}

void fake_cpu::mmio_write(std::uint64_t address, std::uint64_t value, unsigned bytes) {
    now_ns_ += access_ns;
    if (const place* const p = find(address))
        p->d->write(static_cast<std::uint32_t>(address - p->base), value, bytes);
}

std::uint64_t fake_cpu::allocate(std::uint64_t bytes, std::uint64_t alignment, unsigned, sw::memory_kind) {
    const std::uint64_t address = allocator_.allocate(bytes, alignment);
    if (address != 0)
        zero(address, bytes);
    return address;
}

void fake_cpu::release(std::uint64_t address, std::uint64_t bytes) {
    allocator_.release(address, bytes);
}

std::uint64_t fake_cpu::read(std::uint64_t address, unsigned bytes) {
    std::uint64_t value = 0;
    read_block(address, &value, bytes);
    return value;
}

void fake_cpu::write(std::uint64_t address, std::uint64_t value, unsigned bytes) {
    write_block(address, &value, bytes);
}

void fake_cpu::read_block(std::uint64_t address, void* data, std::uint64_t bytes) {
    now_ns_ += access_ns;
    peek(address, data, bytes);
}

void fake_cpu::write_block(std::uint64_t address, const void* data, std::uint64_t bytes) {
    now_ns_ += access_ns;
    poke(address, data, bytes);
}

void fake_cpu::zero(std::uint64_t address, std::uint64_t bytes) {
    now_ns_ += access_ns;
    for (; bytes != 0;) {
        const std::uint64_t offset = address % page_bytes, part = std::min(bytes, page_bytes - offset);
        if (const auto there = pages_.find(address / page_bytes); there != pages_.end())
            std::memset(there->second->data() + offset, 0, part);
        address += part;
        bytes -= part;
    }
}

int fake_cpu::wait_interrupt(std::uint64_t timeout_ns) {
    if (interrupts_.empty()) {
        if (timeout_ns != ~std::uint64_t{0})
            now_ns_ += timeout_ns;
        return -1;
    }
    const int line = interrupts_.front();
    interrupts_.pop_front();
    return line;
}

void fake_cpu::log(sw::log_level level, const char* device, const char* message) {
    log_.add({now_ns_, 0, level, device, message});
}

} // namespace iommulab::harness
