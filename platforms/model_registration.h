// SPDX-License-Identifier: Apache-2.0
// What the registrations of all IOMMUs do alike. Each IOMMU has one file in platforms/models/ and one line in
// models.cpp.
#pragma once

#include "platforms/iommu_model.h"

namespace iommulab::platforms {

/// The parameter table of a model's configuration struct, as data.
template <class Parameters>
std::vector<model_parameter> describe_parameters(std::span<const parameter<Parameters>> table) {
    const Parameters defaults;
    std::vector<model_parameter> out;
    for (const auto& p : table)
        out.push_back({p.name, p.unit, p.source, p.get(defaults), p.minimum, p.maximum, p.choices});
    return out;
}

/// The configuration that the options ask for.
template <class Parameters>
Parameters configure(std::span<const parameter<Parameters>> table, std::span<const preset> presets,
                     const model_options& options) {
    Parameters p;
    if (!options.preset.empty()) {
        const preset* chosen = nullptr;
        for (const preset& known : presets)
            if (options.preset == known.name)
                chosen = &known;
        if (!chosen)
            throw parameter_error("unknown preset " + options.preset);
        apply(table, p, *chosen);
    }
    for (const auto& [name, value] : options.parameters)
        set_parameter(table, p, name, value);
    return p;
}

/// What is said of a model in words.
struct model_text {
    const char *name, *title, *recorded_name;
    const char *models, *does_not;
    unsigned source_id_bits = 32;
};

/// What all registrations do alike. `Model` is made of a name and its `Parameters`, which derive from iommu_parameters.
template <class Model, class Parameters>
class model_registration : public iommu_model {
  public:
    model_registration(const model_text& text, std::span<const parameter<Parameters>> table,
                       std::span<const preset> presets, std::span<const register_declaration> registers,
                       std::uint64_t register_space_bytes)
        : text_(text), table_(table), presets_(presets), registers_(registers), space_bytes_(register_space_bytes) {}

    [[nodiscard]] const char* name() const override { return text_.name; }
    [[nodiscard]] const char* title() const override { return text_.title; }
    [[nodiscard]] const char* recorded_name() const override { return text_.recorded_name; }
    [[nodiscard]] std::string models() const override { return text_.models; }
    [[nodiscard]] std::string does_not() const override { return text_.does_not; }
    [[nodiscard]] unsigned source_id_bits() const override { return text_.source_id_bits; }
    [[nodiscard]] std::vector<model_parameter> parameters() const override { return describe_parameters(table_); }
    [[nodiscard]] std::vector<preset> presets() const override { return {presets_.begin(), presets_.end()}; }
    [[nodiscard]] std::span<const register_declaration> registers() const override { return registers_; }
    [[nodiscard]] std::uint64_t register_space_bytes() const override { return space_bytes_; }
    void check(const model_options& options) const override {
        const Parameters p = parameters_of(options);
        if (const std::string complaint = complaint_about(p); !complaint.empty())
            throw parameter_error(complaint);
        check_cache("micro_tlb", p.micro_tlb);
        check_cache("tlb", p.tlb);
        check_caches(p);
    }
    [[nodiscard]] std::unique_ptr<iommu_module> create(const char* instance,
                                                       const model_options& options) const override {
        return std::make_unique<Model>(instance, parameters_of(options));
    }

  protected:
    /// Why there can be no such one; empty: there can.
    [[nodiscard]] virtual std::string complaint_about(const Parameters&) const { return {}; }
    /// check_cache() for each cache of the model's own.
    virtual void check_caches(const Parameters&) const {}
    /// Reset values that are parameters, since the model does what they say.
    virtual void take_reset_values(Parameters&, const model_options&) const {}
    /// Of a register of 64 bits: whole at its offset, or in halves.
    static void take_reset_value(const model_options& options, const register_declaration& r, std::uint64_t& value) {
        const auto& values = options.reset_values;
        if (const auto low = values.find(r.offset); low != values.end()) {
            value = low->second;
            if (const auto high = values.find(r.offset + 4); high != values.end())
                value |= high->second << 32;
        }
    }

  private:
    [[nodiscard]] Parameters parameters_of(const model_options& options) const {
        auto p = configure<Parameters>(table_, presets_, options);
        take_reset_values(p, options);
        p.ports = options.ports;
        p.mode = options.mode;
        return p;
    }
    model_text text_;
    std::span<const parameter<Parameters>> table_;
    std::span<const preset> presets_;
    std::span<const register_declaration> registers_;
    std::uint64_t space_bytes_;
};

} // namespace iommulab::platforms
