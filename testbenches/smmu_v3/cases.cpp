// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/cases.h"

#include "models/smmu_v3/spec/registers.h"
#include "testbenches/harness/in_flight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <sstream>

namespace iommulab::harness {

namespace ref = iommulab::reference;

smmu_v3::id_registers id_registers_of(const ref::features& f) {
    using namespace smmu_v3;
    constexpr unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52};
    id_registers id;
    const auto put = [](std::uint32_t& word, const bit_field& field, std::uint64_t value) {
        word = static_cast<std::uint32_t>(field.put(word, value));
    };
    put(id.IDR5, idr5::OAS,
        static_cast<std::uint64_t>(std::find(std::begin(sizes), std::end(sizes), f.oas_bits) - std::begin(sizes)));
    put(id.IDR5, idr5::VAX, f.va_52);
    put(id.IDR3, idr3::STT, f.small_translation_tables);
    put(id.IDR3, idr3::XNX, f.xnx);
    return id;
}

std::vector<memory_range> memory_of(const ref::generator_options& o) {
    return {{o.table_base, o.table_bytes, "tables"}, {o.output_base, o.output_bytes, "outputs"}};
}

ref::features feature_set(unsigned n) {
    constexpr unsigned sizes[feature_sets] = {48, 52, 40, 44};
    ref::features f;
    f.oas_bits = f.ias_bits = sizes[n];
    f.va_52 = n == 1;
    f.small_translation_tables = n == 2;
    f.xnx = n != 3;
    return f;
}

smmu_v3::smmu_parameters small_parameters(const ref::chooser& choose, unsigned ports) {
    smmu_v3::smmu_parameters p;
    shrink(p, choose, ports);
    shrink(p.configuration_cache, choose);
    shrink(p.intermediate_cache, choose);
    for (auto* levels : {&p.stage1_walk_cache, &p.stage2_walk_cache})
        for (unsigned level = 0; level < 3; ++level)
            shrink((*levels)[level], choose);
    return p;
}

ref::stream_program random_program(const ref::chooser& choose, ref::stages translation,
                                   const ref::features& implemented) {
    ref::stream_program p;
    p.options.translation = translation;
    p.options.implemented = implemented;
    p.options.hardware_updates = choose(2) == 1;
    p.options.garbage = choose(4) != 0;
    p.options.bad_configuration = choose(3) == 1;
    p.tables = ref::generate_tables(choose, p.options);
    p.stream_id = static_cast<std::uint32_t>(choose(std::uint64_t{1} << machine_layout::strtab_log2));
    p.cd_aborts = choose(3) != 1;
    p.cd_records = choose(8) != 1;
    p.stage2_records = choose(8) != 1;
    return p;
}

void load(smmu_v3_machine& m, const ref::stream_program& p) {
    for (const auto& [address, word] : p.tables.memory)
        m.ddr.store().write_u64(address, word);
    if (p.tables.stage1)
        m.write_words(p.tables.free_table_page, p.context_descriptor());
    m.write_ste(p.stream_id, p.stream_table_entry());
    m.enable();
}

device_access random_access(const ref::chooser& choose, const ref::stream_program& p, std::uint64_t input) {
    device_access a;
    a.source_id = p.stream_id;
    a.address = input;
    a.write = choose(3) == 1;
    a.instruction = choose(5) == 1;
    a.privileged = choose(2) == 1;
    constexpr std::uint64_t sizes[] = {8, 1, 64, 3, 256, 4096};
    std::uint64_t bytes = sizes[choose(std::size(sizes))];
    if (choose(4) == 1) // across an edge, if there is one
        a.address -= std::min(a.address, choose(bytes));
    bytes = std::min(bytes, ~a.address == 0 ? 1 : ~a.address); // not around the end of the address space
    a.data.resize(bytes);
    for (unsigned char& b : a.data)
        b = static_cast<unsigned char>(1 + choose(255)); // never 0: a stray write shows in fresh memory
    return a;
}

ref::memory_view view_of(const smmu_v3_machine& m) {
    return {[&m](std::uint64_t address) {
                return m.exists(address, 8) ? std::optional(m.ddr.store().read_u64(address)) : std::nullopt;
            },
            [&m](std::uint64_t address, std::uint64_t bytes) { return m.exists(address, bytes); }};
}

ref::expectation expect(const smmu_v3_machine& m, const ref::stream_program& p, const device_access& a) {
    return ref::expect(p, view_of(m),
                       {{a.address, a.write, a.instruction, a.privileged}, static_cast<std::uint32_t>(a.data.size())});
}

// --- memory as it must be

shadow_memory::shadow_memory(smmu_v3_machine& m, const ref::stream_program& p) : m_(m), p_(p) {
    for (const auto& [address, word] : p.tables.memory)
        store_.write_u64(address, word);
    if (p.tables.stage1) {
        const auto words = p.context_descriptor();
        for (unsigned n = 0; n < words.size(); ++n)
            store_.write_u64(p.tables.free_table_page + 8 * n, words[n]);
    }
}

void shadow_memory::prepare(const ref::chooser& choose, const ref::expectation& e, const device_access& a) {
    if (a.write)
        return;
    for (const auto& piece : e.pieces) {
        if (!piece.exists)
            continue;
        for (std::uint32_t n = 0; n < piece.bytes; ++n) {
            const auto byte = static_cast<unsigned char>(choose(256));
            m_.ddr.store().write(piece.output + n, &byte, 1);
            store_.write(piece.output + n, &byte, 1);
        }
    }
}

void shadow_memory::apply(const ref::expectation& e, const device_access& a) {
    std::size_t done = 0;
    for (const auto& piece : e.pieces) {
        if (a.write && piece.exists)
            store_.write(piece.output, a.data.data() + done, piece.bytes);
        done += piece.bytes;
    }
}

std::vector<unsigned char> shadow_memory::read(const ref::expectation& e, std::size_t bytes) const {
    std::vector<unsigned char> data(bytes);
    std::size_t done = 0;
    for (const auto& piece : e.pieces) {
        if (piece.exists)
            store_.read(piece.output, data.data() + done, piece.bytes);
        done += piece.bytes;
    }
    return data;
}

void shadow_memory::expect_updates(const ref::expectation& e) {
    const auto text = [](const ref::descriptor_update& u, std::uint64_t found) {
        std::ostringstream out;
        out << std::hex << "descriptor at 0x" << u.address << ": found 0x" << found << ", before 0x" << u.before
            << ", updated 0x" << u.after;
        return out.str();
    };
    // Several accesses may each have set its own bits of one descriptor.
    const auto adopt = [&](const ref::descriptor_update& u, std::uint64_t found) {
        const std::uint64_t may_change = u.after ^ u.before;
        store_.write_u64(u.address, (store_.read_u64(u.address) & ~may_change) | (found & may_change));
    };
    for (const auto& u : e.updates) {
        const std::uint64_t found = m_.ddr.store().read_u64(u.address);
        EXPECT_EQ((found ^ u.after) & (u.after ^ u.before), 0U) << text(u, found);
        adopt(u, found);
    }
    for (const auto& u : e.permitted_updates)
        adopt(u, m_.ddr.store().read_u64(u.address));
}

void shadow_memory::expect_same() const {
    expect_same(p_.options.table_base, p_.options.table_bytes);
    expect_same(p_.options.output_base, p_.options.output_bytes);
}

void shadow_memory::expect_same(std::uint64_t base, std::uint64_t bytes) const {
    static const std::array<unsigned char, sparse_store::page_bytes> zeros{};
    for (std::uint64_t at = base; at < base + bytes; at += sparse_store::page_bytes) {
        const unsigned char* got = m_.ddr.store().find_page_of(at);
        const unsigned char* want = store_.find_page_of(at);
        if (!got && !want)
            continue;
        got = got ? got : zeros.data();
        want = want ? want : zeros.data();
        if (std::memcmp(got, want, sparse_store::page_bytes) == 0)
            continue;
        const auto [g, w] = std::mismatch(got, got + sparse_store::page_bytes, want);
        ADD_FAILURE() << std::hex << "memory at 0x" << at + static_cast<std::uint64_t>(g - got) << ": found 0x"
                      << unsigned(*g) << ", expected 0x" << unsigned(*w);
        return;
    }
}

void expect_answer(const ref::expectation& e, const device_access& a, const shadow_memory& shadow) {
    ASSERT_TRUE(a.done);
    EXPECT_EQ(a.status, e.ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
    if (a.write || !e.ok)
        return;
    EXPECT_EQ(a.data, shadow.read(e, a.data.size())); // zero where nothing was read
}

std::string text_of(const device_access& a) {
    std::ostringstream out;
    out << (a.write ? "write" : "read") << (a.instruction ? ", instruction" : "")
        << (a.privileged ? ", privileged" : "") << ", " << a.data.size() << " bytes at 0x" << std::hex << a.address
        << " of stream 0x" << a.source_id;
    return out.str();
}

std::string text_of(const smmu_v3_machine::event_record& r) {
    std::ostringstream raw;
    raw << std::hex;
    for (const std::uint64_t w : r)
        raw << " 0x" << w;
    return smmu_v3::describe_event(r) + " (" + raw.str() + " )";
}

void case_tally::count(const ref::expectation& e) {
    ++accesses;
    ++outcomes[ref::to_string(e.last.fault)];
    split += e.pieces.size() > 1;
    recorded += e.record.has_value();
    updated += !e.updates.empty();
}

void case_tally::expect_variety() const {
    if (::testing::Test::HasFailure())
        return; // not all cases ran
    for (const auto* fault :
         {"none", "translation", "address_size", "access_flag", "permission", "walk_external_abort"})
        EXPECT_TRUE(outcomes.contains(fault)) << fault << " never came up in " << accesses << " accesses";
    EXPECT_GT(split, 0U);
    EXPECT_GT(recorded, 0U);
    EXPECT_GT(updated, 0U);
}

} // namespace iommulab::harness
