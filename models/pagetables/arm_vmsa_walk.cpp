// SPDX-License-Identifier: Apache-2.0
#include "models/pagetables/arm_vmsa_walk.h"

#include <algorithm>
#include <optional>

namespace iommulab::arm_vmsa {

namespace {

namespace d = descriptor;

constexpr std::uint64_t low_bits(unsigned n) {
    return (std::uint64_t{1} << n) - 1;
}

/// What one stage's walk needs to know of its tables, worked out once.
struct geometry {
    granule tg;
    unsigned start_level;
    unsigned input_bits;
    unsigned output_bits;
    unsigned implemented_bits;

    /// The first table is aligned to its size, and to 64 bytes where addresses have 52 bits (TTBRx_EL1.BADDR, D8.2.3).
    [[nodiscard]] std::uint64_t first_table(std::uint64_t ttb) const {
        const unsigned reach = log2_reach(tg, start_level);
        const unsigned size = 3 + (input_bits > reach ? input_bits - reach : 0);
        return ttb & ~low_bits(output_bits > 48 ? std::max(size, 6U) : size);
    }
    /// Address of the descriptor for `input`; the first level takes all bits that are left, concatenated tables
    /// included.
    [[nodiscard]] std::uint64_t descriptor_address(std::uint64_t table, unsigned level, std::uint64_t input) const {
        const std::uint64_t index = input >> log2_reach(tg, level);
        return table + (level == start_level ? index : index & low_bits(stride_of(tg))) * descriptor_bytes;
    }
    [[nodiscard]] bool too_large(std::uint64_t address) const { return (address >> output_bits) != 0; }
    [[nodiscard]] bool is_table(std::uint64_t word, unsigned level) const {
        return level < last_level && d::Valid.of(word) && d::Type.of(word);
    }
    [[nodiscard]] bool is_leaf(std::uint64_t word, unsigned level) const {
        if (!d::Valid.of(word))
            return false;
        return level == last_level ? d::Type.of(word) != 0
                                   : !d::Type.of(word) && block_is_legal(tg, level, implemented_bits);
    }
    [[nodiscard]] std::uint64_t address(std::uint64_t word) const { return address_in(word, tg, implemented_bits); }
};

/// What a descriptor that is no table comes to.
struct leaf {
    fault_kind fault = fault_kind::none;
    std::uint8_t allowed = 0;  ///< once the update is made
    std::uint64_t output = 0;  ///< first output address
    std::uint64_t updated = 0; ///< the descriptor as hardware leaves it in memory
};

/// Rights of a stage 1 leaf whose dirty state would let it be written (AArch64.S1DirectBasePermissions).
std::uint8_t stage1_rights(const stage1_regime& regime, std::uint64_t word, std::uint64_t inherited, bool writable) {
    std::uint8_t allowed = 0;
    const auto grant = [&](bool when, unsigned bits) { allowed |= static_cast<std::uint8_t>(when ? bits : 0); };
    if (!regime.two_ranges) {
        grant(true, rights::reads);
        grant(writable, rights::writes);
        grant(!d::UXN.of(word) && !d::UXNTable.of(inherited) && !(regime.wxn && writable), rights::executes);
        return allowed;
    }
    const bool unprivileged = d::AP_1.of(word) && !d::APTable_0.of(inherited);
    const bool privileged = !(regime.pan && unprivileged);
    const bool shared_write = unprivileged && writable;
    grant(unprivileged, rights::read);
    grant(shared_write, rights::write);
    grant(privileged, rights::privileged_read);
    grant(privileged && writable, rights::privileged_write);
    grant(!d::UXN.of(word) && !d::UXNTable.of(inherited) && !(regime.wxn && shared_write), rights::execute);
    grant(!d::PXN.of(word) && !d::PXNTable.of(inherited) && !shared_write && !(regime.wxn && writable),
          rights::privileged_execute);
    return allowed;
}

/// Checks in the order in which the architecture ranks the faults: translation, address size, access flag, permission.
leaf stage1_leaf(const stage1_regime& regime, const geometry& g, unsigned level, std::uint64_t word,
                 std::uint64_t inherited, std::uint8_t needed) {
    leaf l;
    if (!g.is_leaf(word, level)) {
        l.fault = fault_kind::translation;
        return l;
    }
    l.output = g.address(word) & ~low_bits(log2_reach(g.tg, level));
    if (g.too_large(l.output)) {
        l.fault = fault_kind::address_size;
        return l;
    }
    if (!d::AF.of(word) && !regime.ha && !regime.affd) {
        l.fault = fault_kind::access_flag;
        return l;
    }
    l.updated = regime.ha ? d::AF.put(word, 1) : word;
    // With DBM the read-only bit says "clean", and permissions are those of a writable page
    // (AArch64.S1ApplyOutputPerms); a table above that forbids writing still does.
    const bool clean = regime.ha && regime.hd && d::DBM.of(word) && d::AP_2.of(word);
    const bool writable = (clean || !d::AP_2.of(word)) && !d::APTable_1.of(inherited);
    l.allowed = stage1_rights(regime, word, inherited, writable);
    if ((l.allowed & needed) != needed)
        l.fault = fault_kind::permission;
    else if (clean && (needed & rights::writes))
        l.updated = d::AP_2.put(l.updated, 0);
    else if (clean)
        l.allowed &= static_cast<std::uint8_t>(~rights::writes);
    return l;
}

leaf stage2_leaf(const stage2_regime& regime, const geometry& g, unsigned level, std::uint64_t word,
                 const stage2_request& request) {
    leaf l;
    if (!g.is_leaf(word, level)) {
        l.fault = fault_kind::translation;
        return l;
    }
    l.output = g.address(word) & ~low_bits(log2_reach(g.tg, level));
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

std::uint16_t stage1_attributes(std::uint64_t word) {
    namespace to = attributes;
    return static_cast<std::uint16_t>(to::AttrIndx.make(d::AttrIndx.of(word)) | to::SH.make(d::SH.of(word)) |
                                      to::NS.make(d::NS.of(word)) | to::Contiguous.make(d::Contiguous.of(word)) |
                                      to::has_stage1.make(1));
}
std::uint16_t stage2_attributes(std::uint64_t word) {
    namespace to = attributes;
    return static_cast<std::uint16_t>(to::MemAttr.make(d::MemAttr.of(word)) | to::SH_stage2.make(d::SH.of(word)) |
                                      to::Contiguous.make(d::Contiguous.of(word)) | to::has_stage2.make(1));
}

void set_page(translation& page, const leaf& l, std::uint64_t input, unsigned log2_size, const translation_tag& tag) {
    page.input_base = input & ~low_bits(log2_size);
    page.output_base = l.output;
    page.log2_size = static_cast<std::uint8_t>(log2_size);
    page.allowed = l.allowed;
    page.tag = tag;
}

/// `page` goes from stage 1's input to an intermediate address, `second` from there on: what both say together, around
/// `input`.
void combine(translation& page, const translation& second, std::uint64_t input) {
    const std::uint64_t output = second.output(page.output(input));
    page.log2_size = std::min(page.log2_size, second.log2_size);
    page.input_base = input & ~page.offset_mask();
    page.output_base = output & ~page.offset_mask();
    page.allowed &= second.allowed;
    page.attributes |= attributes::Contiguous.put(second.attributes, 0);
}

void remember_table(const walk_context& context, walk_cache_set* caches, unsigned level, const table_pointer& p) {
    if (!caches || !caches->exists(level) || !context.remembers())
        return;
    if (context.may_fill(p.tag, false, p.base, p.offset_mask()))
        caches->insert(level, p);
}

} // namespace

walk<walk_result> walk_stage1(walk_context& context, const stage1_regime& regime, const access& a, walk_caches caches,
                              const stage2_regime* stage2) {
    walk_result r;
    r.fault.stage = 1;
    const bool upper = regime.two_ranges && ((a.address >> 55) & 1);
    const stage1_range& range = regime.range[upper ? 1 : 0];
    const unsigned input_bits = input_bits_of(range.tg, range.tsz);
    const geometry g{range.tg, stage1_start_level(range.tg, input_bits), input_bits,
                     output_bits_of(range.tg, regime.output_bits, regime.implemented_bits), regime.implemented_bits};
    const std::uint64_t address = without_top_byte(regime, a.address);
    if (range.epd || address >> input_bits != (upper ? ~std::uint64_t{0} >> input_bits : 0)) {
        r.fault.kind = fault_kind::translation;
        co_return r;
    }
    std::uint64_t table = g.first_table(range.ttb);
    if (g.too_large(table)) {
        r.fault.kind = fault_kind::address_size;
        r.fault.from_table = true;
        co_return r;
    }
    const std::uint64_t input = address & low_bits(input_bits);
    const std::uint8_t needed = rights::needed_by(a);
    std::uint64_t inherited = 0;
    unsigned level = g.start_level;
    if (caches.stage1)
        for (unsigned known = last_level; known-- > g.start_level;) {
            if (!caches.stage1->exists(known))
                continue;
            const cache_key key = walk_cache_set::key(regime.tag, address, log2_reach(g.tg, known));
            auto question = context.look_up(caches.stage1->at(known), key, time_part::walk_cache);
            const std::optional<table_pointer> pointer = co_await question;
            if (pointer) {
                table = pointer->next_table;
                inherited = pointer->attributes;
                level = known + 1;
                break;
            }
        }

    leaf l;
    std::uint64_t word = 0;
    for (;; ++level) {
        const std::uint64_t at = g.descriptor_address(table, level, input);
        std::uint64_t fetch = at;
        r.fault.level = static_cast<std::uint8_t>(level);
        if (stage2) {
            const stage2_request where{at, rights::privileged_read, fault_class::TT, false, false};
            walk<walk_result> second = walk_stage2(context, *stage2, where, caches);
            const walk_result mapped = co_await second;
            if (!mapped.ok()) {
                r.fault = mapped.fault;
                co_return r;
            }
            fetch = mapped.page.output(at);
        }
        auto read = context.read64(walk_level(1, level), fetch);
        const std::optional<std::uint64_t> answer = co_await read;
        if (!answer) {
            r.fault.kind = fault_kind::external_abort;
            r.fault.what = fault_class::TT;
            r.fault.fetch_address = fetch;
            co_return r;
        }
        word = *answer;
        bool updated = false;
        unsigned attempt = 0;
        while (!g.is_table(word, level)) {
            l = stage1_leaf(regime, g, level, word, inherited, needed);
            if (l.fault != fault_kind::none) {
                r.fault.kind = l.fault;
                co_return r;
            }
            updated = l.updated == word || !context.remembers();
            if (updated)
                break;
            if (stage2) { // the update is a write to the intermediate address of the descriptor
                const stage2_request where{at, rights::privileged_write, fault_class::TT, false, true};
                walk<walk_result> second = walk_stage2(context, *stage2, where, caches);
                const walk_result mapped = co_await second;
                if (!mapped.ok()) {
                    r.fault = mapped.fault;
                    co_return r;
                }
                fetch = mapped.page.output(at);
            }
            auto swap = context.compare_swap64(time_part::table_update, fetch, word, l.updated);
            const memory_request& swapped = co_await swap;
            if (!swapped.ok || ++attempt > update_attempts) {
                r.fault.kind = fault_kind::external_abort;
                r.fault.what = fault_class::TT;
                r.fault.fetch_address = fetch;
                r.fault.on_update = true;
                co_return r;
            }
            updated = swapped.swapped;
            if (updated) {
                word = l.updated;
                break;
            }
            word = swapped.words[0]; // software was faster: judge what it wrote
        }
        if (updated)
            break;
        const std::uint64_t next = g.address(word);
        if (g.too_large(next)) {
            r.fault.kind = fault_kind::address_size;
            r.fault.from_table = true;
            co_return r;
        }
        if (!range.had)
            inherited |= word & d::table_attributes;
        table = next;
        const unsigned reach = log2_reach(g.tg, level);
        remember_table(context, caches.stage1, level,
                       {regime.tag, address & ~low_bits(reach), next, inherited, static_cast<std::uint8_t>(reach)});
    }

    set_page(r.page, l, a.address, log2_reach(g.tg, level), regime.tag);
    r.page.global = !d::nG.of(word);
    r.page.attributes = stage1_attributes(word);
    if (stage2) {
        const stage2_request where{r.page.output(a.address), needed, fault_class::IN, false, false};
        walk<walk_result> second = walk_stage2(context, *stage2, where, caches);
        const walk_result mapped = co_await second;
        if (!mapped.ok()) {
            r.fault = mapped.fault;
            co_return r;
        }
        combine(r.page, mapped.page, a.address);
    }
    r.fault = {};
    co_return r;
}

walk<walk_result> walk_stage2(walk_context& context, const stage2_regime& regime, stage2_request request,
                              walk_caches caches) {
    walk_result r;
    r.fault.stage = 2;
    r.fault.what = request.what;
    r.fault.on_update = request.on_update;
    r.fault.ipa = request.ipa;
    const geometry g{regime.tg, std::min<unsigned>(regime.start_level, last_level),
                     input_bits_of(regime.tg, regime.tsz),
                     output_bits_of(regime.tg, regime.output_bits, regime.implemented_bits), regime.implemented_bits};
    const std::uint64_t ipa = request.ipa;
    if (ipa >> g.input_bits != 0) {
        r.fault.kind = fault_kind::translation;
        co_return r;
    }
    std::uint64_t table = g.first_table(regime.ttb);
    if (g.too_large(table)) {
        r.fault.kind = fault_kind::address_size;
        r.fault.from_table = true;
        co_return r;
    }
    if (caches.intermediate && caches.intermediate->exists() && context.remembers()) {
        const cache_key key = caches.intermediate->key_for(regime.tag, ipa);
        auto question = context.look_up(caches.intermediate->cache(), key, time_part::walk_cache);
        const std::optional<translation> known = co_await question;
        if (known && (known->allowed & request.needed) == request.needed) {
            const bool device = attributes::MemAttr.of(known->attributes) >> 2 == 0;
            if (!(regime.ptw && device && request.what != fault_class::IN)) {
                r.page = *known;
                r.fault = {};
                co_return r;
            }
        }
    }
    unsigned level = g.start_level;
    if (caches.stage2)
        for (unsigned known = last_level; known-- > g.start_level;) {
            if (!caches.stage2->exists(known))
                continue;
            const cache_key key = walk_cache_set::key(regime.tag, ipa, log2_reach(g.tg, known));
            auto question = context.look_up(caches.stage2->at(known), key, time_part::walk_cache);
            const std::optional<table_pointer> pointer = co_await question;
            if (pointer) {
                table = pointer->next_table;
                level = known + 1;
                break;
            }
        }

    leaf l;
    std::uint64_t word = 0;
    for (;; ++level) {
        const std::uint64_t fetch = g.descriptor_address(table, level, ipa);
        r.fault.level = static_cast<std::uint8_t>(level);
        auto read = context.read64(walk_level(request.only_stage ? 1 : 2, level), fetch);
        const std::optional<std::uint64_t> answer = co_await read;
        if (!answer) {
            r.fault.kind = fault_kind::external_abort;
            r.fault.fetch_address = fetch;
            co_return r;
        }
        word = *answer;
        bool updated = false;
        unsigned attempt = 0;
        while (!g.is_table(word, level)) {
            l = stage2_leaf(regime, g, level, word, request);
            if (l.fault != fault_kind::none) {
                r.fault.kind = l.fault;
                co_return r;
            }
            updated = l.updated == word || !context.remembers();
            if (updated)
                break;
            auto swap = context.compare_swap64(time_part::table_update, fetch, word, l.updated);
            const memory_request& swapped = co_await swap;
            if (!swapped.ok || ++attempt > update_attempts) {
                r.fault.kind = fault_kind::external_abort;
                r.fault.fetch_address = fetch;
                r.fault.on_update = true;
                co_return r;
            }
            updated = swapped.swapped;
            if (updated) {
                word = l.updated;
                break;
            }
            word = swapped.words[0];
        }
        if (updated)
            break;
        const std::uint64_t next = g.address(word);
        if (g.too_large(next)) {
            r.fault.kind = fault_kind::address_size;
            r.fault.from_table = true;
            co_return r;
        }
        table = next;
        const unsigned reach = log2_reach(g.tg, level);
        remember_table(context, caches.stage2, level,
                       {regime.tag, ipa & ~low_bits(reach), next, 0, static_cast<std::uint8_t>(reach)});
    }

    set_page(r.page, l, ipa, log2_reach(g.tg, level), regime.tag);
    r.page.attributes = stage2_attributes(word);
    r.fault = {};
    if (caches.intermediate && context.remembers() &&
        context.may_fill(regime.tag, false, r.page.input_base, r.page.offset_mask()))
        caches.intermediate->insert(r.page);
    co_return r;
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
