// SPDX-License-Identifier: Apache-2.0
// A responder in the place of an AMD IOMMU: does commands at once, keeps a record of all it was told. Translates
// nothing.
#pragma once

#include "models/amd_vi/spec/commands.h"
#include "models/amd_vi/spec/registers.h"
#include "testbenches/harness/fake_cpu.h"

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace iommulab::harness {

class fake_amd_vi final : public fake_device {
  public:
    using words = std::array<std::uint64_t, 2>;
    static constexpr std::uint32_t register_bytes = amd_vi::register_space_bytes;
    explicit fake_amd_vi(fake_cpu& machine) : machine_(machine) {}

    std::uint64_t ExtendedFeature = 0x29d3; ///< of the IOMMU whose Linux driver was recorded (QEMU's)
    bool consumes = true;                   ///< false: hangs
    int line = -1;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> writes; ///< offset and value
    std::vector<words> commands;                                 ///< waits too

    /// Writes an event, and raises the line.
    void report_event(const words& event) {
        using namespace amd_vi;
        std::uint64_t& tail = registers_[reg::EventLogTail.offset];
        machine_.poke(ring_base::Base.of(registers_[reg::EventLogBase.offset]) + tail, event.data(), sizeof event);
        tail += sizeof event;
        registers_[reg::Status.offset] |= status::EventLogInt.make(1);
        machine_.raise_interrupt(line);
    }

    std::uint64_t read(std::uint32_t offset, unsigned) override {
        return offset == amd_vi::reg::ExtendedFeature.offset ? ExtendedFeature : registers_[offset];
    }

    void write(std::uint32_t offset, std::uint64_t value, unsigned) override {
        using namespace amd_vi;
        writes.emplace_back(offset, value);
        if (offset == reg::Status.offset) {
            registers_[offset] &= ~value;
            return;
        }
        registers_[offset] = value;
        if (offset == reg::CommandBufferTail.offset && consumes)
            consume();
    }

  private:
    void consume() {
        using namespace amd_vi;
        const std::uint64_t base = registers_[reg::CommandBufferBase.offset];
        const std::uint64_t ring_bytes = std::uint64_t{sizeof(words)} << ring_base::Len.of(base);
        std::uint64_t& head = registers_[reg::CommandBufferHead.offset];
        while (head != registers_[reg::CommandBufferTail.offset]) {
            words c{};
            machine_.peek(ring_base::Base.of(base) + head, c.data(), sizeof c);
            commands.push_back(c);
            if (static_cast<opcode>(command::Opcode.of(c)) == opcode::COMPLETION_WAIT && command::s.of(c))
                machine_.poke(command::StoreAddress.of(c[0]), &c[1], sizeof c[1]);
            head = (head + sizeof c) % ring_bytes;
        }
    }

    fake_cpu& machine_;
    std::map<std::uint32_t, std::uint64_t> registers_;
};

} // namespace iommulab::harness
