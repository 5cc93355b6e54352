// SPDX-License-Identifier: Apache-2.0
#include "models/pagetables/arm_vmsa_walk.h"

#include "models/core/walk_cache_search.h"
#include "models/pagetables/second_stage.h"

#include <algorithm>
#include <optional>

namespace iommulab::arm_vmsa {

namespace {

namespace d = descriptor;

constexpr std::uint64_t low_bits(unsigned n) {
    return (std::uint64_t{1} << n) - 1;
}

/// What a descriptor that is no table comes to.
struct leaf {
    fault_kind fault = fault_kind::none;
    std::uint8_t allowed = 0;  ///< once the update is made
    std::uint64_t output = 0;  ///< first output address
    std::uint64_t updated = 0; ///< the descriptor as hardware leaves it in memory
};

/// What decides the rights of a regime's leaves.
struct permission_rules {
    bool two_privileges, wxn, pan;
};
/// Rights of a stage 1 leaf (AArch64.S1DirectBasePermissions). `permissions`: see stage1_tables::rights_of().
constexpr std::uint8_t stage1_rights(const permission_rules& rules, unsigned permissions) {
    const unsigned ap_1 = permissions & 1, writable = (permissions >> 1) & 1, pxn = (permissions >> 2) & 1,
                   uxn = (permissions >> 3) & 1;
    const unsigned wxn = rules.wxn, execute = ~uxn & 1;
    if (!rules.two_privileges)
        return static_cast<std::uint8_t>(rights::reads | writable * rights::writes |
                                         (execute & ~(wxn & writable)) * rights::executes);
    const unsigned privileged = ~(rules.pan & ap_1) & 1, shared_write = ap_1 & writable, privileged_execute = ~pxn & 1;
    return static_cast<std::uint8_t>(
        ap_1 * rights::read | shared_write * rights::write | (execute & ~(wxn & shared_write)) * rights::execute |
        privileged * rights::privileged_read | (privileged & writable) * rights::privileged_write |
        (privileged_execute & ~shared_write & ~(wxn & writable)) * rights::privileged_execute);
}
constexpr auto rights_by_rules = [] {
    std::array<std::array<std::uint8_t, 16>, 8> all{};
    for (unsigned rules = 0; rules < 8; ++rules)
        for (unsigned permissions = 0; permissions < 16; ++permissions)
            all[rules][permissions] =
                stage1_rights({(rules & 1) != 0, (rules & 2) != 0, (rules & 4) != 0}, permissions);
    return all;
}();

/// Checks in the order in which the architecture ranks the faults: translation, address size, access flag, permission.
[[gnu::always_inline]] inline leaf stage1_leaf(const stage1_tables& tables, const table_geometry& g, unsigned level,
                                               unsigned reach, std::uint64_t word, std::uint64_t inherited,
                                               std::uint8_t needed) {
    leaf l;
    if (!g.is_leaf(word, level)) {
        l.fault = fault_kind::translation;
        return l;
    }
    l.output = g.places.of(word) & ~low_bits(reach);
    if (g.too_large(l.output)) {
        l.fault = fault_kind::address_size;
        return l;
    }
    if (!d::AF.of(word) && !tables.ha && !tables.affd) {
        l.fault = fault_kind::access_flag;
        return l;
    }
    l.updated = tables.ha ? d::AF.put(word, 1) : word;
    // With DBM the read-only bit says "clean", and permissions are those of a writable page
    // (AArch64.S1ApplyOutputPerms); a table above that forbids writing still does.
    const bool clean = tables.hd && d::DBM.of(word) && d::AP_2.of(word);
    const auto ap_1 = static_cast<unsigned>(d::AP_1.of(word) & ~d::APTable_0.of(inherited));
    const auto writable = static_cast<unsigned>((clean | ~d::AP_2.of(word)) & ~d::APTable_1.of(inherited) & 1);
    const auto never = static_cast<unsigned>(d::UXN_PXN.of(word) | d::UXNTable_PXNTable.of(inherited));
    l.allowed = tables.rights_of(ap_1 | writable << 1 | never << 2);
    if ((l.allowed & needed) != needed)
        l.fault = fault_kind::permission;
    else if (clean && (needed & rights::writes))
        l.updated = d::AP_2.put(l.updated, 0);
    else if (clean)
        l.allowed &= static_cast<std::uint8_t>(~rights::writes);
    return l;
}

inline leaf stage2_leaf(const stage2_regime& regime, const table_geometry& g, unsigned level, unsigned reach,
                        std::uint64_t word, const stage2_request& request) {
    leaf l;
    if (!g.is_leaf(word, level)) {
        l.fault = fault_kind::translation;
        return l;
    }
    l.output = g.places.of(word) & ~low_bits(reach);
    if (g.too_large(l.output)) {
        l.fault = fault_kind::address_size;
        return l;
    }
    if (!d::AF.of(word) && !regime.ha && !regime.affd) {
        l.fault = fault_kind::access_flag;
        return l;
    }
    l.updated = regime.ha ? d::AF.put(word, 1) : word;
    const bool clean = regime.ha && regime.hd && d::DBM.of(word) && !d::S2AP_1.of(word);
    if (d::S2AP_0.of(word))
        l.allowed |= rights::reads;
    if (clean || d::S2AP_1.of(word))
        l.allowed |= rights::writes;
    const std::uint64_t xn = regime.xnx ? d::XN.of(word) : d::XN_1.of(word) * 2;
    if (xn == 0 || xn == 1)
        l.allowed |= rights::execute;
    if (xn == 0 || xn == 3)
        l.allowed |= rights::privileged_execute;
    const bool protected_device = regime.ptw && request.what != fault_class::IN && d::MemAttr_3_2.of(word) == 0;
    if ((l.allowed & request.needed) != request.needed || protected_device)
        l.fault = fault_kind::permission;
    else if (clean && (request.needed & rights::writes))
        l.updated = d::S2AP_1.put(l.updated, 1);
    else if (clean)
        l.allowed &= static_cast<std::uint8_t>(~rights::writes);
    return l;
}

/// The leaf `word` of `level`, which serves 2^`reach` bytes around `input`. One of a contiguous run is kept by itself,
/// and taken back with the run.
inline void set_page(translation& page, const leaf& l, std::uint64_t word, std::uint64_t input, granule tg,
                     unsigned level, unsigned reach, const translation_tag& tag) {
    page.input_base = input & ~low_bits(reach);
    page.output_base = l.output;
    page.log2_size = static_cast<std::uint8_t>(reach);
    if (d::Contiguous.of(word))
        page.log2_leaf = static_cast<std::uint8_t>(reach + log2_contiguous_leaves(tg, level));
    page.allowed = l.allowed;
    page.tag = tag;
}
inline std::uint16_t stage1_attributes(std::uint64_t word) {
    namespace to = attributes;
    return static_cast<std::uint16_t>(to::AttrIndx.make(d::AttrIndx.of(word)) | to::SH.make(d::SH.of(word)) |
                                      to::NS.make(d::NS.of(word)) | to::Contiguous.make(d::Contiguous.of(word)) |
                                      to::has_stage1.make(1));
}
inline std::uint16_t stage2_attributes(std::uint64_t word) {
    namespace to = attributes;
    return static_cast<std::uint16_t>(to::MemAttr.make(d::MemAttr.of(word)) | to::SH_stage2.make(d::SH.of(word)) |
                                      to::Contiguous.make(d::Contiguous.of(word)) | to::has_stage2.make(1));
}

/// Both stages together, around `input`.
void combine_stages(translation& page, const translation& second, std::uint64_t input) {
    combine(page, second, input);
    page.attributes |= attributes::Contiguous.put(second.attributes, 0);
}

/// Each refuses: the value with which a walk ends.
bool refuse(walk_fault& f, fault_kind kind, unsigned stage, unsigned level) {
    f.kind = kind;
    f.stage = static_cast<std::uint8_t>(stage);
    f.level = static_cast<std::uint8_t>(level);
    return false;
}
bool refuse_table(walk_fault& f, unsigned stage, unsigned level) {
    f.from_table = true;
    return refuse(f, fault_kind::address_size, stage, level);
}
bool refuse_fetch(walk_fault& f, unsigned stage, unsigned level, std::uint64_t fetch, bool on_update) {
    if (stage == 1)
        f.what = fault_class::TT;
    f.fetch_address = fetch;
    f.on_update |= on_update;
    return refuse(f, fault_kind::external_abort, stage, level);
}

/// The levels below which a walk may begin, from the deepest on.
walk_cache_search::levels tables_below(const table_geometry& g) {
    constexpr unsigned deepest = last_level - 1;
    return {deepest, last_level - g.start_level, log2_reach(g.tg, deepest), stride_of(g.tg)};
}

/// A walk of stage 1 between two reads: the way from the first table down, whether or not a read must be waited for.
struct stage1_descent {
    const stage1_tables* tables;
    bool upper; // the range
    const stage1_tables::way* way;
    const access& a;
    translation& page;
    walk_fault& why;
    std::uint64_t address, input;
    std::uint64_t inherited = 0; // from the tables above
    std::uint64_t table, index_mask = ~std::uint64_t{0};
    unsigned level, reach; // reach: input bits below the index of this level

    stage1_descent(const stage1_tables& t, const access& of, translation& into, walk_fault& refusal)
        : tables(&t),
          upper(t.is_upper(of.address)),
          way(&t.ways[upper]),
          a(of),
          page(into),
          why(refusal),
          address(t.without_top_byte(of.address)),
          input(address & low_bits(way->geometry.input_bits)),
          table(way->first_table),
          level(way->geometry.start_level),
          reach(way->first_reach) {}

    /// Goes on with a copy of the tables' description.
    void change_to(const stage1_tables& copy) {
        tables = &copy;
        way = &copy.ways[upper];
    }
    /// Is there a way for this input? False: refused.
    bool begin() {
        const std::uint64_t above = upper ? ~std::uint64_t{0} >> way->geometry.input_bits : 0;
        if (way->closed || address >> way->geometry.input_bits != above)
            return refuse(why, fault_kind::translation, 1, 0);
        return !way->unreachable || refuse_table(why, 1, 0);
    }
    [[nodiscard]] std::uint64_t descriptor_address() const {
        return table + ((input >> reach) & index_mask) * descriptor_bytes;
    }
    /// Goes on below the table entry of level `known` that a cache remembers.
    void skip(unsigned known, const table_pointer& p) {
        table = p.next_table;
        inherited = p.attributes;
        level = known + 1;
        reach = log2_reach(way->geometry.tg, level);
        index_mask = way->geometry.index_mask(level);
    }
    /// Goes on in the table that `word` points to. False: refused.
    bool enter(std::uint64_t word) {
        table = way->geometry.places.of(word);
        if (way->geometry.too_large(table))
            return refuse_table(why, 1, level);
        inherited |= word & way->inherits;
        ++level;
        reach -= stride_of(way->geometry.tg);
        index_mask = low_bits(stride_of(way->geometry.tg));
        return true;
    }
    [[nodiscard, gnu::always_inline]] leaf judge(std::uint64_t word) const {
        return stage1_leaf(*tables, way->geometry, level, reach, word, inherited, rights::needed_by(a));
    }
    void arrive(const leaf& l, std::uint64_t word) {
        set_page(page, l, word, a.address, way->geometry.tg, level, reach, tables->tag);
        page.global = !d::nG.of(word);
        page.attributes = stage1_attributes(word);
    }
};

/// Goes on from `d` with what must be waited for. `word`: the descriptor at `d`, if it has been read.
walk<bool> walk_on(walk_context& context, stage1_tables tables, stage1_descent d, std::optional<std::uint64_t> word,
                   walk_caches caches, const stage2_regime* stage2) {
    d.change_to(tables);
    const table_geometry& g = d.way->geometry;
    if (caches.stage1 && caches.stage1->exists() && !word) {
        walk_cache_search search(context, *caches.stage1, tables.tag, d.address, tables_below(g));
        while (!search.over())
            co_await search;
        if (search.found())
            d.skip(last_level - 1 - search.above(), *search.found());
    }
    for (;;) {
        const std::uint64_t at = d.descriptor_address();
        std::uint64_t fetch = at;
        if (stage2) {
            const stage2_request where{at, rights::privileged_read, fault_class::TT, false, false};
            walk_result mapped;
            walk<bool> second = walk_stage2(context, *stage2, where, mapped.page, mapped.fault, caches);
            const bool ok = co_await second;
            if (!ok) {
                d.why = mapped.fault;
                co_return false;
            }
            fetch = mapped.page.output(at);
        }
        if (!word) {
            auto read = context.read64(walk_level(1, d.level), fetch);
            word = co_await read;
            if (!word)
                co_return refuse_fetch(d.why, 1, d.level, fetch, false);
        }
        for (unsigned attempt = 0; !g.is_table(*word, d.level); ++attempt) {
            const leaf l = d.judge(*word);
            if (l.fault != fault_kind::none)
                co_return refuse(d.why, l.fault, 1, d.level);
            const bool settled = l.updated == *word;
            if (!settled && stage2) { // the update is a write to the intermediate address of the descriptor
                const stage2_request where{at, rights::privileged_write, fault_class::TT, false, true};
                walk_result mapped;
                walk<bool> second = walk_stage2(context, *stage2, where, mapped.page, mapped.fault, caches);
                const bool ok = co_await second;
                if (!ok) {
                    d.why = mapped.fault;
                    co_return false;
                }
                fetch = mapped.page.output(at);
            }
            if (!settled && context.remembers()) {
                auto swap = context.compare_swap64(time_part::table_update, fetch, *word, l.updated);
                const memory_request& swapped = co_await swap;
                if (!swapped.ok || attempt == update_attempts)
                    co_return refuse_fetch(d.why, 1, d.level, fetch, true);
                if (!swapped.swapped) { // software was faster: judge what it wrote
                    word = swapped.words[0];
                    continue;
                }
            }
            d.arrive(l, *word);
            if (!stage2)
                co_return true;
            const stage2_request where{d.page.output(d.a.address), rights::needed_by(d.a), fault_class::IN, false,
                                       false};
            walk_result mapped;
            walk<bool> second = walk_stage2(context, *stage2, where, mapped.page, mapped.fault, caches);
            const bool ok = co_await second;
            if (!ok) {
                d.why = mapped.fault;
                co_return false;
            }
            combine_stages(d.page, mapped.page, d.a.address);
            co_return true;
        }
        const unsigned level = d.level, reach = d.reach;
        if (!d.enter(*word))
            co_return false;
        word.reset();
        if (caches.stage1 && caches.stage1->exists(level))
            remember_table(
                context, *caches.stage1, level,
                {tables.tag, d.address & ~low_bits(reach), d.table, d.inherited, static_cast<std::uint8_t>(reach)});
    }
}

} // namespace

stage1_tables::way::way(const stage1_range& range, const stage1_regime& r)
    : geometry(range.tg, stage1_start_level(range.tg, input_bits_of(range.tg, range.tsz)),
               input_bits_of(range.tg, range.tsz), r.output_bits, r.implemented_bits),
      first_table(geometry.first_table(range.ttb)),
      inherits(range.had ? 0 : d::table_attributes),
      first_reach(static_cast<std::uint8_t>(log2_reach(range.tg, geometry.start_level))),
      tbi(range.tbi),
      closed(range.epd),
      unreachable(geometry.too_large(first_table)) {}

stage1_tables::stage1_tables(const stage1_regime& r)
    : two_ranges(r.two_ranges),
      affd(r.affd),
      ha(r.ha),
      hd(r.ha && r.hd),
      tag(r.tag),
      ways{way(r.range[0], r), way(r.range[1], r)},
      rights_(&rights_by_rules[r.two_ranges * 1U + r.wxn * 2U + r.pan * 4U]) {}

walk<bool> walk_stage1(walk_context& context, const stage1_tables& tables, const access& a, translation& page,
                       walk_fault& why, const walk_caches& caches, const stage2_regime* stage2) {
    stage1_descent d(tables, a, page, why);
    if (!d.begin())
        return walk<bool>::ended(false);
    if (stage2 || (caches.stage1 && caches.stage1->exists()))
        return walk_on(context, tables, d, std::nullopt, caches, stage2);
    std::uint64_t word = 0;
    while (context.read64_at_once(walk_level(1, d.level), d.descriptor_address(), word)) {
        if (table_geometry::is_table(word, d.level)) {
            if (!d.enter(word))
                return walk<bool>::ended(false);
            continue;
        }
        const leaf l = d.judge(word);
        if (l.fault != fault_kind::none)
            return walk<bool>::ended(refuse(why, l.fault, 1, d.level));
        if (l.updated != word && context.remembers())
            return walk_on(context, tables, d, word, caches, stage2);
        d.arrive(l, word);
        return walk<bool>::ended(true);
    }
    return walk_on(context, tables, d, std::nullopt, caches, stage2);
}

walk<bool> walk_stage2(walk_context& context, const stage2_regime& regime, stage2_request request, translation& page,
                       walk_fault& why, walk_caches caches) {
    why.what = request.what; // in case it comes to a fault
    why.on_update = request.on_update;
    why.ipa = request.ipa;
    const table_geometry g(regime.tg, std::min<unsigned>(regime.start_level, last_level),
                           input_bits_of(regime.tg, regime.tsz), regime.output_bits, regime.implemented_bits);
    const std::uint64_t ipa = request.ipa;
    if (ipa >> g.input_bits != 0)
        co_return refuse(why, fault_kind::translation, 2, 0);
    std::uint64_t table = g.first_table(regime.ttb);
    if (g.too_large(table))
        co_return refuse_table(why, 2, 0);
    if (caches.intermediate && caches.intermediate->exists() && context.remembers()) {
        const cache_key key = caches.intermediate->key_for(regime.tag, ipa);
        auto question = context.look_up(caches.intermediate->cache(), key, time_part::walk_cache);
        const std::optional<translation> known = co_await question;
        if (known && (known->allowed & request.needed) == request.needed) {
            const bool device = attributes::MemAttr.of(known->attributes) >> 2 == 0;
            if (!(regime.ptw && device && request.what != fault_class::IN)) {
                page = *known;
                co_return true;
            }
        }
    }
    unsigned level = g.start_level;
    if (caches.stage2 && caches.stage2->exists()) {
        walk_cache_search search(context, *caches.stage2, regime.tag, ipa, tables_below(g));
        while (!search.over())
            co_await search;
        if (search.found()) {
            table = search.found()->next_table;
            level = last_level - search.above();
        }
    }
    const unsigned stride = stride_of(g.tg);
    unsigned reach = log2_reach(g.tg, level); // input bits below the index of this level
    std::uint64_t index_mask = g.index_mask(level);
    for (;;) {
        const std::uint64_t fetch = table + ((ipa >> reach) & index_mask) * descriptor_bytes;
        auto read = context.read64(walk_level(request.only_stage ? 1 : 2, level), fetch);
        const std::optional<std::uint64_t> answer = co_await read;
        if (!answer)
            co_return refuse_fetch(why, 2, level, fetch, false);
        std::uint64_t word = *answer;
        for (unsigned attempt = 0; !g.is_table(word, level); ++attempt) {
            const leaf l = stage2_leaf(regime, g, level, reach, word, request);
            if (l.fault != fault_kind::none)
                co_return refuse(why, l.fault, 2, level);
            if (l.updated != word && context.remembers()) {
                auto swap = context.compare_swap64(time_part::table_update, fetch, word, l.updated);
                const memory_request& swapped = co_await swap;
                if (!swapped.ok || attempt == update_attempts)
                    co_return refuse_fetch(why, 2, level, fetch, true);
                if (!swapped.swapped) {
                    word = swapped.words[0];
                    continue;
                }
            }
            set_page(page, l, word, ipa, g.tg, level, reach, regime.tag);
            page.attributes = stage2_attributes(word);
            if (caches.intermediate && context.remembers() && context.may_fill(page))
                caches.intermediate->insert(page);
            co_return true;
        }
        table = g.places.of(word);
        if (g.too_large(table))
            co_return refuse_table(why, 2, level);
        if (caches.stage2 && caches.stage2->exists(level))
            remember_table(context, *caches.stage2, level,
                           {regime.tag, ipa & ~low_bits(reach), table, 0, static_cast<std::uint8_t>(reach)});
        ++level;
        reach -= stride;
        index_mask = low_bits(stride);
    }
}

const char* name_of(fault_kind kind) {
    switch (kind) {
    case fault_kind::none:
        return "none";
    case fault_kind::translation:
        return "translation";
    case fault_kind::address_size:
        return "address_size";
    case fault_kind::access_flag:
        return "access_flag";
    case fault_kind::permission:
        return "permission";
    case fault_kind::external_abort:
        return "external_abort";
    }
    return "unknown";
}

} // namespace iommulab::arm_vmsa
