// SPDX-License-Identifier: Apache-2.0
// The seam on SystemC: CPUs that run blocking software, each in a process of its own.
//
// Models: register accesses with the latency of bus and device; cached memory at a cost per access and line; uncached
// memory with the latency of bus and memory; wired interrupts, edge or level; messages that become interrupts. Does
// not: caches as such (what software writes to cached memory is in memory at once), speculation, the cost of computing:
// only what goes through the seam takes time.
#pragma once

#include "sw/cpu/log.h"
#include "sw/cpu/region_allocator.h"

#include <systemc>
#include <tlm>

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace iommulab::sw {

struct simulated_cpu_parameters {
    unsigned cpus = 2;
    unsigned interrupt_cpu = 1; ///< all interrupts go there; the last CPU when there are fewer
    struct region {
        std::uint64_t base = 0, bytes = 0;
        unsigned node = 0;
    };
    std::vector<region> memory; ///< what allocate() gives away; another node serves when the wanted one is full

    // Costs on the CPU's side. Assumptions, for a core of 2.5 GHz: four cycles for a hit in the first cache; a line
    // every two cycles for streaming stores; a line written back to memory; a barrier that waits for stores to be seen;
    // the core's own part of a register access.
    std::uint64_t cached_access_ps = 1'600;
    std::uint64_t streamed_line_ps = 800;
    std::uint64_t clean_line_ps = 30'000;
    std::uint64_t barrier_ps = 10'000;
    std::uint64_t mmio_read_ps = 40'000;
    std::uint64_t mmio_write_ps = 20'000;
};

class simulated_cpus final : public sc_core::sc_module, public cpu {
  public:
    /// Throws std::invalid_argument for no CPU, and for memory regions that wrap.
    simulated_cpus(sc_core::sc_module_name name, const simulated_cpu_parameters& parameters, log_stream& log);
    ~simulated_cpus() override;

    /// The bus of a CPU: memory and registers at their physical addresses. All have to be bound.
    tlm::tlm_initiator_socket<64>& bus(unsigned n);
    /// A new line; `wire` is what the device drives. Before the simulation starts. With `level`, a wire that stays high
    /// asks again and again.
    int add_interrupt(const std::string& name, bool level = false);
    sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS>& wire(int line);
    /// A message has arrived: an interrupt of the line that its data name; none when there is no such line.
    void message(std::uint32_t data);

    /// Gives a CPU something to run, after what it has; also while the simulation runs.
    void run(unsigned n, std::function<void()> software);
    /// All CPUs have run all that they were given. A CPU that serves interrupts for ever does not count.
    [[nodiscard]] bool idle() const;
    /// No interrupt waits or is being dealt with; also when no CPU serves them for ever.
    [[nodiscard]] bool interrupts_served() const;
    /// Throws again what software threw; it stopped the simulation.
    void rethrow() const;

    // cpu
    std::uint64_t mmio_read(std::uint64_t address, unsigned bytes) override;
    void mmio_write(std::uint64_t address, std::uint64_t value, unsigned bytes) override;
    std::uint64_t allocate(std::uint64_t bytes, std::uint64_t alignment, unsigned node, memory_kind kind) override;
    void release(std::uint64_t address, std::uint64_t bytes) override;
    std::uint64_t read(std::uint64_t address, unsigned bytes) override;
    void write(std::uint64_t address, std::uint64_t value, unsigned bytes) override;
    void read_block(std::uint64_t address, void* data, std::uint64_t bytes) override;
    void write_block(std::uint64_t address, const void* data, std::uint64_t bytes) override;
    void zero(std::uint64_t address, std::uint64_t bytes) override;
    void clean(std::uint64_t address, std::uint64_t bytes) override;
    void barrier() override;
    std::uint64_t now_ns() override;
    void delay_ns(std::uint64_t time_ns) override;
    int wait_interrupt(std::uint64_t timeout_ns) override;
    unsigned id() override;
    void log(log_level level, const char* device, const char* message) override;

    struct statistics {
        std::uint64_t mmio_reads = 0, mmio_writes = 0, bus_errors = 0;
        std::uint64_t memory_accesses = 0, uncached_accesses = 0, interrupts = 0;
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }
    [[nodiscard]] std::uint64_t allocated_bytes() const;

  private:
    class core;
    struct line;
    /// The CPU whose software is calling; null: nobody's, as before and after the simulation.
    [[nodiscard]] core* calling() const;
    void spend(std::uint64_t ps);
    /// Lets the time pass that the caller owes.
    void settle();
    bool transport(bool write, std::uint64_t address, void* data, unsigned bytes);
    void touch(bool write, std::uint64_t address, void* data, std::uint64_t bytes);
    void raise(int n);
    [[nodiscard]] bool is_uncached(std::uint64_t address) const;

    simulated_cpu_parameters p_;
    log_stream& log_;
    std::vector<std::unique_ptr<core>> cores_;
    std::vector<std::unique_ptr<line>> lines_;
    struct owned_region {
        region_allocator allocator;
        unsigned node;
    };
    std::vector<owned_region> memory_;
    std::map<std::uint64_t, std::uint64_t> uncached_; // from -> bytes
    std::deque<int> pending_;
    sc_core::sc_event interrupted_;
    std::exception_ptr failed_;
    statistics counted_;
    std::uint64_t outside_ps_ = 0; // time that passed for callers that have none
};

} // namespace iommulab::sw
