// SPDX-License-Identifier: Apache-2.0
#include "sw/pagetables/radix_formats.h"

#include <bit>

namespace iommulab::sw {

namespace {

constexpr std::uint64_t address_bits = 0x000ffffffffff000; // 51:12 in all three formats

constexpr std::uint64_t bit(unsigned n) {
    return std::uint64_t{1} << n;
}
/// The size of an entry of a table of `level`.
constexpr unsigned span_log2(unsigned level) {
    return radix_tables::table_log2_bytes + (level - 1) * radix_tables::index_bits;
}

namespace x86 { // Intel SDM volume 3, table 4-20
constexpr std::uint64_t P = bit(0), RW = bit(1), US = bit(2), A = bit(5), D = bit(6), PS = bit(7), XD = bit(63);
}
namespace second_level { // VT-d 9.8
constexpr std::uint64_t R = bit(0), W = bit(1), PS = bit(7), SNP = bit(11);
}
namespace amd { // AMD-Vi 2.2.3, tables 12 to 14
constexpr std::uint64_t PR = bit(0), FC = bit(60), IR = bit(61), IW = bit(62);
constexpr unsigned NextLevel_shift = 9, NextLevel_mask = 7, NextLevel_sized = 7;
} // namespace amd

} // namespace

radix_entry x86_64_format::decode(std::uint64_t entry, unsigned level) const {
    radix_entry e;
    if ((entry & x86::P) == 0)
        return e;
    const bool leaf = level == 1 || (entry & x86::PS) != 0;
    e.is = leaf ? radix_entry::kind::leaf : radix_entry::kind::table;
    e.address = entry & address_bits & (leaf ? ~(bit(span_log2(level)) - 1) : ~std::uint64_t{0});
    e.page_log2 = span_log2(level);
    e.protection = {.read = true, .write = (entry & x86::RW) != 0, .execute = (entry & x86::XD) == 0};
    return e;
}

std::uint64_t x86_64_format::table(std::uint64_t address, unsigned) const {
    return address | x86::P | x86::RW | x86::US | x86::A | (options_.execute_disable ? x86::XD : 0);
}

std::uint64_t x86_64_format::leaf(std::uint64_t address, unsigned level, unsigned,
                                  const page_protection& protection) const {
    return address | x86::P | x86::US | x86::A | (protection.write ? x86::RW : 0) |
           (protection.write || options_.dirty ? x86::D : 0) | (level > 1 ? x86::PS : 0) |
           (options_.execute_disable ? x86::XD : 0);
}

radix_entry vtd_second_level_format::decode(std::uint64_t entry, unsigned level) const {
    radix_entry e;
    if ((entry & (second_level::R | second_level::W)) == 0)
        return e;
    const bool leaf = level == 1 || (entry & second_level::PS) != 0;
    e.is = leaf ? radix_entry::kind::leaf : radix_entry::kind::table;
    e.address = entry & address_bits & (leaf ? ~(bit(span_log2(level)) - 1) : ~std::uint64_t{0});
    e.page_log2 = span_log2(level);
    e.protection = {.read = (entry & second_level::R) != 0,
                    .write = (entry & second_level::W) != 0,
                    .cacheable = (entry & second_level::SNP) != 0};
    return e;
}

std::uint64_t vtd_second_level_format::table(std::uint64_t address, unsigned) const {
    return address | second_level::R | second_level::W;
}

std::uint64_t vtd_second_level_format::leaf(std::uint64_t address, unsigned level, unsigned,
                                            const page_protection& protection) const {
    return address | second_level::R | (protection.write ? second_level::W : 0) |
           (protection.cacheable ? second_level::SNP : 0) | (level > 1 ? second_level::PS : 0);
}

radix_entry amd_v1_format::decode(std::uint64_t entry, unsigned level) const {
    radix_entry e;
    if ((entry & amd::PR) == 0)
        return e;
    const unsigned next = entry >> amd::NextLevel_shift & amd::NextLevel_mask;
    const bool sized = next == amd::NextLevel_sized;
    e.is = sized || next == 0 ? radix_entry::kind::leaf : radix_entry::kind::table;
    e.address = entry & address_bits;
    e.page_log2 = span_log2(level);
    if (sized) // the lowest 0 bit of the address says the size: bit 12 is for 8 KiB
        e.page_log2 = radix_tables::table_log2_bytes + 1 +
                      static_cast<unsigned>(std::countr_one(e.address >> radix_tables::table_log2_bytes));
    if (e.is == radix_entry::kind::leaf)
        e.address &= ~(bit(e.page_log2) - 1);
    e.protection = {.read = (entry & amd::IR) != 0, .write = (entry & amd::IW) != 0, .cacheable = true};
    return e;
}

std::uint64_t amd_v1_format::table(std::uint64_t address, unsigned level) const {
    return address | std::uint64_t{level - 1} << amd::NextLevel_shift | amd::PR | amd::IR | amd::IW;
}

std::uint64_t amd_v1_format::leaf(std::uint64_t address, unsigned level, unsigned page_log2,
                                  const page_protection& protection) const {
    std::uint64_t entry =
        address | amd::PR | amd::FC | (protection.read ? amd::IR : 0) | (protection.write ? amd::IW : 0);
    if (page_log2 != span_log2(level))
        entry |= ((bit(page_log2 - 1) - 1) & address_bits) | std::uint64_t{amd::NextLevel_sized}
                                                                 << amd::NextLevel_shift;
    return entry;
}

} // namespace iommulab::sw
