// SPDX-License-Identifier: Apache-2.0
// What happens to an access: gate and enable, its LIODN's primary entry, the secondary entry of a subwindow, the
// mapping of its operation (P4080 Reference Manual, PAMU, "Functional description").
#include "models/pamu/pamu.h"

namespace iommulab::pamu {

namespace {

/// LIODNs are small and dense: they choose the line as they are.
cache_key key_of(std::uint64_t address, unsigned entry_bytes) {
    return {address, address / entry_bytes};
}

} // namespace

walk<bool> pamu::translate(walk_context& context, const access& a, translation& page) {
    if (bank.get(reg::PAMUBYPENR, bypenr::BYPASS) || (!enabled(pc::PE) && !enabled(pc::PGC))) {
        page.log2_size = 64; // every address as it is
        page.allowed = rights::all;
        page.bypassed = true;
        co_return true;
    }
    window w;
    if (!enabled(pc::PE))
        co_return context.refuse(refuse(a, because(avs1::GCV, 1), w, 0));

    // 1. the primary entry
    const std::uint64_t ppaact = base_of(reg::PPBAH, reg::PPBAL);
    entry_request primary{.cache = &primaries_,
                          .enable = &pc::PPCC,
                          .address = ppaact + std::uint64_t{a.source_id} * paace::bytes,
                          .liodn = a.source_id,
                          .look_up = time_part::configuration,
                          .fetch = time_part::configuration_fetch,
                          .error = &poes1::PPAACE_READ};
    if (a.source_id > own_.MLIODN || primary.address + paace::bytes > base_of(reg::PPLAH, reg::PPLAL))
        co_return context.refuse(refuse(a, because(avs1::LAV, violation::not_in_ppaact), w, 0));
    translation_tag tag;
    tag.space = a.source_id;
    bool found = false;
    {
        walk<bool> look = find_entry(context, primary);
        found = co_await look;
    }
    if (!found) {
        // a fetch, by one of few; who asks for the same page meanwhile gets the same answer
        auto question = context.find_translation(tag, a, page);
        const bool known = co_await question;
        if (known)
            co_return true;
        walk<bool> fetch = fetch_entry(context, primary);
        found = co_await fetch;
        if (!found)
            co_return context.refuse(refuse(a, because(avs1::PDV, 1), w, primary.address));
    }
    paace::words entry = from_memory(primary.memory);
    std::uint64_t entry_address = primary.address;
    refusal why = locate(entry, a.address, own_.MWCE + 1, w);
    if (why)
        co_return context.refuse(refuse(a, why, w, entry_address));

    // 2. the secondary entry
    if (w.subwindow != 0) {
        entry_request secondary{.cache = &secondaries_,
                                .enable = &pc::SPCC,
                                .address = base_of(reg::SPBAH, reg::SPBAL) + std::uint64_t{w.secondary} * paace::bytes,
                                .liodn = a.source_id,
                                .look_up = time_part::walk_cache,
                                .fetch = time_part::walk_level_0,
                                .error = &poes1::SPAACE_READ};
        entry_address = secondary.address;
        if (secondary.address + paace::bytes > base_of(reg::SPLAH, reg::SPLAL))
            co_return context.refuse(refuse(a, because(avs1::LAV, violation::not_in_spaact), w, 0));
        walk<bool> obtain = obtain_entry(context, secondary);
        found = co_await obtain;
        if (!found)
            co_return context.refuse(refuse(a, because(avs1::PDV, 1), w, entry_address));
        entry = from_memory(secondary.memory);
        why = check_secondary(entry, a.source_id);
        if (why)
            co_return context.refuse(refuse(a, why, w, entry_address));
    }
    page.tag = tag;
    page.cacheable = false; // entries are cached, translations are not
    why = authorize(entry, w, a, page);
    if (why)
        co_return context.refuse(refuse(a, why, w, entry_address));

    // 3. the operation
    operation_mapping m;
    why = map_operation(entry, a, m);
    if (!why && m.what == operation_mapping::kind::look_up) {
        entry_request operation{.cache = &operations_,
                                .enable = &pc::OCE,
                                .address = base_of(reg::OBAH, reg::OBAL) + std::uint64_t{m.index} * ome::bytes,
                                .liodn = a.source_id,
                                .look_up = time_part::walk_cache,
                                .fetch = time_part::walk_level_1,
                                .error = &poes1::OME_READ};
        if (operation.address + ome::bytes > base_of(reg::OLAH, reg::OLAL))
            co_return context.refuse(refuse(a, because(avs1::OTV, violation::operation_index), w, 0));
        walk<bool> obtain = obtain_entry(context, operation);
        found = co_await obtain;
        if (!found)
            co_return context.refuse(refuse(a, because(avs1::PDV, 1), w, operation.address));
        why = look_up_operation(operation.memory, a, m);
    }
    if (why)
        co_return context.refuse(refuse(a, why, w, entry_address));
    if (m.what == operation_mapping::kind::mapped) {
        // found for this kind of access alone
        page.allowed &= a.write ? rights::writes : static_cast<std::uint8_t>(rights::reads | rights::executes);
        page.attributes = static_cast<std::uint16_t>(m.operation | paace::CID.of(entry) << 8);
    }
    if (context.remembers()) {
        counts_.stashing += m.what == operation_mapping::kind::mapped && eoe::stashes(m.operation);
        counts_.not_coherent += !paace::CR.of(entry);
    }
    co_return true;
}

/// May a line that the cache has be used? One that memory contradicts has been taken away by a snoop.
bool pamu::usable(const entry_request& r, const cached_line& line) {
    if (own_.snoops) {
        std::array<std::uint64_t, 8> now{};
        if (!look_at_memory(r.address, paace::bytes, now) || now != line.memory) {
            ++counts_.snooped;
            return false;
        }
    }
    if (upset_ != upset_kind::none && r.cache == &primaries_) {
        const bool correctable = upset_ == upset_kind::correctable;
        upset_ = upset_kind::none;
        record_upset(r, line, correctable);
        return correctable;
    }
    return true;
}

/// In the cache: true, and it is in `r`.
walk<bool> pamu::find_entry(walk_context& context, entry_request& r) {
    if (!enabled(*r.enable))
        co_return false;
    auto question = context.look_up(*r.cache, key_of(r.address, paace::bytes), r.look_up);
    const std::optional<cached_line> line = co_await question;
    if (!line)
        co_return false;
    if (!usable(r, *line)) {
        r.cache->erase(key_of(r.address, paace::bytes));
        co_return false;
    }
    r.memory = line->memory;
    co_return true;
}

/// From the cache, or from memory.
walk<bool> pamu::obtain_entry(walk_context& context, entry_request& r) {
    walk<bool> look = find_entry(context, r);
    bool found = co_await look;
    if (!found) {
        walk<bool> fetch = fetch_entry(context, r);
        found = co_await fetch;
    }
    co_return found;
}

/// From memory, and into the cache.
walk<bool> pamu::fetch_entry(walk_context& context, entry_request& r) {
    auto reading = context.read_words(r.fetch, r.address, paace::bytes);
    const std::optional<std::array<std::uint64_t, 8>> words = co_await reading;
    if (!words) {
        if (context.remembers())
            record_operation_error(r);
        co_return false;
    }
    r.memory = *words;
    if (context.remembers() && enabled(*r.enable) && context.may_fill_configuration(r.liodn, 0))
        r.cache->insert(key_of(r.address, paace::bytes), {r.memory, r.address});
    co_return true;
}

fault pamu::refuse(const access& a, refusal why, const window& w, std::uint64_t entry_address) const {
    fault f;
    f.reason = why;
    f.words[0] = why | avs1::LIODN.make(a.source_id);
    f.words[1] = avs2::IOE.make(ioe::code(operation_of(a))) | avs2::PRIVILEGED.make(a.privileged) |
                 avs2::SECONDARY.make(w.subwindow != 0) | avs2::SUBWINDOW.make(w.subwindow);
    f.words[2] = a.address;
    f.words[3] = entry_address;
    return f;
}

} // namespace iommulab::pamu
