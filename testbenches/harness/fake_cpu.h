// SPDX-License-Identifier: Apache-2.0
// The seam without a simulation: one CPU, memory, register files, a clock that moves when software does something.
#pragma once

#include "sw/cpu/log.h"
#include "sw/cpu/region_allocator.h"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace iommulab::harness {

/// Something with registers.
class fake_device {
  public:
    virtual ~fake_device() = default;
    virtual std::uint64_t read(std::uint32_t offset, unsigned bytes) = 0;
    virtual void write(std::uint32_t offset, std::uint64_t value, unsigned bytes) = 0;
};

class fake_cpu final : public sw::cpu {
  public:
    /// Every access costs 100 ns, so that polling ends.
    static constexpr std::uint64_t access_ns = 100;
    explicit fake_cpu(sw::log_stream& log, std::uint64_t memory_base = 0x40000000,
                      std::uint64_t memory_bytes = 0x40000000);

    void add_device(std::uint64_t base, std::uint64_t bytes, fake_device& d) { devices_.push_back({base, bytes, &d}); }
    void raise_interrupt(int line) { interrupts_.push_back(line); }
    /// Memory without time, for devices and tests.
    void peek(std::uint64_t address, void* data, std::uint64_t bytes);
    void poke(std::uint64_t address, const void* data, std::uint64_t bytes);
    [[nodiscard]] std::uint64_t peek64(std::uint64_t address);
    [[nodiscard]] std::uint64_t allocated_bytes() const { return allocator_.used_bytes(); }

    std::uint64_t mmio_read(std::uint64_t address, unsigned bytes) override;
    void mmio_write(std::uint64_t address, std::uint64_t value, unsigned bytes) override;
    std::uint64_t allocate(std::uint64_t bytes, std::uint64_t alignment, unsigned node, sw::memory_kind kind) override;
    void release(std::uint64_t address, std::uint64_t bytes) override;
    std::uint64_t read(std::uint64_t address, unsigned bytes) override;
    void write(std::uint64_t address, std::uint64_t value, unsigned bytes) override;
    void read_block(std::uint64_t address, void* data, std::uint64_t bytes) override;
    void write_block(std::uint64_t address, const void* data, std::uint64_t bytes) override;
    void zero(std::uint64_t address, std::uint64_t bytes) override;
    void clean(std::uint64_t, std::uint64_t) override { ++cleans; }
    void barrier() override {}
    std::uint64_t now_ns() override { return now_ns_; }
    void delay_ns(std::uint64_t time_ns) override { now_ns_ += time_ns; }
    int wait_interrupt(std::uint64_t timeout_ns) override;
    unsigned id() override { return 0; }
    void log(sw::log_level level, const char* device, const char* message) override;

    std::uint64_t cleans = 0;

  private:
    static constexpr std::uint64_t page_bytes = 4096;
    struct place {
        std::uint64_t base, bytes;
        fake_device* d;
    };
    std::array<std::uint8_t, page_bytes>& page(std::uint64_t address);
    const place* find(std::uint64_t address) const;

    sw::log_stream& log_;
    sw::region_allocator allocator_;
    std::map<std::uint64_t, std::unique_ptr<std::array<std::uint8_t, page_bytes>>> pages_;
    std::vector<place> devices_;
    std::deque<int> interrupts_;
    std::uint64_t now_ns_ = 0;
};

} // namespace iommulab::harness
