// SPDX-License-Identifier: Apache-2.0
// The machine of vectors and recordings, on a simulated platform.
#pragma once

#include "models/core/waveform.h"
#include "platforms/machine_builder.h"
#include "testbenches/conformance/machine.h"
#include "testbenches/conformance/replay_master.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::conformance {

struct simulated_machine_options {
    /// The platform; its first IOMMU is the one that is meant. Its memories are replaced where the configuration asks
    /// for other ranges. Empty: an IOMMU with its defaults and fixed-latency memory.
    std::optional<platforms::platform_description> platform;
    unsigned outstanding = 256;              ///< accesses under way at one time, all masters together
    std::uint64_t link_bytes_per_second = 0; ///< of the devices at each port, together; 0: no limit
    /// Which port a source's accesses go to; empty: sources take the ports in turn, in the order in which they appear.
    std::function<unsigned(std::uint32_t source_id)> port_of;
};

class simulated_machine : public machine {
  public:
    /// Makes modules: before the simulation starts. Throws std::exception for an unknown IOMMU and for one that can't
    /// have these ID registers.
    simulated_machine(const char* instance, const machine_configuration& configuration,
                      const simulated_machine_options& options = {});
    ~simulated_machine() override;

    std::string name() const override;
    std::string hardware() const override;
    void reset() override;
    bool write_memory(std::uint64_t address, const std::vector<std::uint8_t>& data) override;
    bool read_memory(std::uint64_t address, std::vector<std::uint8_t>& data) override;
    bool fill_memory(std::uint64_t address, std::uint64_t size_bytes, std::uint8_t byte) override;
    void write_register(const std::string& space, std::uint64_t offset, unsigned width_bytes,
                        std::uint64_t value) override;
    std::uint64_t read_register(const std::string& space, std::uint64_t offset, unsigned width_bytes) override;
    dma_response dma(const dma_access& access) override;
    std::uint64_t issue(const dma_access& access) override;
    std::vector<dma_completion> collect(bool wait) override;
    void settle() override;
    bool advance() override;

    /// Told of every access that has ended: what it was (without data), its response, and its times.
    std::function<void(const dma_access& access, const dma_response& response, std::uint64_t begin_ps,
                       std::uint64_t end_ps)>
        on_access;

    [[nodiscard]] platforms::platform& hardware() { return *platform_; }
    [[nodiscard]] iommu_module& unit() { return platform_->iommu(0); }

  private:
    class cpu;
    struct under_way {
        std::uint64_t token;
        dma_access access; // without data
    };

    void make_platform(const machine_configuration& configuration, const simulated_machine_options& options);
    replay_master& master_of(std::uint32_t source_id);
    void completed(dma_completion&& c, std::uint64_t begin_ps);
    void describe(const dma_access& access, dma_response& response);
    [[nodiscard]] std::size_t active() const;
    void simulate_until_completion();
    template <class Do>
    bool for_each_piece(std::uint64_t address, std::uint64_t bytes, Do&& action);
    bool access_register(bool write, std::uint64_t offset, unsigned bytes, std::uint64_t& value);

    machine_mode mode_;
    unsigned outstanding_;
    std::function<unsigned(std::uint32_t)> port_of_;
    std::unique_ptr<platforms::platform> platform_;
    std::vector<std::unique_ptr<replay_master>> masters_;   // by port
    std::vector<std::pair<std::uint32_t, unsigned>> ports_; // by source, in order of appearance
    std::unique_ptr<cpu> cpu_;
    std::uint64_t registers_base_ = 0;

    std::deque<under_way> under_way_; // in order of issue
    std::vector<dma_completion> completed_;
    std::vector<std::vector<traces::table_read>> walks_; // of the access whose answer is on its way to its master
    std::uint64_t last_token_ = 0;
    bool stop_at_completion_ = false;
};

/// Makes simulated machines with names of their own.
machine_factory simulated_machines(const simulated_machine_options& options = {});

} // namespace iommulab::conformance
