// SPDX-License-Identifier: Apache-2.0
#include "models/pagetables/amd_v1_walk.h"

#include "models/core/walk_cache_search.h"

#include <algorithm>
#include <optional>

namespace iommulab::amd_v1 {

namespace {

constexpr std::uint64_t low_bits(unsigned n) {
    return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
}

/// A walk between two reads: the way from the first table down.
struct descent {
    const host_tables& tables;
    host_request request;
    translation& page;
    walk_fault& why;
    std::uint64_t table;
    unsigned level;
    std::uint8_t allowed;

    descent(const host_tables& t, const host_request& r, translation& into, walk_fault& refusal)
        : tables(t),
          request(r),
          page(into),
          why(refusal),
          table(entry::Address.of(t.root)),
          level(std::min<unsigned>(t.levels, most_levels)),
          allowed(t.allowed) {}

    bool refuse(fault_kind kind, unsigned at_level) {
        why.kind = kind;
        why.level = static_cast<std::uint8_t>(at_level);
        return false;
    }
    /// Is the address within what the first table serves? False: refused.
    bool begin() {
        if (level == 0 || (request.address & ~low_bits(log2_table_reach(level))) != 0)
            return refuse(fault_kind::not_present, 0);
        return true;
    }
    [[nodiscard]] std::uint64_t entry_address() const {
        return table + ((request.address >> log2_reach(level)) & low_bits(index_bits)) * entry::bytes;
    }
    [[nodiscard]] time_part reading() const {
        return walk_level(request.stage, std::min<unsigned>(tables.levels, most_levels) - level);
    }
    void skip(const table_pointer& p, unsigned to_level) {
        table = p.next_table;
        allowed &= static_cast<std::uint8_t>(p.attributes);
        level = to_level;
    }

    enum class next : std::uint8_t { table, page, refused };
    /// What `word`, the entry of this level, comes to.
    [[gnu::always_inline]] next enter(std::uint64_t word) {
        if (!entry::PR.of(word))
            return refuse(fault_kind::not_present, level), next::refused;
        const auto next_level = static_cast<unsigned>(entry::NextLevel.of(word));
        const auto here = rights_of(entry::IR.of(word) != 0, entry::IW.of(word) != 0);
        if (next_level == entry::NextLevel_page || next_level == entry::NextLevel_sized_page)
            return arrive(word, next_level, here);
        if (word & entry::pde_reserved)
            return refuse(fault_kind::reserved_bit, level), next::refused;
        if (next_level >= level)
            return refuse(fault_kind::level_encoding, level), next::refused;
        // 2.2.3: what is skipped must be zero in the address
        const std::uint64_t skipped = low_bits(log2_reach(level)) & ~low_bits(log2_table_reach(next_level));
        if (request.address & skipped)
            return refuse(fault_kind::not_present, level), next::refused;
        table = entry::Address.of(word);
        allowed &= here;
        level = next_level;
        return next::table;
    }
    next arrive(std::uint64_t word, unsigned next_level, std::uint8_t here) {
        if (word & entry::pte_reserved)
            return refuse(fault_kind::reserved_bit, level), next::refused;
        unsigned log2_size = log2_reach(level);
        if (next_level == entry::NextLevel_sized_page) {
            const unsigned encoded = log2_encoded_size(entry::Address.of(word));
            if (encoded <= log2_size || encoded >= log2_table_reach(level))
                return refuse(fault_kind::level_encoding, level), next::refused;
            log2_size = encoded;
        }
        allowed &= here;
        if ((allowed & request.needed) != request.needed)
            return refuse(fault_kind::permission, level), next::refused;
        page.input_base = request.address & ~low_bits(log2_size);
        page.output_base = entry::Address.of(word) & ~low_bits(log2_size);
        page.log2_size = static_cast<std::uint8_t>(log2_size);
        page.allowed = allowed;
        page.tag = tables.tag;
        return next::page;
    }
    /// The way to where the walk is now, for a cache: the entry counts as one of the level above, whichever it was of.
    [[nodiscard]] table_pointer pointer() const {
        const unsigned log2_size = log2_table_reach(level);
        return {tables.tag, request.address & ~low_bits(log2_size), table, allowed,
                static_cast<std::uint8_t>(log2_size)};
    }
};

/// Goes on from `d` with what must be waited for.
walk<bool> walk_on(walk_context& context, descent d, walk_cache_set* caches) {
    if (caches) { // pointers to tables of the lowest level first
        walk_cache_search search(context, *caches, d.tables.tag, d.request.address,
                                 {walk_cache_level(1), d.level - 1, log2_table_reach(1), index_bits});
        while (!search.over())
            co_await search;
        if (search.found())
            d.skip(*search.found(), 1 + search.above());
    }
    for (;;) {
        const std::uint64_t fetch = d.entry_address();
        auto read = context.read64(d.reading(), fetch);
        const std::optional<std::uint64_t> word = co_await read;
        if (!word) {
            d.why.fetch_address = fetch;
            co_return d.refuse(fault_kind::external_abort, d.level);
        }
        const descent::next next = d.enter(*word);
        if (next != descent::next::table)
            co_return next == descent::next::page;
        if (caches && caches->exists(walk_cache_level(d.level)))
            remember_table(context, *caches, walk_cache_level(d.level), d.pointer());
    }
}

} // namespace

walk<bool> walk_host(walk_context& context, const host_tables& tables, host_request request, translation& page,
                     walk_fault& why, walk_cache_set* caches) {
    descent d(tables, request, page, why);
    if (!d.begin())
        return walk<bool>::ended(false);
    if (caches && caches->exists())
        return walk_on(context, d, caches);
    std::uint64_t word = 0;
    while (context.read64_at_once(d.reading(), d.entry_address(), word)) {
        const descent::next next = d.enter(word);
        if (next != descent::next::table)
            return walk<bool>::ended(next == descent::next::page);
    }
    return walk_on(context, d, nullptr);
}

const char* name_of(fault_kind kind) {
    switch (kind) {
    case fault_kind::none:
        return "none";
    case fault_kind::not_present:
        return "not_present";
    case fault_kind::permission:
        return "permission";
    case fault_kind::level_encoding:
        return "level_encoding";
    case fault_kind::reserved_bit:
        return "reserved_bit";
    case fault_kind::external_abort:
        return "external_abort";
    }
    return "unknown";
}

} // namespace iommulab::amd_v1
