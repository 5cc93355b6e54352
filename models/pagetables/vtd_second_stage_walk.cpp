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

[[gnu::always_inline]] inline std::uint8_t rights_of(const regime& r, std::uint64_t granted) {
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

[[gnu::always_inline]] inline verdict judge(const regime& r, std::uint8_t needed, std::uint64_t word, unsigned level,
                                            std::uint64_t above) {
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

/// A walk between two reads: the way from the first table down, whether or not a read must be waited for.
struct descent {
    const regime& r;
    request what;
    translation& page;
    walk_fault& why;
    unsigned levels, level;
    std::uint64_t table, granted = all_rights;

    descent(const regime& tables, const request& asked, translation& into, walk_fault& refusal)
        : r(tables),
          what(asked),
          page(into),
          why(refusal),
          levels(std::clamp<unsigned>(tables.levels, 1, most_levels)),
          level(levels),
          table(e::address.of(tables.root)) {}

    /// Is there a way for this input? False: refused.
    bool begin() {
        if (what.address >> input_bits_of(levels) == 0)
            return true;
        why.kind = fault_kind::beyond_width;
        return false;
    }
    /// The value with which a walk ends at this entry.
    bool refuse(fault_kind kind) {
        why.kind = kind;
        why.level = static_cast<std::uint8_t>(level);
        why.first_table = level == levels;
        why.address = entry_address();
        return false;
    }
    [[nodiscard]] std::uint64_t entry_address() const {
        return table + ((what.address >> log2_reach(level)) & low_bits(log2_entries)) * entry_bytes;
    }
    [[nodiscard]] time_part reading() const { return walk_level(what.only_stage ? 1 : 2, levels - level); }
    /// Goes on in a table that a cache remembers.
    void skip(const table_pointer& p, unsigned to_level) {
        table = p.next_table;
        granted = p.attributes;
        level = to_level;
    }
    [[nodiscard]] verdict judge_entry(std::uint64_t word) const { return judge(r, what.needed, word, level, granted); }
    void enter(std::uint64_t word, const verdict& v) {
        table = e::address.of(word);
        granted = v.granted;
        --level;
    }
    void arrive(std::uint64_t word, const verdict& v) {
        page.log2_size = static_cast<std::uint8_t>(log2_reach(level));
        page.input_base = what.address & ~page.offset_mask();
        page.output_base = e::address.of(word) & ~page.offset_mask();
        page.allowed = rights_of(r, v.granted);
        if (r.accessed_dirty && !e::D.of(v.updated))
            page.allowed &= static_cast<std::uint8_t>(~rights::writes);
        page.tag = r.tag;
    }
};

/// Goes on from `d` with what must be waited for. `word`: the entry at `d`, if it has been read.
walk<bool> walk_on(walk_context& context, descent d, std::optional<std::uint64_t> word, walk_caches caches) {
    const regime& r = d.r;
    if (caches.translations && caches.translations->exists()) {
        const cache_key key = caches.translations->key_for(r.tag, d.what.address);
        auto question = context.look_up(caches.translations->cache(), key, time_part::walk_cache);
        const std::optional<translation> known = co_await question;
        if (known && (known->allowed & d.what.needed) == d.what.needed) {
            d.page = *known;
            co_return true;
        }
    }
    if (caches.tables && !caches.tables->exists())
        caches.tables = nullptr;
    if (caches.tables) {
        walk_cache_search search(context, *caches.tables, r.tag, d.what.address,
                                 {cache_level(2), d.levels - 1, log2_reach(2), log2_entries});
        while (!search.over())
            co_await search;
        if (search.found())
            d.skip(*search.found(), 1 + search.above());
    }
    for (;;) {
        const std::uint64_t fetch = d.entry_address();
        if (!word) {
            auto read = context.read64(d.reading(), fetch);
            word = co_await read;
            if (r.step_cycles != 0)
                co_await context.pass(d.reading(), r.step_cycles);
            if (!word)
                co_return d.refuse(fault_kind::external_abort);
        }
        verdict v;
        for (unsigned attempt = 0;; ++attempt) {
            v = d.judge_entry(*word);
            if (v.fault != fault_kind::none)
                co_return d.refuse(v.fault);
            if (v.updated == *word || !context.remembers())
                break;
            auto swap = context.compare_swap64(time_part::table_update, fetch, *word, v.updated);
            const memory_request& swapped = co_await swap;
            if (!swapped.ok || attempt == update_attempts)
                co_return d.refuse(fault_kind::update);
            if (swapped.swapped)
                break;
            word = swapped.words[0]; // software was faster: judge what it wrote
        }
        if (v.leaf) {
            d.arrive(*word, v);
            if (caches.translations && context.remembers() && context.may_fill(d.page))
                caches.translations->insert(d.page);
            co_return true;
        }
        const unsigned level = d.level, reach = log2_reach(level);
        d.enter(*word, v);
        word.reset();
        if (caches.tables && caches.tables->exists(cache_level(level)))
            remember_table(
                context, *caches.tables, cache_level(level),
                {r.tag, d.what.address & ~low_bits(reach), d.table, d.granted, static_cast<std::uint8_t>(reach)});
    }
}

} // namespace

walk<bool> walk_tables(walk_context& context, const regime& r, request what, translation& page, walk_fault& why,
                       walk_caches caches) {
    descent d(r, what, page, why);
    if (!d.begin())
        return walk<bool>::ended(false);
    if ((caches.translations && caches.translations->exists()) || (caches.tables && caches.tables->exists()))
        return walk_on(context, d, std::nullopt, caches);
    std::uint64_t word = 0;
    while (context.read64_at_once(d.reading(), d.entry_address(), word)) {
        context.pass_at_once(d.reading(), r.step_cycles);
        const verdict v = d.judge_entry(word);
        if (v.fault != fault_kind::none)
            return walk<bool>::ended(d.refuse(v.fault));
        if (v.updated != word && context.remembers())
            return walk_on(context, d, word, caches);
        if (v.leaf) {
            d.arrive(word, v);
            return walk<bool>::ended(true);
        }
        d.enter(word, v);
    }
    return walk_on(context, d, std::nullopt, caches);
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
