// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/fsl_pamu/pamu.h"

#include "models/pamu/spec/paace.h"
#include "models/pamu/spec/registers.h"
#include "sw/drivers/fsl_pamu/failures.h"

#include <fmt/format.h>

namespace iommulab::sw::fsl_pamu {

using namespace iommulab::pamu;

namespace {
constexpr unsigned register_bytes = 4;
} // namespace

pamu::pamu(kernel& k, iommu_driver& driver, const instance_firmware& f, tables& shared)
    : instance(driver, f), kernel_(k), tables_(shared) {}

pamu::~pamu() {
    kernel_.free_interrupts(name());
}

std::uint64_t pamu::read(std::uint32_t offset) {
    return kernel_.machine().mmio_read(firmware().base + offset, register_bytes);
}

void pamu::write(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, register_bytes);
}

/// A base or a limit: the high word, then the low one behind it.
void pamu::write_pair(std::uint32_t high_offset, std::uint64_t address) {
    write(high_offset, address >> 32);
    write(high_offset + register_bytes, address & 0xffff'ffff);
}

void pamu::start() {
    if (const int line = firmware().interrupt("violation"); line >= 0)
        kernel_.request_interrupt(line, name(), [this] { handle_violation(); });
    most_subwindows_ = std::uint64_t{1} << (1 + pc3::MWCE.of(read(reg::PC3.offset)));
    write_pair(reg::PPBAH.offset, tables_.primary());
    write_pair(reg::PPLAH.offset, tables_.primary() + primary_entries * paace::bytes);
    write_pair(reg::SPBAH.offset, tables_.secondary());
    write_pair(reg::SPLAH.offset, tables_.secondary() + secondary_entries * paace::bytes);
    write_pair(reg::OBAH.offset, tables_.operations());
    write_pair(reg::OLAH.offset, tables_.operations() + operation_entries * ome::bytes);
    write(reg::PICS.offset, pics::ACCESS_VIOLATION_ENABLE.make(1));
    write(reg::PC.offset, pc::PE.make(1) | pc::OCE.make(1) | pc::SPCC.make(1) | pc::PPCC.make(1));
    write(reg::PAMUBYPENR.offset, 0);
}

/// A LIODN that is refused is disabled. One that is disabled already may be told of all the same (erratum A-003638):
/// then nothing more is told.
void pamu::handle_violation() {
    std::uint64_t control = read(reg::PICS.offset);
    if (!pics::ACCESS_VIOLATION_STAT.of(control))
        return;
    ++violations_;
    const std::uint64_t status = read(reg::AVS1.offset);
    const auto liodn = static_cast<std::uint32_t>(avs1::LIODN.of(status));
    const std::uint64_t address = read(reg::AVAH.offset) << 32 | read(reg::AVAL.offset);
    write(reg::AVS1.offset, status & avs1::mask);
    const std::string what =
        fmt::format("access violation {:#x} of LIODN {:#x} at {:#x}", status & avs1::mask, liodn, address);
    if (liodn >= primary_entries) {
        kernel_.note(row::violation_beyond_table, name(), what);
        control = pics::ACCESS_VIOLATION_ENABLE.put(control, 0);
    } else {
        kernel_.note(row::access_violation, name(), what);
        if (tables_.is_valid(liodn))
            static_cast<void>(tables_.disable(liodn, name()));
        else
            control = pics::ACCESS_VIOLATION_ENABLE.put(control, 0);
    }
    write(reg::PICS.offset, control);
}

} // namespace iommulab::sw::fsl_pamu
