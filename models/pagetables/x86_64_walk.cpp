// SPDX-License-Identifier: Apache-2.0
#include "models/pagetables/x86_64_walk.h"

#include "models/core/walk_cache_search.h"

#include <algorithm>
#include <optional>

namespace iommulab::x86_64 {

namespace {

namespace e = entry;

constexpr std::uint64_t low_bits(unsigned n) {
    return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
}
constexpr unsigned address_end = 52; // bits above are not the address's

/// What entries pass on to everything below: R/W and U/S as long as all have them, XD as soon as one has it.
constexpr std::uint64_t everything_allowed = e::RW.make(1) | e::US.make(1);
constexpr std::uint64_t inherit(std::uint64_t above, std::uint64_t word) {
    return (above & word & everything_allowed) | ((above | word) & e::XD.make(1));
}

bool is_leaf(std::uint64_t word, unsigned level) {
    return level == 1 || (e::PS.of(word) && level < lowest_level_without_pages);
}

std::uint64_t reserved_bits(const regime& r, std::uint64_t word, unsigned level) {
    std::uint64_t bits =
        r.reserved | (low_bits(address_end) & ~low_bits(std::min<unsigned>(r.physical_bits, address_end)));
    if (!r.no_execute)
        bits |= e::XD.make(1);
    if (level >= lowest_level_without_pages || (level == 3 && !r.pages_1g))
        bits |= e::PS.make(1);
    else if (level > 1 && e::PS.of(word)) // between PAT at bit 12 and the page's address
        bits |= low_bits(log2_reach(level)) & ~low_bits(log2_smallest_page + 1);
    return bits;
}

std::uint8_t rights_of(const regime& r, std::uint64_t inherited) {
    const bool user = e::US.of(inherited), writable = e::RW.of(inherited), executable = !e::XD.of(inherited);
    std::uint8_t allowed = rights::privileged_read;
    if (writable || !r.write_protect)
        allowed |= rights::privileged_write;
    if (executable && !(user && r.supervisor_execute_prevention))
        allowed |= rights::privileged_execute;
    if (user)
        allowed |= static_cast<std::uint8_t>(rights::read | (writable ? rights::write : 0) |
                                             (executable ? rights::execute : 0));
    return allowed;
}

fault_kind denial(const access& a, std::uint64_t inherited) {
    if (!a.privileged && !e::US.of(inherited))
        return fault_kind::supervisor_page;
    return a.write ? fault_kind::write : fault_kind::execute;
}

bool refuse(walk_fault& f, fault_kind kind, unsigned level, bool first_table, std::uint64_t address) {
    f.kind = kind;
    f.level = static_cast<std::uint8_t>(level);
    f.first_table = first_table;
    f.address = address;
    return false;
}
bool refuse_behind(walk_fault& f, second_stage::use use, unsigned level, bool first_table, std::uint64_t address) {
    f.use = use;
    return refuse(f, fault_kind::second_stage, level, first_table, address);
}

/// An entry that is present and well-formed: what it comes to for an access.
struct verdict {
    fault_kind fault = fault_kind::none;
    bool leaf = false;
    std::uint64_t inherited = 0;
    std::uint64_t updated = 0; ///< the entry as hardware leaves it in memory
};

verdict judge(const regime& r, const access& a, std::uint64_t word, unsigned level, std::uint64_t above) {
    verdict v;
    v.updated = word;
    if (!e::P.of(word)) {
        v.fault = fault_kind::not_present;
        return v;
    }
    if (word & reserved_bits(r, word, level)) {
        v.fault = fault_kind::reserved;
        return v;
    }
    v.leaf = is_leaf(word, level);
    v.inherited = inherit(above, word);
    if (v.leaf && !(rights_of(r, v.inherited) & rights::needed_by(a))) {
        v.fault = denial(a, v.inherited);
        return v;
    }
    if (r.update_accessed)
        v.updated |= e::A.make(1) | (r.extended_accessed ? e::EA.make(1) : 0);
    if (r.update_dirty && v.leaf && a.write)
        v.updated |= e::D.make(1);
    return v;
}

void arrive(const regime& r, const access& a, std::uint64_t word, const verdict& v, unsigned level, translation& page) {
    page.log2_size = static_cast<std::uint8_t>(log2_reach(level));
    page.input_base = a.address & ~page.offset_mask();
    page.output_base = e::address.of(word) & ~page.offset_mask();
    page.allowed = rights_of(r, v.inherited);
    if (r.update_dirty && !a.write && !e::D.of(word))
        page.allowed &= static_cast<std::uint8_t>(~rights::writes);
    page.global = r.globals && e::G.of(word);
    page.tag = r.tag;
}

} // namespace

walk<bool> walk_tables(walk_context& context, const regime& r, const access& a, walk_result& result,
                       walk_cache_set* caches, second_stage* behind) {
    result = {};
    const unsigned levels = std::clamp<unsigned>(r.levels, 1, most_levels);
    if (r.sign_extended ? !is_canonical(a.address, levels) : !is_plain(a.address, levels))
        co_return refuse(result.fault, fault_kind::not_canonical, 0, false, a.address);
    unsigned level = levels;
    std::uint64_t table = e::address.of(r.root), inherited = everything_allowed;
    if (caches && !caches->exists())
        caches = nullptr;
    if (caches) {
        walk_cache_search search(context, *caches, r.tag, a.address,
                                 {cache_level(2), levels - 1, log2_reach(2), log2_entries});
        while (!search.over())
            co_await search;
        if (const table_pointer* known = search.found()) {
            table = known->next_table;
            inherited = known->attributes;
            level = 1 + search.above();
        }
    }
    for (;; --level) {
        const unsigned reach = log2_reach(level);
        const bool first = level == levels;
        const std::uint64_t at = table + ((a.address >> reach) & low_bits(log2_entries)) * entry_bytes;
        std::uint64_t fetch = at;
        translation mapped;
        if (behind) {
            walk<bool> second = behind->translate(context, at, rights::read, second_stage::use::table, mapped);
            const bool found = co_await second;
            if (!found)
                co_return refuse_behind(result.fault, second_stage::use::table, level, first, at);
            fetch = mapped.output(at);
        }
        const time_part part = walk_level(1, levels - level);
        auto read = context.read64(part, fetch);
        const std::optional<std::uint64_t> answer = co_await read;
        if (r.step_cycles != 0)
            co_await context.pass(part, r.step_cycles);
        if (!answer)
            co_return refuse(result.fault, fault_kind::external_abort, level, first, fetch);
        std::uint64_t word = *answer;
        verdict v;
        for (unsigned attempt = 0;; ++attempt) {
            v = judge(r, a, word, level, inherited);
            if (v.fault != fault_kind::none)
                co_return refuse(result.fault, v.fault, level, first, fetch);
            if (v.updated == word || !context.remembers())
                break;
            if (behind) { // the update is a write to the entry's intermediate address
                walk<bool> second = behind->translate(context, at, rights::write, second_stage::use::update, mapped);
                const bool found = co_await second;
                if (!found)
                    co_return refuse_behind(result.fault, second_stage::use::update, level, first, at);
                fetch = mapped.output(at);
            }
            auto swap = context.compare_swap64(time_part::table_update, fetch, word, v.updated);
            const memory_request& swapped = co_await swap;
            if (!swapped.ok || attempt == update_attempts)
                co_return refuse(result.fault, fault_kind::update, level, first, fetch);
            if (swapped.swapped) {
                word = v.updated;
                break;
            }
            word = swapped.words[0]; // software was faster: judge what it wrote
        }
        if (v.leaf) {
            arrive(r, a, word, v, level, result.page);
            break;
        }
        table = e::address.of(word);
        inherited = v.inherited;
        if (caches && caches->exists(cache_level(level)))
            remember_table(context, *caches, cache_level(level),
                           {r.tag, a.address & ~low_bits(reach), table, inherited, static_cast<std::uint8_t>(reach)});
    }
    if (behind) {
        const std::uint64_t output = result.page.output(a.address);
        translation mapped;
        walk<bool> second = behind->translate(context, output, rights::needed_by(a), second_stage::use::output, mapped);
        const bool found = co_await second;
        if (!found)
            co_return refuse_behind(result.fault, second_stage::use::output, level, level == levels, output);
        combine(result.page, mapped, a.address);
    }
    co_return true;
}

const char* name_of(fault_kind kind) {
    switch (kind) {
    case fault_kind::none:
        return "none";
    case fault_kind::not_canonical:
        return "not_canonical";
    case fault_kind::not_present:
        return "not_present";
    case fault_kind::reserved:
        return "reserved";
    case fault_kind::supervisor_page:
        return "supervisor_page";
    case fault_kind::write:
        return "write";
    case fault_kind::execute:
        return "execute";
    case fault_kind::external_abort:
        return "external_abort";
    case fault_kind::update:
        return "update";
    case fault_kind::second_stage:
        return "second_stage";
    }
    return "unknown";
}

} // namespace iommulab::x86_64
