// SPDX-License-Identifier: Apache-2.0
#include "models/gart/spec/registers.h"

namespace iommulab::gart {

namespace {

constexpr std::uint64_t interrupts =
    interrupt::DECERR_EMEM.make(1) | interrupt::INVALID_GART_PAGE.make(1) | interrupt::SECURITY_VIOLATION.make(1);
constexpr std::uint64_t entry_bits = entry_data::PHYS_ADDR_VALID.make(1) | entry_data::PHYS_ADDR.mask();

constexpr std::array table{
    register_declaration{.name = "INTSTATUS",
                         .offset = 0x00,
                         .clears = interrupts,
                         .fields = interrupt::fields,
                         .text = "errors since they were cleared"},
    register_declaration{.name = "INTMASK",
                         .offset = 0x04,
                         .writable = interrupts,
                         .fields = interrupt::fields,
                         .text = "errors that raise the interrupt"},
    register_declaration{.name = "GART_CONFIG",
                         .offset = 0x24,
                         .writable = config::ENABLE.make(1),
                         .fields = config::fields,
                         .text = "translation of the aperture"},
    register_declaration{.name = "GART_ENTRY_ADDR",
                         .offset = 0x28,
                         .writable = entry_addr::TABLE_ADDR.make(entry_addr::TABLE_ADDR.mask()),
                         .fields = entry_addr::fields,
                         .text = "the entry that GART_ENTRY_DATA reads and writes"},
    register_declaration{.name = "GART_ENTRY_DATA",
                         .offset = 0x2c,
                         .writable = entry_bits,
                         .fields = entry_data::fields,
                         .text = "an entry: its page in memory"},
    register_declaration{.name = "GART_ERROR_REQ",
                         .offset = 0x30,
                         .fields = gart_error::fields,
                         .text = "who met an invalid entry first"},
    register_declaration{.name = "GART_ERROR_ADDR", .offset = 0x34, .text = "and at which address"},
    register_declaration{.name = "DECERR_EMEM_OTHERS_STATUS",
                         .offset = 0x58,
                         .fields = decerr::fields,
                         .text = "who asked first for what is no memory"},
    register_declaration{.name = "DECERR_EMEM_OTHERS_ADR", .offset = 0x5c, .text = "and at which address"},
};

} // namespace

namespace reg {
const register_declaration &INTSTATUS = table[0], &INTMASK = table[1], &GART_CONFIG = table[2],
                           &GART_ENTRY_ADDR = table[3], &GART_ENTRY_DATA = table[4], &GART_ERROR_REQ = table[5],
                           &GART_ERROR_ADDR = table[6], &DECERR_EMEM_OTHERS_STATUS = table[7],
                           &DECERR_EMEM_OTHERS_ADR = table[8];
} // namespace reg

std::span<const register_declaration> registers() {
    return table;
}

} // namespace iommulab::gart
