// SPDX-License-Identifier: Apache-2.0
#include "models/pagetables/vtd_second_stage_walk.h"

#include "models/core/walk_cache_search.h"

#include <algorithm>
#include <optional>

namespace iommulab::vtd_second_stage {

namespace {

namespace e = entry;

constexpr std::uint64_t low_bits(unsigned n) {
    return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
}
constexpr unsigned address_end = 52; // bits above are not the address's
constexpr std::uint64_t all_rights = e::R.make(1) | e::W.make(1) | e::X.make(1);

bool page_is_legal(const regime& r, unsigned level) {
    return (level == 2 && r.pages_2m) || (level == 3 && r.pages_1g);
}
bool is_leaf(const regime& r, std::uint64_t word, unsigned level) {
    return level == 1 || (e::PS.of(word) && page_is_legal(r, level));
}

std::uint64_t reserved_bits(const regime& r, std::uint64_t word, unsigned level) {
    std::uint64_t bits = low_bits(address_end) & ~low_bits(std::min<unsigned>(r.physical_bits, address_end));
    const bool leaf = is_leaf(r, word, level);
    if (!leaf || !r.snoop_control)
        bits |= e::SNP.make(1);
    if (!leaf || !r.transient_mapping)
        bits |= e::TM.make(1);
    if (level > 1 && !page_is_legal(r, level))
        bits |= e::PS.make(1);
    else if (level > 1 && leaf)
        bits |= low_bits(log2_reach(level)) & ~low_bits(log2_smallest_page);
    return bits;
}

std::uint8_t rights_of(const regime& r, std::uint64_t granted) {
    const bool readable = e::R.of(granted), writable = e::W.of(granted);
    const bool executable = r.execute_enable ? e::X.of(granted) && readable : readable;
    return static_cast<std::uint8_t>((readable ? rights::reads : 0) | (writable ? rights::writes : 0) |
                                     (executable ? rights::executes : 0));
}

/// Is there something? Without execute enable X counts for nothing.
bool is_present(const regime& r, std::uint64_t word) {
    return (word & (e::R.make(1) | e::W.make(1) | (r.execute_enable ? e::X.make(1) : 0))) != 0;
}

struct verdict {
    fault_kind fault = fault_kind::none;
    bool leaf = false;
    std::uint64_t granted = 0; ///< rights of this entry and those above, in their places
    std::uint64_t updated = 0; ///< the entry as hardware leaves it in memory
};

verdict judge(const regime& r, std::uint8_t needed, std::uint64_t word, unsigned level, std::uint64_t above) {
    verdict v;
    v.updated = word;
    if (!is_present(r, word)) {
        v.fault = fault_kind::permission;
        return v;
    }
    if (word & reserved_bits(r, word, level)) {
        v.fault = fault_kind::reserved;
        return v;
    }
    v.leaf = is_leaf(r, word, level);
    v.granted = above & word;
    if (v.leaf && (rights_of(r, v.granted) & needed) != needed) {
        v.fault = fault_kind::permission;
        return v;
    }
    if (r.accessed_dirty) {
        v.updated |= e::A.make(1);
        if (v.leaf && (needed & rights::writes))
            v.updated |= e::D.make(1);
    }
    return v;
}

void arrive(const regime& r, std::uint64_t address, std::uint64_t word, const verdict& v, unsigned level,
            translation& page) {
    page.log2_size = static_cast<std::uint8_t>(log2_reach(level));
    page.input_base = address & ~page.offset_mask();
    page.output_base = e::address.of(word) & ~page.offset_mask();
    page.allowed = rights_of(r, v.granted);
    if (r.accessed_dirty && !e::D.of(v.updated))
        page.allowed &= static_cast<std::uint8_t>(~rights::writes);
    page.tag = r.tag;
}

bool refuse(walk_fault& f, fault_kind kind, unsigned level, bool first_table, std::uint64_t address) {
    f.kind = kind;
    f.level = static_cast<std::uint8_t>(level);
    f.first_table = first_table;
    f.address = address;
    return false;
}

} // namespace

walk<bool> walk_tables(walk_context& context, const regime& r, request what, walk_result& result, walk_caches caches) {
    result = {};
    const unsigned levels = std::clamp<unsigned>(r.levels, 1, most_levels);
    const std::uint64_t input = what.address;
    if (input >> input_bits_of(levels) != 0)
        co_return refuse(result.fault, fault_kind::beyond_width, 0, false, 0);
    if (caches.translations && caches.translations->exists()) {
        const cache_key key = caches.translations->key_for(r.tag, input);
        auto question = context.look_up(caches.translations->cache(), key, time_part::walk_cache);
        const std::optional<translation> known = co_await question;
        if (known && (known->allowed & what.needed) == what.needed) {
            result.page = *known;
            co_return true;
        }
    }
    unsigned level = levels;
    std::uint64_t table = e::address.of(r.root), granted = all_rights;
    if (caches.tables && !caches.tables->exists())
        caches.tables = nullptr;
    if (caches.tables) {
        walk_cache_search search(context, *caches.tables, r.tag, input,
                                 {cache_level(2), levels - 1, log2_reach(2), log2_entries});
        while (!search.over())
            co_await search;
        if (const table_pointer* known = search.found()) {
            table = known->next_table;
            granted = known->attributes;
            level = 1 + search.above();
        }
    }
    for (;; --level) {
        const unsigned reach = log2_reach(level);
        const bool first = level == levels;
        const std::uint64_t fetch = table + ((input >> reach) & low_bits(log2_entries)) * entry_bytes;
        const time_part part = walk_level(what.only_stage ? 1 : 2, levels - level);
        auto read = context.read64(part, fetch);
        const std::optional<std::uint64_t> answer = co_await read;
        if (r.step_cycles != 0)
            co_await context.pass(part, r.step_cycles);
        if (!answer)
            co_return refuse(result.fault, fault_kind::external_abort, level, first, fetch);
        std::uint64_t word = *answer;
        verdict v;
        for (unsigned attempt = 0;; ++attempt) {
            v = judge(r, what.needed, word, level, granted);
            if (v.fault != fault_kind::none)
                co_return refuse(result.fault, v.fault, level, first, fetch);
            if (v.updated == word || !context.remembers())
                break;
            auto swap = context.compare_swap64(time_part::table_update, fetch, word, v.updated);
            const memory_request& swapped = co_await swap;
            if (!swapped.ok || attempt == update_attempts)
                co_return refuse(result.fault, fault_kind::update, level, first, fetch);
            if (swapped.swapped)
                break;
            word = swapped.words[0]; // software was faster: judge what it wrote
        }
        if (v.leaf) {
            arrive(r, input, word, v, level, result.page);
            const translation& page = result.page;
            if (caches.translations && context.remembers() &&
                context.may_fill(r.tag, false, page.input_base, page.offset_mask()))
                caches.translations->insert(page);
            co_return true;
        }
        table = e::address.of(word);
        granted = v.granted;
        if (caches.tables && caches.tables->exists(cache_level(level)))
            remember_table(context, *caches.tables, cache_level(level),
                           {r.tag, input & ~low_bits(reach), table, granted, static_cast<std::uint8_t>(reach)});
    }
}

const char* name_of(fault_kind kind) {
    switch (kind) {
    case fault_kind::none:
        return "none";
    case fault_kind::beyond_width:
        return "beyond_width";
    case fault_kind::reserved:
        return "reserved";
    case fault_kind::permission:
        return "permission";
    case fault_kind::external_abort:
        return "external_abort";
    case fault_kind::update:
        return "update";
    }
    return "unknown";
}

} // namespace iommulab::vtd_second_stage
