// SPDX-License-Identifier: Apache-2.0
#include "models/pamu/spec/registers.h"

namespace iommulab::pamu {

namespace {

constexpr std::uint64_t page_bits = 0xffff'f000; // tables begin and end at pages (Linux aligns them so)
constexpr std::uint64_t ome_bits = 0xffff'ff80;  // 128 bytes an entry
constexpr std::uint64_t ecc_errors = eedet::SINGLE_BIT.make(1) | eedet::MULTI_BIT.make(1);
constexpr std::uint64_t control =
    pc::PPCC.make(1) | pc::SPCC.make(1) | pc::OCE.make(1) | pc::PE.make(1) | pc::PGC.make(1);

constexpr std::array table{
    register_declaration{.name = "PPBAH", .offset = 0x00, .writable = 0xf, .text = "PPAACT base, bits 35 to 32"},
    register_declaration{.name = "PPBAL", .offset = 0x04, .writable = page_bits, .text = "PPAACT base"},
    register_declaration{
        .name = "PPLAH", .offset = 0x08, .writable = 0xf, .text = "PPAACT limit: the first byte behind it"},
    register_declaration{.name = "PPLAL", .offset = 0x0c, .writable = page_bits, .text = "PPAACT limit"},
    register_declaration{.name = "SPBAH", .offset = 0x10, .writable = 0xf, .text = "SPAACT base"},
    register_declaration{.name = "SPBAL", .offset = 0x14, .writable = page_bits, .text = "SPAACT base"},
    register_declaration{.name = "SPLAH", .offset = 0x18, .writable = 0xf, .text = "SPAACT limit"},
    register_declaration{.name = "SPLAL", .offset = 0x1c, .writable = page_bits, .text = "SPAACT limit"},
    register_declaration{.name = "OBAH", .offset = 0x20, .writable = 0xf, .text = "OMT base"},
    register_declaration{.name = "OBAL", .offset = 0x24, .writable = ome_bits, .text = "OMT base"},
    register_declaration{.name = "OLAH", .offset = 0x28, .writable = 0xf, .text = "OMT limit"},
    register_declaration{.name = "OLAL", .offset = 0x2c, .writable = ome_bits, .text = "OMT limit"},
    register_declaration{.name = "POES1",
                         .offset = 0x40,
                         .clears = 0x7,
                         .fields = poes1::fields,
                         .text = "operation error: a table entry that could not be read"},
    register_declaration{.name = "POES2", .offset = 0x44, .text = "operation error: the LIODN"},
    register_declaration{.name = "POEAH",
                         .offset = 0x48,
                         .text = "address of the entry of an operation error or a violation, bits 35 to 32"},
    register_declaration{.name = "POEAL", .offset = 0x4c, .text = "address of that entry"},
    register_declaration{.name = "AVS1",
                         .offset = 0x50,
                         .clears = avs1::mask,
                         .fields = avs1::fields,
                         .text = "access violation: why, and who; the first until it is cleared"},
    register_declaration{
        .name = "AVS2", .offset = 0x54, .fields = avs2::fields, .text = "access violation: what was asked"},
    register_declaration{.name = "AVAH", .offset = 0x58, .text = "access violation: address, bits 35 to 32"},
    register_declaration{.name = "AVAL", .offset = 0x5c, .text = "access violation: address"},
    register_declaration{.name = "EECTL",
                         .offset = 0x60,
                         .writable = eectl::THRESHOLD.make(0xff),
                         .fields = eectl::fields,
                         .text = "corrected errors in the caches: count, and when to tell"},
    register_declaration{.name = "EEDIS",
                         .offset = 0x64,
                         .writable = ecc_errors,
                         .fields = eedet::fields,
                         .text = "ECC errors that are not detected"},
    register_declaration{.name = "EEINTEN",
                         .offset = 0x68,
                         .writable = ecc_errors,
                         .fields = eedet::fields,
                         .text = "ECC errors that raise the error interrupt"},
    register_declaration{.name = "EEDET",
                         .offset = 0x6c,
                         .clears = ecc_errors | eedet::MULTIPLE.make(1),
                         .fields = eedet::fields,
                         .text = "ECC errors since they were cleared"},
    register_declaration{.name = "EEATTR", .offset = 0x70, .text = "ECC error: the LIODN"},
    register_declaration{.name = "EEAHI", .offset = 0x74, .text = "ECC error: address of the entry, bits 35 to 32"},
    register_declaration{.name = "EEALO", .offset = 0x78, .text = "ECC error: address of the entry"},
    register_declaration{.name = "EEDHI", .offset = 0x7c, .text = "ECC error: data"},
    register_declaration{.name = "EEDLO", .offset = 0x80, .text = "ECC error: data"},
    register_declaration{.name = "EECC", .offset = 0x84, .text = "ECC error: check bits"},
    register_declaration{.name = "UDAD",
                         .offset = 0x90,
                         .clears = 0x1,
                         .text = "an access was refused since this was cleared, recorded or not"},
    register_declaration{.name = "PR1", .offset = 0xbf8, .text = "revision"},
    register_declaration{.name = "PR2", .offset = 0xbfc, .text = "revision"},
    register_declaration{.name = "PC1", .offset = 0xc00, .text = "capabilities"},
    register_declaration{
        .name = "PC2", .offset = 0xc04, .fields = pc2::fields, .text = "capabilities: the largest LIODN"},
    register_declaration{.name = "PC3", .offset = 0xc08, .fields = pc3::fields, .text = "capabilities: subwindows"},
    register_declaration{.name = "PC4", .offset = 0xc0c, .text = "capabilities"},
    register_declaration{.name = "PC",
                         .offset = 0xc10,
                         .writable = control,
                         .fields = pc::fields,
                         .text = "control: gate, enable, caches"},
    register_declaration{
        .name = "PFA1", .offset = 0xc14, .writable = 0xffff'ffff, .text = "attributes of fetches: storage only"},
    register_declaration{
        .name = "PFA2", .offset = 0xc18, .writable = 0xffff'ffff, .text = "attributes of fetches: storage only"},
    register_declaration{.name = "PICS",
                         .offset = 0xc1c,
                         .writable = pics::ACCESS_VIOLATION_ENABLE.make(1),
                         .fields = pics::fields,
                         .text = "interrupt control and status"},
    register_declaration{
        .name = "PAMUBYPENR",
        .offset = 0xff0,
        .writable = bypenr::BYPASS.make(1),
        .fields = bypenr::fields,
        .text = "stands in for this PAMU's bit of the device configuration unit's register: everything passes"},
};

} // namespace

namespace reg {
const register_declaration &PPBAH = table[0], &PPBAL = table[1], &PPLAH = table[2], &PPLAL = table[3],
                           &SPBAH = table[4], &SPBAL = table[5], &SPLAH = table[6], &SPLAL = table[7], &OBAH = table[8],
                           &OBAL = table[9], &OLAH = table[10], &OLAL = table[11], &POES1 = table[12],
                           &POES2 = table[13], &POEAH = table[14], &POEAL = table[15], &AVS1 = table[16],
                           &AVS2 = table[17], &AVAH = table[18], &AVAL = table[19], &EECTL = table[20],
                           &EEDIS = table[21], &EEINTEN = table[22], &EEDET = table[23], &EEATTR = table[24],
                           &EEAHI = table[25], &EEALO = table[26], &EEDHI = table[27], &EEDLO = table[28],
                           &EECC = table[29], &UDAD = table[30], &PR1 = table[31], &PR2 = table[32], &PC1 = table[33],
                           &PC2 = table[34], &PC3 = table[35], &PC4 = table[36], &PC = table[37], &PFA1 = table[38],
                           &PFA2 = table[39], &PICS = table[40], &PAMUBYPENR = table[41];
} // namespace reg

std::span<const register_declaration> registers() {
    return table;
}

} // namespace iommulab::pamu
