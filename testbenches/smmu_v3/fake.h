// SPDX-License-Identifier: Apache-2.0
// A responder in the place of an SMMU: acknowledges, consumes commands at once, keeps a record of all it was told.
// Translates nothing.
#pragma once

#include "testbenches/harness/fake_cpu.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace iommulab::harness {

class fake_smmu final : public fake_device {
  public:
    struct access {
        std::uint32_t offset = 0;
        unsigned bytes = 0;
        std::uint64_t value = 0;
        bool write = false;
    };
    using command = std::array<std::uint64_t, 2>;

    static constexpr std::uint32_t register_bytes = 0x20000;
    explicit fake_smmu(fake_cpu& machine) : machine_(machine) {}

    // ID registers: those of the SMMU whose Linux driver was recorded (QEMU's), until a test sets others.
    std::uint32_t IDR0 = 0x0d40101a, IDR1 = 0x02730010, IDR3 = 0x1404, IDR5 = 0x74, IIDR = 0;
    std::function<bool()> hangs; ///< asked at each write of CMDQ_PROD; true: consumes nothing until the next
    bool consumes = true;        ///< false: hangs
    bool acknowledges = true;    ///< false: CR0ACK and IRQ_CTRLACK stay as they are
    int event_line = -1, error_line = -1;

    std::vector<access> accesses;
    std::vector<command> commands;

    /// Writes an event record and raises the line.
    void report_event(const std::array<std::uint64_t, 4>& words);
    /// Refuses the next command with CERROR_ILL.
    void refuse_next() { refuse_ = true; }

    std::uint64_t read(std::uint32_t offset, unsigned bytes) override;
    void write(std::uint32_t offset, std::uint64_t value, unsigned bytes) override;

  private:
    void consume();
    std::uint64_t& at(std::uint32_t offset) { return registers_[offset]; }

    fake_cpu& machine_;
    std::map<std::uint32_t, std::uint64_t> registers_;
    bool refuse_ = false, hung_ = false;
};

} // namespace iommulab::harness
