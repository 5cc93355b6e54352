// SPDX-License-Identifier: Apache-2.0
// Every model's declarations: registers keep what their masks let through and name what they keep; parameters have
// unique names, defaults in their range and a source; presets are legal.
#include "models/core/registers.h"
#include "platforms/iommu_model.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace iommulab::platforms {
namespace {

std::uint64_t all_ones(const register_declaration& r) {
    return r.bytes == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * r.bytes) - 1;
}
bool is_alias(const register_declaration& r) {
    return r.alias_of != ~0U;
}

TEST(model_registers, keep_what_their_masks_let_through) {
    for (const iommu_model* model : iommu_models()) {
        register_bank bank(model->registers()); // throws for declarations that contradict themselves
        for (const register_declaration& r : model->registers())
            for (unsigned n = 0; n < (is_alias(r) ? 0 : r.count); ++n) {
                const std::string name = std::string(model->name()) + ' ' + r.name;
                const std::uint32_t at = r.offset + n * r.stride;
                const std::uint64_t fixed = r.reset & ~r.writable & ~r.clears;
                EXPECT_LE(at + r.bytes, model->register_space_bytes()) << name;
                EXPECT_EQ(bank.read(at, r.bytes), r.reset) << name;
                bank.write(at, r.bytes, all_ones(r));
                EXPECT_EQ(bank.read(at, r.bytes), fixed | r.writable) << name;
                bank.write(at, r.bytes, 0);
                EXPECT_EQ(bank.read(at, r.bytes), fixed) << name;
            }
        bank.reset();
        for (const register_declaration& r : model->registers())
            if (!is_alias(r)) {
                EXPECT_EQ(bank.get(r), r.reset) << model->name() << ' ' << r.name;
            }
    }
}

TEST(model_registers, fields_do_not_overlap_and_name_every_bit_that_can_be_written) {
    for (const iommu_model* model : iommu_models())
        for (const register_declaration& r : model->registers()) {
            std::uint64_t seen = 0;
            for (const bit_field& f : r.fields) {
                EXPECT_EQ(seen & f.make(f.mask()), 0U) << model->name() << ' ' << r.name << '.' << f.name;
                seen |= f.make(f.mask());
            }
            EXPECT_EQ(seen & ~all_ones(r), 0U) << model->name() << ' ' << r.name;
            if (!r.fields.empty()) {
                EXPECT_EQ((r.writable | r.clears) & ~seen, 0U) << model->name() << ' ' << r.name;
            }
            EXPECT_EQ(r.writable & r.clears, 0U) << model->name() << ' ' << r.name;
        }
}

TEST(model_registers, are_told_apart_by_name) {
    for (const iommu_model* model : iommu_models()) {
        std::set<std::string_view> names;
        for (const register_declaration& r : model->registers())
            EXPECT_TRUE(names.insert(r.name).second) << model->name() << ' ' << r.name;
    }
}

TEST(model_parameters, have_unique_names_defaults_in_range_and_a_source) {
    for (const iommu_model* model : iommu_models()) {
        std::set<std::string> names;
        for (const model_parameter& p : model->parameters()) {
            const std::string name = std::string(model->name()) + ' ' + p.name;
            EXPECT_TRUE(names.insert(p.name).second) << name;
            EXPECT_GE(p.default_value, p.minimum) << name;
            EXPECT_LE(p.default_value, p.maximum) << name;
            EXPECT_NE(p.source, "") << name;
        }
        EXPECT_NO_THROW(model->check({})) << model->name();
    }
}

TEST(model_parameters, presets_make_what_the_model_can_be) {
    for (const iommu_model* model : iommu_models())
        for (const preset& p : model->presets()) {
            model_options options;
            options.preset = p.name;
            EXPECT_NO_THROW(model->check(options)) << model->name() << ' ' << p.name;
            EXPECT_NE(std::string_view(p.source), "") << model->name() << ' ' << p.name;
        }
}

} // namespace
} // namespace iommulab::platforms
