// SPDX-License-Identifier: Apache-2.0
// The module: registers, what is recorded of violations and errors, interrupts, reset, counters.
#include "models/pamu/pamu.h"

#include <algorithm>
#include <string>

namespace iommulab::pamu {

namespace {

constexpr std::uint64_t low_word = 0xffff'ffff;

} // namespace

detail::register_holder::register_holder(const pamu_parameters& p) : bank(iommulab::pamu::registers()) {
    bank.set_reset(reg::PC2, pc2::MLIODN.make(p.MLIODN));
    bank.set_reset(reg::PC3, pc3::MWCE.make(p.MWCE));
    bank.set_reset(reg::PAMUBYPENR, bypenr::BYPASS.make(p.bypassed_at_reset));
    bank.reset();
}

pamu::pamu(sc_core::sc_module_name name, const pamu_parameters& parameters)
    : detail::register_holder(parameters),
      iommu(name, parameters, bank, 2),
      own_(parameters),
      primaries_(parameters.primary_cache),
      secondaries_(parameters.secondary_cache),
      operations_(parameters.operation_cache) {
    names_have(avs1::LIODN.width, 0);
    connect_registers();
    add_counter("primary_lookups", "look-ups in the cache of primary entries", primaries_.lookups);
    add_counter("primary_hits", "look-ups that it answered", primaries_.hits);
    add_counter("secondary_lookups", "look-ups in the cache of secondary entries", secondaries_.lookups);
    add_counter("secondary_hits", "look-ups that it answered", secondaries_.hits);
    add_counter("operation_lookups", "look-ups in the cache of operation mappings", operations_.lookups);
    add_counter("operation_hits", "look-ups that it answered", operations_.hits);
    add_counter("snooped", "hits on entries that software had changed meanwhile: fetched again", counts_.snooped);
    add_counter("violations", "accesses refused", counts_.violations);
    add_counter("violations_lost", "of these, those that found the violation registers taken", counts_.violations_lost);
    add_counter("operation_errors", "entries that could not be read", counts_.operation_errors);
    add_counter("stashing", "accesses whose operation puts data into a CPU's cache", counts_.stashing);
    add_counter("not_coherent", "accesses whose entry asks for no coherency", counts_.not_coherent);
    add_counter("ecc_corrected", "cached entries with one flipped bit", counts_.corrected);
    add_counter("ecc_uncorrectable", "cached entries with more: fetched again", counts_.uncorrectable);
}

void pamu::connect_registers() {
    // where entries are, whether they are cached, whether anybody is asked: all that was granted is void
    for (const auto* r : {&reg::PPBAH, &reg::PPBAL, &reg::PPLAH, &reg::PPLAL, &reg::SPBAH, &reg::SPBAL, &reg::SPLAH,
                          &reg::SPLAL, &reg::OBAH, &reg::OBAL, &reg::OLAH, &reg::OLAL, &reg::PC, &reg::PAMUBYPENR})
        bank.on_write(*r, [this](unsigned, std::uint64_t before, std::uint64_t written) {
            if (before != written)
                forget_everything();
        });
    bank.on_write(reg::AVS1, [this](unsigned, std::uint64_t before, std::uint64_t) {
        // LIODN stays until the next violation
        bank.set(reg::AVS1, avs1::LIODN, avs1::LIODN.of(before));
        bank.set(reg::PICS, pics::ACCESS_VIOLATION_STAT, bank.get(reg::AVS1, avs1::AV));
        update_interrupts();
    });
    for (const auto* r : {&reg::PICS, &reg::EEINTEN, &reg::EEDET, &reg::POES1})
        bank.on_write(*r, [this](unsigned, std::uint64_t, std::uint64_t) { update_interrupts(); });
}

void pamu::trace(waveform_writer& writer) {
    iommu::trace(writer);
    violation_probe_.attach(&writer, std::string(sc_core::sc_module::name()), "violation", 1);
}

std::uint64_t pamu::base_of(const register_declaration& high, const register_declaration& low) const {
    return bank.get(high) << 32 | bank.get(low);
}

void pamu::forget_everything() {
    invalidation everything;
    everything.kind = invalidation::what::configuration;
    invalidate(everything);
}

std::uint32_t pamu::invalidate_caches(const invalidation& i) {
    if (i.kind != invalidation::what::configuration)
        return 0;
    return primaries_.clear() + secondaries_.clear() + operations_.clear();
}

/// The first violation stays until AVS1 is cleared.
void pamu::report(const access&, const fault& f, std::uint32_t) {
    ++counts_.violations;
    violation_probe_.pulse(clock().now_ps(), clock().period_ps());
    bank.set(reg::UDAD, 1);
    if (bank.get(reg::AVS1, avs1::AV)) {
        ++counts_.violations_lost;
        return;
    }
    bank.set(reg::AVS1, f.words[0] & low_word);
    bank.set(reg::AVS2, f.words[1] & low_word);
    bank.set(reg::AVAH, f.words[2] >> 32);
    bank.set(reg::AVAL, f.words[2] & low_word);
    bank.set(reg::POEAH, f.words[3] >> 32);
    bank.set(reg::POEAL, f.words[3] & low_word);
    bank.set(reg::PICS, pics::ACCESS_VIOLATION_STAT, 1);
    update_interrupts();
}

void pamu::record_operation_error(const entry_request& r) {
    ++counts_.operation_errors;
    bank.set(reg::POES1, *r.error, 1);
    bank.set(reg::POES2, r.liodn);
    bank.set(reg::POEAH, r.address >> 32);
    bank.set(reg::POEAL, r.address & low_word);
    update_interrupts();
}

void pamu::record_upset(const entry_request& r, const cached_line& line, bool correctable) {
    ++(correctable ? counts_.corrected : counts_.uncorrectable);
    const bit_field& kind = correctable ? eedet::SINGLE_BIT : eedet::MULTI_BIT;
    if (bank.get(reg::EEDIS, kind))
        return;
    if (correctable) { // told only after so many
        const std::uint64_t count = std::min<std::uint64_t>(bank.get(reg::EECTL, eectl::COUNT) + 1, 0xff);
        bank.set(reg::EECTL, eectl::COUNT, count);
        if (count < bank.get(reg::EECTL, eectl::THRESHOLD))
            return;
    }
    if (bank.get(reg::EEDET, kind)) {
        bank.set(reg::EEDET, eedet::MULTIPLE, 1);
        return;
    }
    const std::uint64_t data = big_endian(line.memory[0]);
    bank.set(reg::EEDET, kind, 1);
    bank.set(reg::EEATTR, r.liodn);
    bank.set(reg::EEAHI, line.address >> 32);
    bank.set(reg::EEALO, line.address & low_word);
    bank.set(reg::EEDHI, data >> 32);
    bank.set(reg::EEDLO, data & low_word);
    update_interrupts();
}

void pamu::update_interrupts() {
    const bool violation =
        bank.get(reg::PICS, pics::ACCESS_VIOLATION_STAT) && bank.get(reg::PICS, pics::ACCESS_VIOLATION_ENABLE);
    set_interrupt(0, violation);
    set_interrupt(1, (bank.get(reg::EEDET) & bank.get(reg::EEINTEN)) != 0 || bank.get(reg::POES1) != 0);
}

void pamu::reset_model() {
    for (auto* cache : {&primaries_, &secondaries_, &operations_}) {
        cache->clear();
        cache->lookups = cache->hits = 0;
    }
    upset_ = upset_kind::none;
    counts_ = {};
}

} // namespace iommulab::pamu
