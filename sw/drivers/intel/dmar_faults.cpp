// SPDX-License-Identifier: Apache-2.0
// What the driver does when the unit reports faults (VT-d, "Primary Fault Logging").
#include "models/vtd/spec/faults.h"
#include "models/vtd/spec/registers.h"
#include "sw/drivers/intel/dmar_unit.h"

#include <fmt/format.h>

namespace iommulab::sw::intel {

using namespace iommulab::vtd;

void dmar_unit::report_fault(const std::array<std::uint64_t, 2>& words) {
    ++counted_.faults;
    const fault_report report{kernel_.machine().now_ns(), this, words};
    if (fault_handler_ && fault_handler_(report))
        return;
    if (!fault_limit_.allows(report.time_ns))
        return;
    const std::uint64_t sid = fault_record::SID.of(words);
    const std::uint64_t reason = fault_record::FR.of(words);
    const char* const text = text_of(static_cast<fault_reason>(reason));
    kernel_.say(log_level::error, name(),
                fmt::format("DMA {} {} device {:02x}:{:02x}.{} fault address {:#x}, reason {:#04x}: {}",
                            fault_record::T1.of(words) == fault_record::type_read ? "read" : "write",
                            fault_record::PP.of(words) ? fmt::format("PASID {:#x}", fault_record::PV.of(words))
                                                       : "without PASID",
                            sid >> 8, sid >> 3 & 0x1f, sid & 7, fault_record::FI.of(words[0]), reason,
                            text ? text : "unknown"));
}

void dmar_unit::handle_faults() {
    const std::uint64_t status = read32(reg::FSTS.offset);
    if (fsts::PFO.of(status)) {
        ++counted_.overflows;
        kernel_.say(log_level::error, name(), "faults were lost: the fault records are full");
    }
    if (!fsts::PPF.of(status)) {
        if (fsts::PFO.of(status))
            write32(reg::FSTS.offset, fsts::PFO.make(1));
        return;
    }
    constexpr std::uint32_t upper = 12; // the word with F
    auto index = static_cast<unsigned>(fsts::FRI.of(status));
    for (;;) {
        const std::uint32_t record = features_.fault_offset + index * fault_record::bytes;
        if (!fault_record::F.of(std::array<std::uint64_t, 2>{0, read32(record + upper) << 32}))
            break;
        const std::array<std::uint64_t, 2> words{read64(record), read64(record + 8)};
        write32(record + upper, fault_record::F_high.make(1) >> 32);
        report_fault(words);
        index = (index + 1) % features_.fault_records;
    }
    write32(reg::FSTS.offset, fsts::PFO.make(1) | fsts::PPF.make(1) | fsts::PRO.make(1));
}

} // namespace iommulab::sw::intel
