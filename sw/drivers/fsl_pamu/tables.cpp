// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/fsl_pamu/tables.h"

#include "models/pamu/spec/paace.h"
#include "sw/drivers/fsl_pamu/failures.h"

#include <fmt/format.h>

#include <bit>
#include <string>

namespace iommulab::sw::fsl_pamu {

using namespace iommulab::pamu;

namespace {

constexpr std::uint64_t page_bytes = 4096;

/// Pages are given away in powers of two.
constexpr std::uint64_t order_bytes(std::uint64_t bytes) {
    return std::bit_ceil((bytes + page_bytes - 1) / page_bytes) * page_bytes;
}
constexpr std::uint64_t primary_bytes = order_bytes(primary_entries * paace::bytes),
                        secondary_bytes = order_bytes(secondary_entries * paace::bytes),
                        block_bytes =
                            order_bytes(primary_bytes + secondary_bytes + order_bytes(operation_entries * ome::bytes));

std::string missing(std::uint32_t liodn) {
    return fmt::format("there is no entry for LIODN {:#x}", liodn);
}

} // namespace

tables::~tables() {
    if (block_ != 0)
        kernel_.machine().release(block_, block_bytes);
}

bool tables::make() {
    block_ = kernel_.allocate("pamu.tables.alloc", block_bytes, block_bytes, 0, memory_kind::cached);
    if (block_ != 0)
        fill_operations();
    return block_ != 0;
}

std::uint64_t tables::secondary() const {
    return block_ + primary_bytes;
}

std::uint64_t tables::operations() const {
    return block_ + primary_bytes + secondary_bytes;
}

/// What each kind of device's operations become; the rest is not allowed.
void tables::fill_operations() {
    struct mapping {
        operation_index index;
        unsigned from;
        std::uint8_t to;
    };
    using enum operation_index;
    constexpr mapping all[] = {
        {qman_portal, ioe::read, eoe::read},
        {qman_portal, ioe::enhanced_read0, eoe::read_stash_allocate},
        {qman_portal, ioe::write, eoe::write},
        {qman_portal, ioe::enhanced_write0, eoe::write_stash_allocate_only},
        {qman_portal, ioe::directive0, eoe::load_external_cache},
        {qman_portal, ioe::directive1, eoe::load_exclusive},
        {fman, ioe::read, eoe::read_invalidate},
        {fman, ioe::write, eoe::write},
        {qman, ioe::read, eoe::read},
        {qman, ioe::write, eoe::write},
        {qman, ioe::enhanced_read0, eoe::read_stash_allocate},
        {qman, ioe::enhanced_write0, eoe::write_stash_allocate},
        {caam, ioe::read, eoe::read_invalidate},
        {caam, ioe::write, eoe::write},
    };
    for (const mapping& m : all)
        kernel_.machine().write(operations() + static_cast<std::uint64_t>(m.index) * ome::bytes + m.from,
                                std::uint64_t{ome::valid} | m.to, 1);
}

/// The address of the 32-bit word that holds a field: words are big-endian, and so is their order in a doubleword.
std::uint64_t tables::word_of(std::uint32_t liodn, const bit_field& f) const {
    const unsigned doubleword = f.lsb / 64, half = f.lsb % 64 < 32 ? 4 : 0;
    return block_ + std::uint64_t{liodn} * paace::bytes + doubleword * 8 + half;
}

std::uint64_t tables::get(std::uint32_t liodn, const bit_field& f) {
    const bit_field within{f.name, f.lsb % 32, f.width};
    return within.of(__builtin_bswap32(static_cast<std::uint32_t>(kernel_.machine().read(word_of(liodn, f), 4))));
}

void tables::set(std::uint32_t liodn, const bit_field& f, std::uint64_t value) {
    const bit_field within{f.name, f.lsb % 32, f.width};
    const std::uint64_t at = word_of(liodn, f);
    const auto word = __builtin_bswap32(static_cast<std::uint32_t>(kernel_.machine().read(at, 4)));
    kernel_.machine().write(at, __builtin_bswap32(static_cast<std::uint32_t>(within.put(word, value))), 4);
}

bool tables::is_valid(std::uint32_t liodn) {
    return has(liodn) && get(liodn, paace::V) != 0;
}

result<void> tables::disable(std::uint32_t liodn, std::string_view device) {
    if (!has(liodn))
        return kernel_.fail(row::no_entry_to_disable, device,
                            missing(liodn) + "\nnot a primary entry\nthe entry could not be configured");
    set(liodn, paace::V, 0);
    kernel_.machine().barrier();
    return {};
}

void tables::begin_entry(std::uint32_t liodn) {
    set(liodn, paace::WSE, paace::size_code_of(window_log2));
    set(liodn, paace::PT, paace::primary);
    set(liodn, paace::CR, 1);
    set(liodn, paace::WBAH, 0);
    set(liodn, paace::WBAL, 0);
}

result<void> tables::configure(std::uint32_t liodn, std::optional<operation_index> operation,
                               std::optional<std::uint32_t> stash, std::uint64_t allowed, std::string_view device) {
    if (!has(liodn))
        return kernel_.fail(row::no_entry_to_configure, device, missing(liodn));
    begin_entry(liodn);
    if (operation) {
        if (static_cast<std::uint32_t>(*operation) >= operation_entries)
            return kernel_.fail(row::bad_operation_index, device, "no such operation mapping");
        set(liodn, paace::OTM, paace::indexed);
        set(liodn, paace::OMI, static_cast<std::uint32_t>(*operation));
    }
    if (stash)
        set(liodn, paace::CID, *stash);
    set(liodn, paace::ATM, paace::window);
    set(liodn, paace::TWBAH, 0);
    set(liodn, paace::TWBAL, 0);
    set(liodn, paace::AP, allowed);
    set(liodn, paace::WCE, 0);
    set(liodn, paace::MW, 0);
    kernel_.machine().barrier();
    return {};
}

result<void> tables::enable(std::uint32_t liodn, std::string_view device) {
    if (!has(liodn))
        return kernel_.fail(row::no_entry_to_enable, device, missing(liodn));
    if (get(liodn, paace::WSE) == 0)
        return kernel_.fail(row::not_configured, device, fmt::format("LIODN {:#x} is not configured", liodn));
    kernel_.machine().barrier();
    set(liodn, paace::V, 1);
    kernel_.machine().barrier();
    return {};
}

result<void> tables::set_stash(std::uint32_t liodn, std::uint32_t stash, std::string_view device) {
    if (!has(liodn))
        return kernel_.fail(row::no_entry_to_stash, device, missing(liodn));
    set(liodn, paace::CID, stash);
    kernel_.machine().barrier();
    return {};
}

void tables::open(std::uint32_t liodn) {
    begin_entry(liodn);
    set(liodn, paace::ATM, paace::untranslated);
    set(liodn, paace::AP, paace::all);
}

} // namespace iommulab::sw::fsl_pamu
