// SPDX-License-Identifier: Apache-2.0
// What a platform needs to know of an IOMMU to describe it and to make one.
#pragma once

#include "models/core/iommu_module.h"
#include "models/core/iommu_parameters.h"
#include "models/core/parameters.h"
#include "models/core/registers.h"
#include "traces/number.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iommulab::platforms {

struct model_parameter {
    std::string name;
    std::string unit;
    std::string source;
    std::uint64_t default_value;
    std::uint64_t minimum, maximum;
    std::vector<std::string_view> choices; ///< with unit "choice": value n is choices[n]

    /// A value as its unit has it: a choice's word, a number.
    [[nodiscard]] std::string text_of(std::uint64_t value) const {
        if (value < choices.size())
            return std::string(choices[value]);
        const bool bits = unit == "1" && (maximum == 0xffffffff || maximum == ~std::uint64_t{0}); // a whole register
        return bits ? traces::hex(value) : std::to_string(value);
    }
};

/// How one instance differs from the model's defaults: the preset first, then the parameters by name.
struct model_options {
    std::string preset; ///< empty: the defaults
    std::vector<std::pair<std::string, std::uint64_t>> parameters;
    std::map<std::uint64_t, std::uint64_t> reset_values; ///< of registers, by offset: whole, or 32 bits each
    unsigned ports = 1;
    simulation_mode mode = simulation_mode::cycle_approximate;
    bool doorbell = false; ///< the platform takes interrupt messages
};

class iommu_model {
  public:
    virtual ~iommu_model() = default;
    [[nodiscard]] virtual const char* name() const = 0;  ///< "smmu_v3"
    [[nodiscard]] virtual const char* title() const = 0; ///< "Arm SMMUv3"
    /// As recordings and vectors call it: "smmuv3".
    [[nodiscard]] virtual const char* recorded_name() const = 0;
    /// What fits into the field in which its bus says who asks.
    [[nodiscard]] virtual unsigned source_id_bits() const = 0;
    [[nodiscard]] virtual std::string models() const = 0;   ///< what it models, in plain sentences
    [[nodiscard]] virtual std::string does_not() const = 0; ///< and what it does not
    [[nodiscard]] virtual std::vector<model_parameter> parameters() const = 0;
    [[nodiscard]] virtual std::vector<preset> presets() const = 0;
    [[nodiscard]] virtual std::span<const register_declaration> registers() const = 0;
    [[nodiscard]] virtual std::uint64_t register_space_bytes() const = 0;
    /// Throws parameter_error for what create() would refuse.
    virtual void check(const model_options& options) const = 0;
    /// Makes one. Throws parameter_error for an unknown preset or parameter, and for a value out of its range.
    [[nodiscard]] virtual std::unique_ptr<iommu_module> create(const char* instance,
                                                               const model_options& options) const = 0;
};

/// All models, in the order in which `iommulab models` shows them.
std::span<const iommu_model* const> iommu_models();
/// One more, kept elsewhere; it must live as long as the list is used, and come before anything is made of it. Throws
/// std::invalid_argument for a name that is taken.
void add_iommu_model(const iommu_model& model);
/// By name, or by the name that recordings use; null when there is none.
const iommu_model* find_iommu_model(std::string_view name);

/// Throws parameter_error that names the cache when its entries, ways and policy don't go together.
void check_cache(const std::string& name, const cache_parameters& p);

} // namespace iommulab::platforms
