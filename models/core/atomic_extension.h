// SPDX-License-Identifier: Apache-2.0
// Compare and swap over TLM-2.0, which has no atomic commands: what an IOMMU needs to set accessed and dirty state in a
// table entry that software may be changing.
#pragma once

#include <tlm>

#include <array>
#include <cstdint>

namespace iommulab {

/// Travels on a payload with TLM_IGNORE_COMMAND whose data buffer holds the desired value (4, 8 or 16 bytes, naturally
/// aligned). A target that knows the extension compares memory with `expected`, stores the data buffer when they are
/// equal, puts what it found into `found`, and sets `result`. A target that does not know it neither reads nor writes
/// (IEEE 1666-2011 14.9: that is what the ignore command means) and leaves `result` at `ignored`, whatever its response
/// status: so it is detected, and harmless. The initiator owns the extension, sets it before the call and clears it
/// after.
struct atomic_compare_swap : tlm::tlm_extension<atomic_compare_swap> {
    enum class outcome : std::uint8_t { ignored, swapped, different };

    std::array<unsigned char, 16> expected{}; ///< as many bytes as the payload's data length
    std::array<unsigned char, 16> found{};
    outcome result = outcome::ignored;

    [[nodiscard]] tlm::tlm_extension_base* clone() const override {
        auto* copy = new atomic_compare_swap(*this);
        copy->cloned_ = true;
        return copy;
    }
    void copy_from(const tlm::tlm_extension_base& other) override {
        const auto& o = static_cast<const atomic_compare_swap&>(other);
        expected = o.expected;
        found = o.found;
        result = o.result;
    }
    void free() override {
        if (cloned_)
            delete this; // a deep copy's; any other belongs to the initiator
    }

  private:
    bool cloned_ = false;
};

} // namespace iommulab
