// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/spec/registers.h"

namespace iommulab::smmu_v3 {

namespace {

constexpr std::uint64_t msi_address_bits = 0x000f'ffff'ffff'fffc; // ADDR[51:2]
constexpr std::uint64_t queue_base_bits = 0x400f'ffff'ffff'ffff;  // RA or WA, ADDR[51:5], LOG2SIZE
constexpr std::uint64_t overflow_index_bits = 0x800f'ffff;        // OVFLG or OVACKFLG, and 20 bits of index

constexpr register_declaration id(const char* name, std::uint32_t offset, std::span<const bit_field> fields,
                                  const char* text) {
    return {.name = name, .offset = offset, .fields = fields, .text = text};
}
constexpr register_declaration component_id(const char* name, std::uint32_t offset, std::uint64_t value) {
    return {
        .name = name, .offset = offset, .reset = value, .text = "CoreSight component identification (6.3, ID_REGS)"};
}
constexpr register_declaration word(const char* name, std::uint32_t offset, std::uint64_t writable,
                                    std::span<const bit_field> fields, const char* text) {
    return {.name = name, .offset = offset, .writable = writable, .fields = fields, .text = text};
}
constexpr register_declaration doubleword(const char* name, std::uint32_t offset, std::uint64_t writable,
                                          std::span<const bit_field> fields, const char* text) {
    return {.name = name, .offset = offset, .bytes = 8, .writable = writable, .fields = fields, .text = text};
}
constexpr register_declaration alias(const char* name, std::uint32_t offset, std::uint32_t of, const char* text) {
    return {.name = name, .offset = offset, .alias_of = of, .text = text};
}

constexpr std::array table{
    id("IDR0", 0x00, idr0::fields, "features (6.3.1)"),
    id("IDR1", 0x04, idr1::fields, "sizes of identifiers and queues (6.3.2)"),
    id("IDR2", 0x08, {}, "base address of the VATOS page; no VATOS (6.3.3)"),
    id("IDR3", 0x0c, idr3::fields, "features (6.3.4)"),
    id("IDR4", 0x10, {}, "implementation defined (6.3.5)"),
    id("IDR5", 0x14, idr5::fields, "addresses and granules (6.3.6)"),
    id("IIDR", 0x18, iidr::fields, "implementer, product, revision (6.3.7)"),
    id("AIDR", 0x1c, aidr::fields, "architecture version (6.3.8)"),
    word("CR0", 0x20, 0x1df, cr0::fields, "enables (6.3.9)"),
    word("CR0ACK", 0x24, 0, cr0::fields, "enables that have taken effect (6.3.10)"),
    word("CR1", 0x28, 0xfff, cr1::fields, "attributes of table and queue accesses (6.3.11)"),
    word("CR2", 0x2c, 0xf, cr2::fields, "E2H, recording of invalid StreamIDs, private TLB maintenance (6.3.12)"),
    word("STATUSR", 0x40, 0, statusr::fields, "dormancy; always awake (6.3.13)"),
    // Reset to "use incoming" shareability, as in Arm's implementations; the manual leaves it to the implementation.
    register_declaration{.name = "GBPA",
                         .offset = 0x44,
                         .reset = 0x1000,
                         .writable = 0x801f'3f1f,
                         .fields = gbpa::fields,
                         .text = "global bypass attributes, abort; written through Update (6.3.14)"},
    word("AGBPA", 0x48, 0xffff'ffff, {},
         "alternate global bypass attributes, implementation defined: storage only (6.3.15)"),
    word("IRQ_CTRL", 0x50, 0x7, irq_ctrl::fields, "interrupt enables (6.3.16)"),
    word("IRQ_CTRLACK", 0x54, 0, irq_ctrl::fields, "interrupt enables that have taken effect (6.3.17)"),
    word("GERROR", 0x60, 0, gerror::fields, "global errors: active where it differs from GERRORN (6.3.18)"),
    word("GERRORN", 0x64, 0x1fd, gerror::fields, "acknowledgement of global errors (6.3.19)"),
    doubleword("GERROR_IRQ_CFG0", 0x68, msi_address_bits, irq_cfg::cfg0, "MSI address (6.3.20)"),
    word("GERROR_IRQ_CFG1", 0x70, 0xffff'ffff, irq_cfg::cfg1, "MSI data (6.3.21)"),
    word("GERROR_IRQ_CFG2", 0x74, 0x3f, irq_cfg::cfg2, "MSI attributes (6.3.22)"),
    doubleword("STRTAB_BASE", 0x80, 0x400f'ffff'ffff'ffc0, strtab_base::fields, "Stream table base (6.3.23)"),
    word("STRTAB_BASE_CFG", 0x88, 0x3'07ff, strtab_base_cfg::fields, "Stream table format and size (6.3.24)"),
    doubleword("CMDQ_BASE", 0x90, queue_base_bits, queue_base::read_fields, "Command queue base and size (6.3.25)"),
    word("CMDQ_PROD", 0x98, 0xf'ffff, queue_index::cmdq_prod, "Command queue write index (6.3.26)"),
    word("CMDQ_CONS", 0x9c, 0x7f0f'ffff, queue_index::cmdq_cons, "Command queue read index and error (6.3.27)"),
    doubleword("EVENTQ_BASE", 0xa0, queue_base_bits, queue_base::write_fields, "Event queue base and size (6.3.28)"),
    alias("EVENTQ_PROD_PAGE0", 0xa8, 0x100a8, "page 0 alias (6.1)"),
    alias("EVENTQ_CONS_PAGE0", 0xac, 0x100ac, "page 0 alias (6.1)"),
    doubleword("EVENTQ_IRQ_CFG0", 0xb0, msi_address_bits, irq_cfg::cfg0, "MSI address (6.3.31)"),
    word("EVENTQ_IRQ_CFG1", 0xb8, 0xffff'ffff, irq_cfg::cfg1, "MSI data (6.3.32)"),
    word("EVENTQ_IRQ_CFG2", 0xbc, 0x3f, irq_cfg::cfg2, "MSI attributes (6.3.33)"),
    doubleword("PRIQ_BASE", 0xc0, queue_base_bits, queue_base::write_fields, "PRI queue base and size (6.3.34)"),
    alias("PRIQ_PROD_PAGE0", 0xc8, 0x100c8, "page 0 alias (6.1)"),
    alias("PRIQ_CONS_PAGE0", 0xcc, 0x100cc, "page 0 alias (6.1)"),
    doubleword("PRIQ_IRQ_CFG0", 0xd0, msi_address_bits, irq_cfg::cfg0, "MSI address (6.3.37)"),
    word("PRIQ_IRQ_CFG1", 0xd8, 0xffff'ffff, irq_cfg::cfg1, "MSI data (6.3.38)"),
    word("PRIQ_IRQ_CFG2", 0xdc, 0x8000'003f, irq_cfg::cfg2_priq, "MSI attributes, last of a group only (6.3.39)"),
    component_id("PIDR4", 0xfd0, 0x04), // DES_2: JEP106 continuation code of Arm
    component_id("PIDR0", 0xfe0, 0x00),
    component_id("PIDR1", 0xfe4, 0xb0), // DES_0: low half of Arm's JEP106 code 0x3b
    component_id("PIDR2", 0xfe8, 0x0b), // JEDEC, DES_1
    component_id("PIDR3", 0xfec, 0x00),
    component_id("CIDR0", 0xff0, 0x0d),
    component_id("CIDR1", 0xff4, 0xf0), // CoreLink component class
    component_id("CIDR2", 0xff8, 0x05),
    component_id("CIDR3", 0xffc, 0xb1),
    word("EVENTQ_PROD", 0x100a8, overflow_index_bits, queue_index::prod,
         "Event queue write index, overflow flag (6.3.29)"),
    word("EVENTQ_CONS", 0x100ac, overflow_index_bits, queue_index::cons,
         "Event queue read index, overflow acknowledge (6.3.30)"),
    word("PRIQ_PROD", 0x100c8, overflow_index_bits, queue_index::prod, "PRI queue write index, overflow flag (6.3.35)"),
    word("PRIQ_CONS", 0x100cc, overflow_index_bits, queue_index::cons,
         "PRI queue read index, overflow acknowledge (6.3.36)"),
};

constexpr const register_declaration& at(std::uint32_t offset) {
    return declaration_at(table, offset);
}

} // namespace

namespace reg {
constinit const register_declaration &IDR0 = at(0x00), &IDR1 = at(0x04), &IDR2 = at(0x08), &IDR3 = at(0x0c),
                                     &IDR4 = at(0x10), &IDR5 = at(0x14), &IIDR = at(0x18), &AIDR = at(0x1c),
                                     &CR0 = at(0x20), &CR0ACK = at(0x24), &CR1 = at(0x28), &CR2 = at(0x2c),
                                     &STATUSR = at(0x40), &GBPA = at(0x44), &AGBPA = at(0x48), &IRQ_CTRL = at(0x50),
                                     &IRQ_CTRLACK = at(0x54), &GERROR = at(0x60), &GERRORN = at(0x64),
                                     &GERROR_IRQ_CFG0 = at(0x68), &GERROR_IRQ_CFG1 = at(0x70),
                                     &GERROR_IRQ_CFG2 = at(0x74), &STRTAB_BASE = at(0x80), &STRTAB_BASE_CFG = at(0x88),
                                     &CMDQ_BASE = at(0x90), &CMDQ_PROD = at(0x98), &CMDQ_CONS = at(0x9c),
                                     &EVENTQ_BASE = at(0xa0), &EVENTQ_PROD = at(0x100a8), &EVENTQ_CONS = at(0x100ac),
                                     &EVENTQ_IRQ_CFG0 = at(0xb0), &EVENTQ_IRQ_CFG1 = at(0xb8),
                                     &EVENTQ_IRQ_CFG2 = at(0xbc), &PRIQ_BASE = at(0xc0), &PRIQ_PROD = at(0x100c8),
                                     &PRIQ_CONS = at(0x100cc), &PRIQ_IRQ_CFG0 = at(0xd0), &PRIQ_IRQ_CFG1 = at(0xd8),
                                     &PRIQ_IRQ_CFG2 = at(0xdc);
} // namespace reg

std::span<const register_declaration> registers() {
    return table;
}

} // namespace iommulab::smmu_v3
