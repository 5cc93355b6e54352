// SPDX-License-Identifier: Apache-2.0
#include "testbenches/pagetables/table_generator.h"

#include "testbenches/pagetables/table_tree.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace iommulab::reference {
namespace {

struct window {
    std::uint64_t base = 0;
    std::uint64_t bytes = 0;
};

std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
    return value / alignment * alignment;
}

unsigned bits_needed(std::uint64_t address) {
    unsigned count = 0;
    for (; address != 0; address >>= 1)
        ++count;
    return count;
}

class generator {
  public:
    generator(const chooser& choose, const generator_options& options)
        : choose_(choose), options_(options), allocator_(options.table_base, options.table_bytes) {}

    generated_tables run();

  private:
    // True once in n; choice 0 is the plain one.
    bool one_in(std::uint64_t n) { return choose_(n) == n - 1; }
    std::uint64_t flag(unsigned position, std::uint64_t n) { return std::uint64_t{one_in(n)} << position; }
    template <class T>
    const T& pick(const std::vector<T>& from) {
        return from[choose_(from.size())];
    }

    unsigned pick_size(unsigned at_least);
    std::vector<unsigned> leaf_levels(granule_size granule, unsigned start_level) const;
    std::uint64_t place(window into, std::uint64_t size);
    std::uint64_t stage1_leaf_bits();
    std::uint64_t stage1_table_bits();
    std::uint64_t stage2_leaf_bits();

    void make_stage2(bool nested);
    void make_stage1();
    std::unique_ptr<table_tree> stage1_tree(granule_size granule, unsigned tsz);
    void map_at_random(table_tree& tree, window outputs, bool stage2);
    void map_stage1_through_stage2();
    void corrupt(table_tree& tree, std::size_t first_entry);
    void add_inputs(const table_tree& tree, window outputs, std::uint64_t ones_above, bool tbi);
    void spoil_configuration();

    const chooser& choose_;
    const generator_options& options_;
    table_allocator allocator_;
    generated_tables result_;
    std::unique_ptr<table_tree> stage2_, lower_, upper_; // lower and upper: TTB0 and TTB1
    window ipa_outputs_;                                 // nested: where stage 1 outputs go
    std::size_t stage2_entries_kept_ = 0;                // the way to the free table page stays sound
};

// One of the architected address sizes, not below what the windows need.
unsigned generator::pick_size(unsigned at_least) {
    std::vector<unsigned> sizes;
    for (const unsigned size : {52u, 48u, 44u, 42u, 40u, 36u, 32u}) {
        if (size >= at_least)
            sizes.push_back(size);
    }
    return sizes.empty() ? 52 : pick(sizes);
}

std::vector<unsigned> generator::leaf_levels(granule_size granule, unsigned start_level) const {
    std::vector<unsigned> levels = {3, 3};
    if (start_level <= 2)
        levels.push_back(2);
    if (start_level <= 1 &&
        (granule == granule_size::kib4 || (granule == granule_size::kib64 && options_.implemented.oas_bits == 52)))
        levels.push_back(1);
    return levels;
}

std::uint64_t generator::place(window into, std::uint64_t size) {
    const std::uint64_t first = align_down(into.base + size - 1, size);
    if (first >= into.base && first - into.base < into.bytes && into.bytes - (first - into.base) >= size)
        return first + size * choose_((into.bytes - (first - into.base)) / size);
    return align_down(into.base, size);
}

// Arm ARM D8.3: AttrIndx, NS, AP, SH, AF, nG, DBM, PXN, UXN, software bits.
std::uint64_t generator::stage1_leaf_bits() {
    std::uint64_t bits = (std::uint64_t{1} << 10) ^ flag(10, 12); // AF
    bits |= (choose_(4) ^ 1) << 6;                                // AP[2:1]; 0 is read and write for all
    bits |= choose_(8) << 2 | flag(5, 4) | choose_(4) << 8 | flag(11, 2);
    bits |= flag(53, 4) | flag(54, 4) | choose_(16) << 55;
    if (options_.hardware_updates)
        bits = (bits & ~(std::uint64_t{1} << 10)) | choose_(2) << 10 | choose_(2) << 51;
    return bits;
}

std::uint64_t generator::stage1_table_bits() {
    // Ignored bits [58:55], then PXNTable, UXNTable, APTable, NSTable.
    return choose_(16) << 55 | flag(59, 10) | flag(60, 10) | flag(61, 10) | flag(62, 10) | flag(63, 10);
}

// MemAttr, S2AP, SH, AF, DBM, XN.
std::uint64_t generator::stage2_leaf_bits() {
    std::uint64_t bits = (std::uint64_t{1} << 10) ^ flag(10, 16);
    bits |= (one_in(4) ? choose_(4) : 3) << 6;
    bits |= (one_in(8) ? choose_(4) : 15) << 2;
    bits |= choose_(4) << 8 | choose_(16) << 55;
    if (one_in(3))
        bits |= choose_(4) << 53;
    if (options_.hardware_updates)
        bits = (bits & ~(std::uint64_t{1} << 10)) | choose_(2) << 10 | choose_(2) << 51;
    return bits;
}

void generator::map_at_random(table_tree& tree, window outputs, bool stage2) {
    const auto& layout = tree.layout();
    const std::uint64_t reach = std::uint64_t{1} << layout.input_bits;
    const auto levels = leaf_levels(layout.granule, layout.start_level);
    const unsigned runs = 1 + static_cast<unsigned>(choose_(options_.mappings));
    std::uint64_t last_end = 0;
    for (unsigned run = 0; run < runs; ++run) {
        const unsigned level = pick(levels);
        const unsigned size_bits = table_tree::level_bits(layout.granule, level);
        const std::uint64_t size = std::uint64_t{1} << size_bits;
        unsigned count = 1 + static_cast<unsigned>(choose_(3));
        std::uint64_t alignment = size;
        // Contiguous sets (Arm ARM D8.6): 16 for 4K; 128 pages or 32 blocks for 16K; 32 for 64K.
        unsigned set = layout.granule == granule_size::kib4 ? 16 : 32;
        if (layout.granule == granule_size::kib16 && level == 3)
            set = 128;
        const bool contiguous = one_in(6) && set * size <= reach && set * size <= outputs.bytes;
        if (contiguous) {
            count = set;
            alignment = set * size;
        }
        const std::uint64_t slots = reach / alignment;
        std::uint64_t input = 0;
        switch (choose_(4)) {
        case 0:
            input = align_down(last_end, alignment); // beside the last run
            break;
        case 1:
            input = alignment * (slots - 1 - choose_(std::min<std::uint64_t>(slots, 4)));
            break;
        case 2:
            input = alignment * choose_(std::min<std::uint64_t>(slots, 64));
            break;
        default:
            input = alignment * choose_(slots);
        }
        if (input >= reach)
            input = 0;
        const std::uint64_t output = place(outputs, alignment);
        while (!contiguous && count > 1 && output + count * size > outputs.base + outputs.bytes)
            --count;
        const std::uint64_t bits = stage2 ? stage2_leaf_bits() : stage1_leaf_bits();
        if (contiguous || one_in(2)) {
            tree.map(input, output, level, count, bits, stage2 ? 0 : stage1_table_bits(), contiguous);
        } else { // scattered outputs, each with its own attributes
            for (unsigned k = 0; k < count; ++k)
                tree.map(input + k * size, place(outputs, size), level, 1,
                         stage2 ? stage2_leaf_bits() : stage1_leaf_bits(), stage2 ? 0 : stage1_table_bits(), false);
        }
        last_end = input + count * size;
    }
}

void generator::make_stage2(bool nested) {
    const features& implemented = options_.implemented;
    stage2_context context;
    context.s2tg = pick(options_.granules);
    const bool large = context.s2tg == granule_size::kib64 && implemented.oas_bits == 52;
    const unsigned smallest = std::max(large ? 12u : 16u, 64 - implemented.ias_bits);
    // Nested: 4 GiB at least, so that tables and outputs have their place.
    context.s2t0sz = smallest + static_cast<unsigned>(choose_((nested ? 32 : 39) - smallest + 1));
    std::vector<unsigned> start_codes;
    for (unsigned code = 0; code < 4; ++code) {
        context.s2sl0 = code;
        if (configuration_error(context, implemented).empty())
            start_codes.push_back(code);
    }
    context.s2sl0 = start_codes.empty() ? 1 : pick(start_codes);
    const std::uint64_t end =
        std::max(options_.table_base + options_.table_bytes, options_.output_base + options_.output_bytes);
    context.s2ps_bits = pick_size(bits_needed(end - 1));
    context.s2affd = one_in(5);
    context.s2ptw = one_in(3);
    if (options_.hardware_updates) {
        context.s2ha = choose_(2) != 0;
        context.s2hd = context.s2ha && choose_(2) != 0;
    }
    context.vmid = static_cast<std::uint16_t>(choose_(8));
    const auto level = stage2_start_level(context.s2tg, context.s2sl0, implemented);
    stage2_ = std::make_unique<table_tree>(
        table_tree::shape{context.s2tg, level.value_or(3), 64 - context.s2t0sz, implemented.oas_bits == 52, 0},
        result_.memory, allocator_);
    context.s2ttb = stage2_->root();
    result_.stage2 = context;
    if (!nested) {
        map_at_random(*stage2_, {options_.output_base, options_.output_bytes}, true);
        return;
    }
    // Tables in one half of the IPA space that both stages reach, outputs in the other.
    const unsigned ipa_bits = 64 - context.s2t0sz;
    const std::uint64_t half = std::uint64_t{1} << (std::min(ipa_bits, 48u) - 1);
    const bool tables_above = choose_(2) != 0;
    const std::uint64_t block = std::uint64_t{1} << 25; // so that stage 2 blocks of 2 MiB and 32 MiB can hold tables
    const std::uint64_t room = half - options_.table_bytes - block;
    const std::uint64_t table_ipa =
        (tables_above ? half : 0) + align_down(choose_(room), block) + options_.table_base % block;
    result_.table_ipa_offset = table_ipa - options_.table_base;
    ipa_outputs_.bytes = std::min<std::uint64_t>(options_.output_bytes, 0x400'0000);
    ipa_outputs_.base =
        (tables_above ? 0 : half) + align_down(choose_(half - ipa_outputs_.bytes), std::uint64_t{1} << 16);
}

std::unique_ptr<table_tree> generator::stage1_tree(granule_size granule, unsigned tsz) {
    auto tree =
        std::make_unique<table_tree>(table_tree::shape{granule, stage1_start_level(granule, tsz), 64 - tsz,
                                                       options_.implemented.oas_bits == 52, result_.table_ipa_offset},
                                     result_.memory, allocator_);
    map_at_random(*tree, result_.stage2 ? ipa_outputs_ : window{options_.output_base, options_.output_bytes}, false);
    return tree;
}

void generator::make_stage1() {
    stage1_context context;
    const auto pick_tsz = [&](granule_size granule) -> unsigned {
        const unsigned smallest = granule == granule_size::kib64 && options_.implemented.va_52 ? 12 : 16;
        return one_in(3) ? smallest : smallest + static_cast<unsigned>(choose_(39 - smallest + 1));
    };
    context.tg0 = pick(options_.granules);
    context.tg1 = pick(options_.granules);
    context.t0sz = pick_tsz(context.tg0);
    context.t1sz = pick_tsz(context.tg1);
    context.epd0 = one_in(12);
    context.epd1 = one_in(4);
    context.tbi0 = one_in(3);
    context.tbi1 = one_in(3);
    context.had0 = one_in(5);
    context.had1 = one_in(5);
    context.affd = one_in(5);
    context.wxn = one_in(5);
    context.pan = one_in(5);
    if (options_.hardware_updates) {
        context.ha = choose_(2) != 0;
        context.hd = context.ha && choose_(2) != 0;
    }
    context.asid = static_cast<std::uint16_t>(choose_(8));
    std::uint64_t end = std::max(options_.table_base + options_.table_bytes + result_.table_ipa_offset,
                                 options_.output_base + options_.output_bytes);
    if (result_.stage2)
        end = std::max(options_.table_base + options_.table_bytes + result_.table_ipa_offset,
                       ipa_outputs_.base + ipa_outputs_.bytes);
    context.ips_bits = pick_size(bits_needed(end - 1));
    const window outputs = result_.stage2 ? ipa_outputs_ : window{options_.output_base, options_.output_bytes};
    if (!context.epd0) {
        lower_ = stage1_tree(context.tg0, context.t0sz);
        context.ttb0 = lower_->root();
        add_inputs(*lower_, outputs, 0, context.tbi0);
    }
    if (!context.epd1) {
        upper_ = stage1_tree(context.tg1, context.t1sz);
        context.ttb1 = upper_->root();
        add_inputs(*upper_, outputs, ~std::uint64_t{0} << (64 - context.t1sz), context.tbi1);
    }
    result_.stage1 = context;
}

// Stage 2 for the pages that stage 1 tables are in, and for pieces of what stage 1 puts out.
void generator::map_stage1_through_stage2() {
    const granule_size granule = stage2_->layout().granule;
    const auto levels = leaf_levels(granule, stage2_->layout().start_level);
    const std::uint64_t page = std::uint64_t{1} << static_cast<unsigned>(granule);
    const std::uint64_t offset = result_.table_ipa_offset;
    constexpr std::uint64_t sound =
        std::uint64_t{0b1111} << 2 | 3 << 6 | 3 << 8 | 1 << 10; // Normal, read and write, AF
    const auto map_table = [&](std::uint64_t physical, std::uint64_t bits) {
        const unsigned level = pick(levels);
        const std::uint64_t size = std::uint64_t{1} << table_tree::level_bits(granule, level);
        const std::uint64_t start = align_down(physical, size);
        const bool block_fits = start >= options_.table_base && (start + offset) % size == 0 &&
                                start + size <= options_.table_base + options_.table_bytes;
        if (!block_fits || !stage2_->map(start + offset, start, level, 1, bits, 0, false))
            stage2_->map(align_down(physical + offset, page), align_down(physical, page), 3, 1, bits, 0, false);
    };
    if (result_.free_table_page != 0) {
        for (std::uint64_t at = 0; at < 0x1'0000; at += page)
            map_table(result_.free_table_page + at, sound);
    }
    stage2_entries_kept_ = stage2_->entries().size();
    for (const auto* tree : {lower_.get(), upper_.get()}) {
        if (!tree)
            continue;
        const std::uint64_t ones_above = tree == upper_.get() ? ~std::uint64_t{0} << tree->layout().input_bits : 0;
        const std::uint64_t table_bytes = std::uint64_t{1} << static_cast<unsigned>(tree->layout().granule);
        for (const std::uint64_t table : tree->tables()) {
            if (one_in(40))
                continue; // a hole in stage 2
            const std::uint64_t bits = one_in(12) ? stage2_leaf_bits() : sound;
            for (std::uint64_t at = 0; at < table_bytes; at += page)
                map_table(table + at, bits);
        }
        for (const auto& leaf : tree->leaves()) {
            const std::uint64_t first = std::max(leaf.output, ipa_outputs_.base);
            const std::uint64_t last = std::min(leaf.output + leaf.size_bytes, ipa_outputs_.base + ipa_outputs_.bytes);
            if (first >= last)
                continue;
            const std::uint64_t ends = one_in(8) ? 0 : 1 + choose_(3);
            for (std::uint64_t piece = 0; piece < ends; ++piece) {
                const std::uint64_t ipa = piece == 0 ? first : first + choose_(last - first);
                const unsigned level = pick(levels);
                const std::uint64_t size = std::uint64_t{1} << table_tree::level_bits(granule, level);
                stage2_->map(align_down(ipa, size), place({options_.output_base, options_.output_bytes}, size), level,
                             1, stage2_leaf_bits(), 0, false);
                result_.inputs.push_back((leaf.input + (ipa - leaf.output)) | ones_above);
            }
        }
    }
}

void generator::corrupt(table_tree& tree, std::size_t first_entry) {
    if (!options_.garbage || tree.entries().size() <= first_entry)
        return;
    for (std::uint64_t left = choose_(4); left > 0; --left) {
        const auto& entry = tree.entries()[first_entry + choose_(tree.entries().size() - first_entry)];
        if (entry.contiguous)
            continue; // a set that disagrees with itself is CONSTRAINED UNPREDICTABLE
        std::uint64_t& word = result_.memory[entry.address];
        switch (choose_(7)) {
        case 0:
            word &= ~std::uint64_t{1};
            break;
        case 1: // reserved at level 3 and where there are no blocks; else a block at the table's address
            word &= ~std::uint64_t{2};
            break;
        case 2:
            word |= std::uint64_t{1} << (40 + choose_(8));
            if (tree.layout().granule == granule_size::kib64 && tree.layout().lpa)
                word |= choose_(16) << 12;
            break;
        case 3: // a loop through the tree's own tables
            if (entry.level < 3)
                word = tree.table_descriptor(pick(tree.tables()));
            break;
        case 4:
            if (entry.level < 3)
                word = tree.table_descriptor(options_.hole_base - tree.layout().offset);
            break;
        case 5: // anything at all, but the Contiguous bit
            word = choose_(std::uint64_t{1} << 32) | choose_(std::uint64_t{1} << 20) << 32 |
                   choose_(std::uint64_t{1} << 11) << 53;
            break;
        default:
            word ^= std::uint64_t{1} << (entry.level == 3 ? 10 : 62);
        }
    }
}

void generator::add_inputs(const table_tree& tree, window outputs, std::uint64_t ones_above, bool tbi) {
    const unsigned input_bits = tree.layout().input_bits;
    auto& inputs = result_.inputs;
    const auto add = [&](std::uint64_t low) {
        const std::uint64_t address = low | ones_above;
        inputs.push_back(address);
        if (tbi && one_in(3))
            inputs.push_back((address & ~(std::uint64_t{0xff} << 56)) | choose_(256) << 56);
    };
    for (const auto& leaf : tree.leaves()) {
        const std::uint64_t last = leaf.size_bytes - 1;
        add(leaf.input);
        add(leaf.input + last);
        add(leaf.input + choose_(leaf.size_bytes));
        if (leaf.input != 0)
            add(leaf.input - 1);
        if ((leaf.input + last + 1) >> input_bits == 0)
            add(leaf.input + last + 1);
        if (leaf.output < outputs.base && outputs.base - leaf.output <= last) {
            const std::uint64_t skip = outputs.base - leaf.output;
            add(leaf.input + skip);
            add(leaf.input + skip + choose_(std::min(outputs.bytes, leaf.size_bytes - skip)));
        }
    }
    const std::uint64_t reach = std::uint64_t{1} << input_bits;
    add(0);
    add(reach - 1);
    add(choose_(reach));
    // Out of range: one bit beyond, and a sign that is not extended.
    inputs.push_back(reach ^ ones_above);
    inputs.push_back((ones_above ^ (std::uint64_t{1} << (input_bits + choose_(64 - input_bits)))) | choose_(reach));
}

void generator::spoil_configuration() {
    if (result_.stage1 && choose_(2) != 0) {
        auto& context = *result_.stage1;
        switch (choose_(3)) {
        case 0:
            context.t0sz = 40 + static_cast<unsigned>(choose_(20));
            break;
        case 1:
            context.t1sz = static_cast<unsigned>(choose_(12));
            break;
        default:
            context.ttb0 |= std::uint64_t{1} << 51;
        }
    }
    if (result_.stage2 && choose_(2) != 0) {
        auto& context = *result_.stage2;
        if (choose_(2) == 0)
            context.s2sl0 = static_cast<unsigned>(choose_(4));
        else
            context.s2t0sz = static_cast<unsigned>(choose_(64));
        // When that is still legal, the tree is read in a way it was not written for, which is garbage too.
    }
}

generated_tables generator::run() {
    const bool nested = options_.translation == stages::nested;
    if (const auto page = allocator_.take(0x1'0000, 0x1'0000))
        result_.free_table_page = *page;
    if (options_.translation != stages::stage1)
        make_stage2(nested);
    if (options_.translation != stages::stage2)
        make_stage1();
    if (nested)
        map_stage1_through_stage2();
    if (options_.translation == stages::stage2)
        add_inputs(*stage2_, {options_.output_base, options_.output_bytes}, 0, false);
    if (stage2_)
        corrupt(*stage2_, stage2_entries_kept_);
    for (auto* tree : {lower_.get(), upper_.get()}) {
        if (tree)
            corrupt(*tree, 0);
    }
    for (const std::uint64_t anywhere : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 55})
        result_.inputs.push_back(anywhere);
    if (options_.bad_configuration && one_in(8))
        spoil_configuration();
    return std::move(result_);
}

} // namespace

chooser choose_with(std::mt19937_64& engine) {
    return [&engine](std::uint64_t bound) -> std::uint64_t { return bound <= 1 ? 0 : engine() % bound; };
}

generated_tables generate_tables(const chooser& choose, const generator_options& options) {
    return generator(choose, options).run();
}

memory_reader reader_of(const generated_tables& tables, const generator_options& options) {
    return [&tables, &options](std::uint64_t address) -> std::optional<std::uint64_t> {
        const auto word = tables.memory.find(address);
        if (word != tables.memory.end())
            return word->second;
        const bool table = address - options.table_base < options.table_bytes;
        const bool output = address - options.output_base < options.output_bytes;
        return table || output ? std::optional<std::uint64_t>(0) : std::nullopt;
    };
}

outcome walk(const generated_tables& tables, const generator_options& options, const request& access) {
    const auto read = reader_of(tables, options);
    if (tables.stage1 && tables.stage2)
        return walk_nested(*tables.stage1, *tables.stage2, options.implemented, read, access);
    if (tables.stage1)
        return walk_stage1(*tables.stage1, options.implemented, read, access);
    return walk_stage2(*tables.stage2, options.implemented, read, access);
}

} // namespace iommulab::reference
