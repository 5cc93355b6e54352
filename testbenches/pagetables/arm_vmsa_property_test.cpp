// SPDX-License-Identifier: Apache-2.0
// The VMSAv8-64 walk against the reference walk, on random tables, contexts and accesses.
#include "models/pagetables/arm_vmsa_walk.h"
#include "testbenches/harness/immediate_context.h"
#include "testbenches/pagetables/table_generator.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <sstream>
#include <string>

namespace iommulab::arm_vmsa {
namespace {

namespace ref = iommulab::reference;

granule of(ref::granule_size g) {
    return static_cast<granule>(g);
}

stage1_regime regime_of(const ref::stage1_context& c, const ref::features& f) {
    stage1_regime r;
    r.range[0] = {c.ttb0, static_cast<std::uint8_t>(c.t0sz), of(c.tg0), c.epd0, c.tbi0, c.had0};
    r.range[1] = {c.ttb1, static_cast<std::uint8_t>(c.t1sz), of(c.tg1), c.epd1, c.tbi1, c.had1};
    r.two_ranges = !c.one_va_range;
    r.affd = c.affd;
    r.ha = c.ha;
    r.hd = c.hd;
    r.wxn = c.wxn;
    r.pan = c.pan;
    r.output_bits = static_cast<std::uint8_t>(c.ips_bits);
    r.implemented_bits = static_cast<std::uint8_t>(f.oas_bits);
    r.tag = {1, c.asid, 0};
    return r;
}

stage2_regime regime_of(const ref::stage2_context& c, const ref::features& f) {
    stage2_regime r;
    r.ttb = c.s2ttb;
    r.tsz = static_cast<std::uint8_t>(c.s2t0sz);
    r.tg = of(c.s2tg);
    const auto level = stage2_start_level(of(c.s2tg), c.s2sl0, f.oas_bits, f.small_translation_tables);
    EXPECT_TRUE(level && stage2_geometry_is_legal(r.tg, *level, input_bits_of(r.tg, c.s2t0sz)));
    r.start_level = static_cast<std::uint8_t>(level.value_or(3));
    r.affd = c.s2affd;
    r.ha = c.s2ha;
    r.hd = c.s2hd;
    r.ptw = c.s2ptw;
    r.xnx = f.xnx;
    r.output_bits = static_cast<std::uint8_t>(c.s2ps_bits);
    r.implemented_bits = static_cast<std::uint8_t>(f.oas_bits);
    r.tag = {c.vmid, 0, 0};
    return r;
}

fault_kind kind_of(ref::fault_kind k) {
    switch (k) {
    case ref::fault_kind::none:
        return fault_kind::none;
    case ref::fault_kind::translation:
        return fault_kind::translation;
    case ref::fault_kind::address_size:
        return fault_kind::address_size;
    case ref::fault_kind::access_flag:
        return fault_kind::access_flag;
    case ref::fault_kind::permission:
        return fault_kind::permission;
    case ref::fault_kind::walk_external_abort:
        return fault_kind::external_abort;
    case ref::fault_kind::configuration_invalid:
        break;
    }
    ADD_FAILURE() << "no walk has this outcome";
    return fault_kind::none;
}

std::uint8_t rights_of(const ref::permissions& p) {
    const auto bit = [](bool on, unsigned which) { return on ? which : 0U; };
    return static_cast<std::uint8_t>(
        bit(p.unprivileged_read, rights::read) | bit(p.unprivileged_write, rights::write) |
        bit(p.unprivileged_execute, rights::execute) | bit(p.privileged_read, rights::privileged_read) |
        bit(p.privileged_write, rights::privileged_write) | bit(p.privileged_execute, rights::privileged_execute));
}

std::string text_of(const walk_result& r) {
    std::ostringstream out;
    out << std::hex << name_of(r.fault.kind) << ", stage " << int(r.fault.stage) << ", class " << int(r.fault.what)
        << ", level " << int(r.fault.level) << ", fetch 0x" << r.fault.fetch_address << ", ipa 0x" << r.fault.ipa
        << "; page 0x" << r.page.input_base << " to 0x" << r.page.output_base << ", 2^" << std::dec
        << int(r.page.log2_size) << ", rights " << std::hex << int(r.page.allowed);
    return out.str();
}

/// The model's walk of generated tables, with memory that its updates change, and the reference on the same memory.
class subject {
  public:
    subject(ref::generated_tables tables, const ref::generator_options& options)
        : tables_(std::move(tables)), options_(options) {
        if (tables_.stage1)
            first_ = stage1_tables(regime_of(*tables_.stage1, options.implemented));
        if (tables_.stage2)
            second_ = regime_of(*tables_.stage2, options.implemented);
        context.memory = tables_.memory;
        context.exists = [o = options](std::uint64_t a) {
            return a - o.table_base < o.table_bytes || a - o.output_base < o.output_bytes;
        };
    }
    walk_result walk(const access& a, walk_caches caches) {
        walk_result r;
        if (tables_.stage1)
            context.run(walk_stage1(context, first_, a, r.page, r.fault, caches, tables_.stage2 ? &second_ : nullptr));
        else
            context.run(walk_stage2(context, second_, {a.address, rights::needed_by(a), fault_class::IN, true, false},
                                    r.page, r.fault, caches));
        return r;
    }
    /// The reference on memory as it is now.
    ref::outcome expected(const access& a) {
        tables_.memory = context.memory;
        return ref::walk(tables_, options_, {a.address, a.write, a.instruction, a.privileged});
    }
    [[nodiscard]] bool two_stages() const { return tables_.stage1 && tables_.stage2; }
    immediate_context context;

  private:
    ref::generated_tables tables_;
    ref::generator_options options_;
    stage1_tables first_;
    stage2_regime second_;
};

void expect_same_fault(const walk_result& got, const ref::outcome& want) {
    EXPECT_STREQ(name_of(got.fault.kind), name_of(kind_of(want.fault)));
    EXPECT_EQ(got.fault.stage, want.stage);
    EXPECT_EQ(unsigned(got.fault.what), unsigned(want.what));
    EXPECT_EQ(got.fault.level, want.level);
    EXPECT_EQ(got.fault.ipa, want.ipa);
    EXPECT_EQ(got.fault.fetch_address, want.fetch_address);
    EXPECT_EQ(got.fault.from_table, want.from_table_descriptor);
}

void expect_same_page(const walk_result& got, const ref::outcome& want, const access& a) {
    EXPECT_TRUE(got.page.covers(a.address));
    EXPECT_EQ(got.page.output(a.address), want.output_address);
    EXPECT_EQ(std::uint64_t{1} << got.page.log2_size, want.mapped_size_bytes);
    EXPECT_EQ(got.page.input_base & got.page.offset_mask(), 0U);
    EXPECT_EQ(got.page.output_base & got.page.offset_mask(), 0U);
    EXPECT_EQ(attributes::Contiguous.of(got.page.attributes), want.contiguous);
    if (attributes::has_stage2.of(got.page.attributes)) {
        EXPECT_EQ(attributes::MemAttr.of(got.page.attributes) >> 2 == 0, want.device);
    }
    // The reference counts what is writable but clean as writable; a walk leaves the rights to write out until a write
    // asks.
    const std::uint8_t all = rights_of(want.allowed);
    if (a.write || (got.page.allowed & rights::writes) == (all & rights::writes)) {
        EXPECT_EQ(got.page.allowed, all);
    } else {
        EXPECT_EQ(got.page.allowed, all & ~rights::writes);
    }
}

/// Updates of one walk, first state to last, by address: a descriptor may get AF and dirty state in two steps.
std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>>
merged(const std::vector<immediate_context::update>& updates) {
    std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> by_address;
    for (const auto& u : updates) {
        const auto [at, fresh] = by_address.try_emplace(u.address, u.before, u.after);
        if (!fresh)
            at->second.second = u.after;
    }
    return by_address;
}

void expect_same_updates(const subject& s, const ref::outcome& want) {
    const auto got = merged(s.context.updates);
    if (want.ok()) {
        std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> expected;
        for (const auto& u : want.updates)
            expected[u.address] = {u.before, u.after};
        EXPECT_EQ(got, expected);
        return;
    }
    for (const auto& [address, words] : got) {
        bool permitted = false;
        for (const auto& u : want.permitted_updates)
            permitted |= u.address == address && u.before == words.first && (words.second & ~u.after) == 0;
        EXPECT_TRUE(permitted) << std::hex << "update of 0x" << address << " after a fault";
    }
}

/// Without caches, and without updates, whose second look at stage 2 the reference leaves out: descriptor by
/// descriptor.
void expect_same_fetches(const subject& s, const ref::outcome& want) {
    if (!s.context.updates.empty() || !want.updates.empty() || !want.permitted_updates.empty())
        return;
    std::vector<immediate_context::transfer> expected;
    for (const auto& f : want.fetches)
        expected.push_back({f.address, walk_level(s.two_stages() ? f.stage : 1, f.level)});
    EXPECT_TRUE(s.context.reads == expected) << s.context.reads.size() << " reads, expected " << expected.size();
}

struct tally {
    std::map<std::string, unsigned> outcomes;
    unsigned compared = 0, updated = 0, hits = 0;
};

ref::generator_options random_options(const ref::chooser& choose, ref::stages translation) {
    constexpr unsigned sizes[] = {48, 40, 42, 44, 52, 36};
    ref::generator_options o;
    o.translation = translation;
    o.implemented.oas_bits = o.implemented.ias_bits = sizes[choose(std::size(sizes))];
    o.implemented.va_52 = o.implemented.oas_bits == 52 && choose(4) != 0;
    o.implemented.small_translation_tables = choose(3) == 1;
    o.implemented.xnx = choose(4) != 1;
    o.hardware_updates = choose(2) == 1;
    o.garbage = choose(4) != 0;
    return o;
}

/// Walks every input twice: on `plain` without caches, never suspended; on `cached` with caches that earlier inputs
/// filled, suspended at every question.
void compare(const ref::chooser& choose, ref::stages translation, tally& seen) {
    const ref::generator_options options = random_options(choose, translation);
    const ref::generated_tables tables = ref::generate_tables(choose, options);
    if (ref::walk(tables, options, {}).fault == ref::fault_kind::configuration_invalid) {
        ADD_FAILURE() << "generated an illegal context: " << ref::walk(tables, options, {}).reason;
        return;
    }
    subject plain(tables, options), cached(tables, options);
    cached.context.suspends = true;
    std::array<cache_parameters, 3> shapes{};
    for (cache_parameters& p : shapes)
        p.entries = std::uint32_t{1} << choose(4) & ~1U; // 0, 2, 4 or 8
    walk_cache_set stage1_tables(0, shapes), stage2_tables(2, shapes);
    second_stage_cache whole({.entries = static_cast<std::uint32_t>(choose(2) * 4)});
    const walk_caches caches{&stage1_tables, &stage2_tables, translation == ref::stages::nested ? &whole : nullptr};

    for (const std::uint64_t input : tables.inputs) {
        access a;
        a.address = input;
        a.write = choose(3) == 1;
        a.instruction = choose(5) == 1;
        a.privileged = choose(2) == 1;
        std::ostringstream which;
        which << std::hex << "input 0x" << input << (a.write ? " write" : "") << (a.instruction ? " instruction" : "")
              << (a.privileged ? " privileged" : "");
        SCOPED_TRACE(which.str());

        if (translation == ref::stages::stage2 && input >> options.implemented.ias_bits != 0)
            continue; // the bypassed stage 1 refuses it: not a matter of the walk
        const ref::outcome want = plain.expected(a);
        plain.context.forget_history();
        const walk_result got = plain.walk(a, {});
        SCOPED_TRACE("want " + ref::to_string(want));
        SCOPED_TRACE("got " + text_of(got));
        if (want.ok() && got.ok())
            expect_same_page(got, want, a);
        else
            expect_same_fault(got, want);
        expect_same_updates(plain, want);
        if (!got.fault.on_update)
            expect_same_fetches(plain, want);

        // with caches: the same, with no more reads
        cached.context.forget_history();
        const walk_result with = cached.walk(a, caches);
        SCOPED_TRACE("with caches " + text_of(with));
        EXPECT_EQ(with.ok(), got.ok());
        EXPECT_EQ(text_of(with), text_of(got));
        EXPECT_EQ(with.page.attributes, got.page.attributes);
        EXPECT_EQ(with.page.global, got.page.global);
        EXPECT_EQ(merged(cached.context.updates), merged(plain.context.updates));
        EXPECT_LE(cached.context.reads.size(), plain.context.reads.size());

        // a debug walk of the same access finds the same page, and touches nothing
        const auto before = plain.context.memory.size();
        plain.context.set_debug(true);
        plain.context.forget_history();
        const walk_result debug = plain.walk(a, caches);
        plain.context.set_debug(false);
        EXPECT_EQ(text_of(debug), text_of(got));
        EXPECT_TRUE(plain.context.updates.empty());
        EXPECT_EQ(plain.context.memory.size(), before);

        ++seen.compared;
        ++seen.outcomes[name_of(got.fault.kind)];
        seen.updated += !want.updates.empty();
        if (::testing::Test::HasFailure())
            return;
    }
    for (unsigned level = 0; level < 3; ++level)
        seen.hits += static_cast<unsigned>(stage1_tables.at(level).hits + stage2_tables.at(level).hits);
    seen.hits += static_cast<unsigned>(whole.cache().hits);
}

void check(ref::stages translation) {
    tally seen;
    rc::check("the walk agrees with the reference", [&] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        std::mt19937_64 engine(seed);
        compare(ref::choose_with(engine), translation, seen);
        RC_ASSERT(!::testing::Test::HasFailure());
    });
    // The tables were worth walking: every outcome came up, updates happened, caches hit.
    for (const char* outcome : {"none", "translation", "address_size", "access_flag", "permission", "external_abort"})
        EXPECT_GT(seen.outcomes[outcome], 0U) << outcome;
    EXPECT_GT(seen.outcomes["none"], seen.compared / 8);
    EXPECT_GT(seen.updated, 0U);
    EXPECT_GT(seen.hits, 0U);
}

TEST(arm_vmsa_property, stage_1_agrees_with_the_reference) {
    check(ref::stages::stage1);
}
TEST(arm_vmsa_property, stage_2_agrees_with_the_reference) {
    check(ref::stages::stage2);
}
TEST(arm_vmsa_property, both_stages_agree_with_the_reference) {
    check(ref::stages::nested);
}

} // namespace
} // namespace iommulab::arm_vmsa
