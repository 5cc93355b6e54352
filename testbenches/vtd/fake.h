// SPDX-License-Identifier: Apache-2.0
// A responder in the place of a VT-d unit: acknowledges, does descriptors at once, keeps a record of all it was told.
// Translates nothing.
#pragma once

#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/faults.h"
#include "models/vtd/spec/registers.h"
#include "testbenches/harness/fake_cpu.h"

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace iommulab::harness {

class fake_vtd final : public fake_device {
  public:
    using descriptor = std::array<std::uint64_t, 2>;
    static constexpr std::uint32_t register_bytes = vtd::register_space_bytes;
    explicit fake_vtd(fake_cpu& machine) : machine_(machine) {}

    // Those of the unit whose Linux driver was recorded (QEMU's), until a test sets others.
    std::uint64_t CAP = 0x00d2008c222f0606, ECAP = 0xf00f4a;
    int fault_line = -1;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> writes; ///< offset and value
    std::vector<descriptor> descriptors;                         ///< but those that only wait

    /// Refuses the next descriptor.
    void refuse_next() { refuse_ = true; }
    /// Records a fault, and raises the line.
    void report_fault(std::uint16_t sid, std::uint64_t page, vtd::fault_reason reason) {
        descriptor record{page, 0};
        vtd::fault_record::SID.put(record, sid);
        vtd::fault_record::FR.put(record, static_cast<std::uint64_t>(reason));
        vtd::fault_record::T1.put(record, vtd::fault_record::type_read);
        vtd::fault_record::F.put(record, 1);
        for (std::uint32_t n = 0; n < 2; ++n) {
            at(vtd::fault_records_offset + 8 * n) = record[n] & 0xffffffff;
            at(vtd::fault_records_offset + 8 * n + 4) = record[n] >> 32;
        }
        at(vtd::reg::FSTS.offset) = vtd::fsts::PPF.make(1);
        machine_.raise_interrupt(fault_line);
    }

    std::uint64_t read(std::uint32_t offset, unsigned bytes) override {
        if (offset == vtd::reg::CAP.offset)
            return CAP;
        if (offset == vtd::reg::ECAP.offset)
            return ECAP;
        return bytes == 8 ? at(offset) | at(offset + 4) << 32 : at(offset);
    }

    void write(std::uint32_t offset, std::uint64_t value, unsigned bytes) override {
        using namespace vtd;
        writes.emplace_back(offset, value);
        if (offset == reg::FSTS.offset) {
            at(offset) &= ~value;
            return consume();
        }
        if (offset == vtd::fault_records_offset + 12) { // F is cleared by a one
            at(offset) &= ~value;
            return;
        }
        at(offset) = value & 0xffffffff;
        if (bytes == 8)
            at(offset + 4) = value >> 32;
        if (offset == reg::GCMD.offset)
            at(reg::GSTS.offset) = value & ~gcmd::WBF.make(1);
        else if (offset == reg::IQT.offset)
            consume();
        else if (offset == reg::CCMD.offset)
            at(offset + 4) = ccmd::CAIG.put(ccmd::ICC.put(value, 0), ccmd::CIRG.of(value)) >> 32;
        else if (offset == iotlb_registers_offset + 8)
            at(offset + 4) = iotlb::IAIG.put(iotlb::IVT.put(value, 0), iotlb::IIRG.of(value)) >> 32;
    }

  private:
    std::uint64_t& at(std::uint32_t offset) { return registers_[offset]; }

    void consume() {
        using namespace vtd;
        const std::uint64_t queue = at(reg::IQA.offset) | at(reg::IQA.offset + 4) << 32;
        const unsigned entry_bytes = iqa::DW.of(queue) ? 32 : 16, queue_bytes = 4096U << iqa::QS.of(queue);
        std::uint64_t& head = at(reg::IQH.offset);
        while (head != at(reg::IQT.offset) && !fsts::IQE.of(at(reg::FSTS.offset))) {
            descriptor d{};
            machine_.peek(iqa::IQA.of(queue) + head, d.data(), sizeof d);
            const bool wait = type_of(d[0]) == descriptor_type::wait;
            if (refuse_ && !wait) {
                refuse_ = false;
                at(reg::FSTS.offset) = fsts::IQE.make(1);
                at(reg::IQERCD.offset) = static_cast<std::uint64_t>(iqercd::error::reserved_field);
                return;
            }
            if (wait) {
                const auto data = static_cast<std::uint32_t>(vtd::descriptor::STDATA.of(d));
                machine_.poke(vtd::descriptor::STADDR.of(d[1]), &data, sizeof data);
            } else {
                descriptors.push_back(d);
            }
            head = (head + entry_bytes) % queue_bytes;
        }
    }

    fake_cpu& machine_;
    std::map<std::uint32_t, std::uint64_t> registers_; ///< words of 32 bits
    bool refuse_ = false;
};

} // namespace iommulab::harness
