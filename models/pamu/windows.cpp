// SPDX-License-Identifier: Apache-2.0
#include "models/pamu/windows.h"

#include <algorithm>

namespace iommulab::pamu {

namespace {

constexpr unsigned page_log2 = 12;

/// An entry that contradicts itself.
constexpr refusal bad_entry = because(avs1::PDV, 1);

constexpr std::uint64_t mask_of(unsigned log2_bytes) {
    return log2_bytes >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << log2_bytes) - 1;
}

} // namespace

refusal locate(const paace::words& primary, std::uint64_t address, unsigned most_subwindows_log2, window& w) {
    if (!paace::V.of(primary))
        return because(avs1::LAV, violation::not_valid);
    if (paace::PT.of(primary) != paace::primary || paace::WSE.of(primary) < paace::least_size_code)
        return bad_entry;
    w.log2_bytes = paace::log2_of(paace::WSE.of(primary));
    const std::uint64_t within = mask_of(w.log2_bytes);
    w.base = (paace::WBAH.of(primary) << 32 | paace::WBAL.of(primary) << page_log2) & ~within;
    if ((address & ~within) != w.base)
        return because(avs1::WAV, violation::outside_window);
    w.divided = paace::MW.of(primary) != 0;
    if (!w.divided)
        return 0;
    const unsigned count_log2 = paace::log2_count_of(paace::WCE.of(primary));
    if (count_log2 > most_subwindows_log2 || w.log2_bytes < page_log2 + count_log2)
        return bad_entry;
    w.log2_bytes -= count_log2;
    w.subwindow = static_cast<std::uint32_t>((address - w.base) >> w.log2_bytes);
    w.base += std::uint64_t{w.subwindow} << w.log2_bytes;
    if (w.subwindow != 0)
        w.secondary = static_cast<std::uint32_t>(paace::FSPI.of(primary)) + w.subwindow - 1;
    return 0;
}

refusal check_secondary(const paace::words& entry, std::uint32_t liodn) {
    if (!paace::V.of(entry))
        return because(avs1::LAV, violation::not_valid);
    if (paace::PT.of(entry) != paace::secondary)
        return bad_entry;
    if (paace::LIODN.of(entry) != liodn)
        return because(avs1::LAV, violation::secondary_of_other);
    return 0;
}

refusal authorize(const paace::words& entry, const window& w, const access& a, translation& t) {
    unsigned log2_bytes = w.log2_bytes;
    if (w.divided) { // of a subwindow only the beginning may be in use
        if (paace::SWSE.of(entry) < paace::least_size_code)
            return bad_entry;
        log2_bytes = std::min(log2_bytes, paace::log2_of(paace::SWSE.of(entry)));
    }
    const std::uint64_t within = mask_of(log2_bytes);
    if ((a.address & ~within) != w.base)
        return because(avs1::WAV, violation::outside_subwindow);
    const std::uint64_t allowed = paace::AP.of(entry);
    if (!(allowed & (a.write ? paace::update : paace::query)))
        return because(avs1::APV, a.write ? violation::update_denied : violation::query_denied);
    const std::uint64_t how = paace::ATM.of(entry);
    if (how != paace::untranslated && how != paace::window)
        return bad_entry; // there are no page tables
    t.log2_size = static_cast<std::uint8_t>(log2_bytes);
    t.input_base = w.base;
    t.output_base =
        how == paace::window ? (paace::TWBAH.of(entry) << 32 | paace::TWBAL.of(entry) << page_log2) & ~within : w.base;
    t.allowed = static_cast<std::uint8_t>((allowed & paace::query ? rights::reads | rights::executes : 0) |
                                          (allowed & paace::update ? rights::writes : 0));
    return 0;
}

refusal map_operation(const paace::words& entry, const access& a, operation_mapping& m) {
    const std::uint8_t asked = ioe::code(operation_of(a));
    std::uint64_t mapped = 0;
    switch (paace::OTM.of(entry)) {
    case paace::operations_pass:
        return 0;
    case paace::indexed:
        m.what = operation_mapping::kind::look_up;
        m.index = static_cast<std::uint32_t>(paace::OMI.of(entry));
        return 0;
    case paace::immediate:
        if (paace::IOEA.of(entry) == asked)
            mapped = paace::MOEA.of(entry);
        else if (paace::IOEB.of(entry) == asked)
            mapped = paace::MOEB.of(entry);
        break;
    default:
        return bad_entry;
    }
    if (!(mapped & ome::valid))
        return because(avs1::OTV, violation::operation_unmapped);
    m.what = operation_mapping::kind::mapped;
    m.operation = static_cast<std::uint8_t>(mapped & ~ome::valid);
    return 0;
}

refusal look_up_operation(const std::array<std::uint64_t, 8>& line, const access& a, operation_mapping& m) {
    const unsigned place = operation_of(a); // one of the first eight bytes
    const auto mapped = static_cast<std::uint8_t>(line[0] >> (8 * place));
    if (!(mapped & ome::valid))
        return because(avs1::OTV, violation::operation_unmapped);
    m.what = operation_mapping::kind::mapped;
    m.operation = static_cast<std::uint8_t>(mapped & ~ome::valid);
    return 0;
}

} // namespace iommulab::pamu
