// SPDX-License-Identifier: Apache-2.0
// The seam: all that software knows of the machine it runs on. Integers and pointers only, so that it can be offered
// through a C ABI: each function has a plain counterpart with the object as its first argument.
#pragma once

#include <cstdint>

namespace iommulab::sw {

/// How grave a line of the log is, as in the kernel: dev_dbg, dev_info, dev_warn (and WARN), dev_err.
enum class log_level : std::uint8_t { none, debug, info, warning, error, alert };

/// What kind of memory software asks for.
enum class memory_kind : std::uint8_t {
    cached,   ///< ordinary memory: cheap to touch; clean() makes it visible to hardware that does not snoop
    uncached, ///< each access goes to memory; nothing to maintain
};

/// The machine as the calling CPU sees it; who calls is known to the implementation. Calls block: they return when the
/// simulated time that they cost is over. Addresses are physical, data little-endian.
class cpu {
  public:
    virtual ~cpu() = default;

    /// Registers. `bytes` is 1, 2, 4 or 8, `address` aligned to it. A read that nothing answers gives all ones.
    virtual std::uint64_t mmio_read(std::uint64_t address, unsigned bytes) = 0;
    virtual void mmio_write(std::uint64_t address, std::uint64_t value, unsigned bytes) = 0;

    /// Memory of a NUMA node, zeroed; `alignment` is a power of two. 0 when there is none left (address 0 is never
    /// given away). release() takes what allocate() gave, with the same size.
    virtual std::uint64_t allocate(std::uint64_t bytes, std::uint64_t alignment, unsigned node, memory_kind kind) = 0;
    virtual void release(std::uint64_t address, std::uint64_t bytes) = 0;

    /// That memory, and any other of the machine. `bytes` of a word is 1, 2, 4 or 8.
    virtual std::uint64_t read(std::uint64_t address, unsigned bytes) = 0;
    virtual void write(std::uint64_t address, std::uint64_t value, unsigned bytes) = 0;
    virtual void read_block(std::uint64_t address, void* data, std::uint64_t bytes) = 0;
    virtual void write_block(std::uint64_t address, const void* data, std::uint64_t bytes) = 0;
    virtual void zero(std::uint64_t address, std::uint64_t bytes) = 0;
    /// Writes cached memory back, for hardware that does not snoop the CPU's caches.
    virtual void clean(std::uint64_t address, std::uint64_t bytes) = 0;
    /// Memory writes before it are seen before anything after it.
    virtual void barrier() = 0;

    /// Simulated time since the start.
    virtual std::uint64_t now_ns() = 0;
    virtual void delay_ns(std::uint64_t time_ns) = 0;

    /// Waits for an interrupt that is routed to this CPU: its line, or -1 when the time is over first (0: looks, does
    /// not wait; ~0: for ever). An edge is kept until it is taken; a level asks again while it stays high.
    virtual int wait_interrupt(std::uint64_t timeout_ns) = 0;

    /// Which CPU is calling.
    virtual unsigned id() = 0;

    /// A line of the log; the strings are copied.
    virtual void log(log_level level, const char* device, const char* message) = 0;
};

} // namespace iommulab::sw
