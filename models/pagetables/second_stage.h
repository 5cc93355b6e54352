// SPDX-License-Identifier: Apache-2.0
// What lies behind first-stage tables when they are nested: something that translates the addresses which they hold and
// give. A first-stage walk knows no more of it than this, so that formats go together freely.
#pragma once

#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_context.h"

#include <algorithm>
#include <cstdint>

namespace iommulab {

class second_stage {
  public:
    /// What an intermediate address is of.
    enum class use : std::uint8_t {
        table,  ///< a first-stage entry that is to be read
        update, ///< one whose accessed or dirty bit is to be written
        output, ///< what the first stage gives for the access itself
    };
    virtual ~second_stage() = default;
    /// Translates `address` into `page`, whose rights include `needed` (rights bits). False: refused; why is kept by
    /// whoever made the object.
    virtual walk<bool> translate(walk_context& context, std::uint64_t address, std::uint8_t needed, use what,
                                 translation& page) = 0;
};

/// `page` goes from the first stage's input to an intermediate address, `second` from there on: it becomes what both
/// say together, around `input`; software goes on to take it back by the first stage's leaf.
inline void combine(translation& page, const translation& second, std::uint64_t input) {
    const std::uint64_t output = second.output(page.output(input));
    page.cut(input, std::min(page.log2_size, second.log2_size));
    page.output_base = output & ~page.offset_mask();
    page.allowed &= second.allowed;
}

} // namespace iommulab
