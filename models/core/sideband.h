// SPDX-License-Identifier: Apache-2.0
// The sideband of an access: what a bus carries beside address and data, as one plain TLM extension.
#pragma once

#include "models/core/access.h"
#include "models/core/payload_check.h"

#include <tlm>

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace iommulab {

/// Who asks, and how: everything about an access that is not its address, length or direction. Comparable at once, as
/// 128 bits.
struct requester {
    std::uint32_t source_id = 0; ///< StreamID, requester id (bus<<8|device<<3|function), LIODN, master number
    std::uint32_t pasid = 0;     ///< PASID / SubstreamID, up to 20 bits; valid only with has_pasid
    bool has_pasid = false;
    bool privileged = false;  ///< supervisor access (AxPROT[0], PCIe Privileged Mode Requested)
    bool instruction = false; ///< instruction fetch (AxPROT[2], PCIe Execute Requested)
    bool secure = false;      ///< secure world (AxPROT[1] clear)
    address_type type = address_type::untranslated;
    std::array<std::uint8_t, 3> reserved{};

    [[nodiscard]] std::array<std::uint64_t, 2> bits() const {
        return std::bit_cast<std::array<std::uint64_t, 2>>(*this);
    }
};
static_assert(std::has_unique_object_representations_v<requester> && sizeof(requester) == 16);

/// Attached to a generic payload by a master; an IOMMU reads it, never writes it. It is sticky: a pooled payload keeps
/// it through reset() and release, so that no access allocates one. A payload without it counts as source 0,
/// unprivileged data, non-secure, untranslated.
struct sideband : tlm::tlm_extension<sideband>, requester {
    bool pooled = false; ///< lives inside a pooled payload: free() leaves it alone

    [[nodiscard]] tlm::tlm_extension_base* clone() const override {
        auto* copy = new sideband(*this);
        copy->pooled = false;
        return copy;
    }
    void copy_from(const tlm::tlm_extension_base& other) override {
        const bool mine = pooled;
        *this = static_cast<const sideband&>(other);
        pooled = mine;
    }
    void free() override {
        if (!pooled)
            delete this;
    }

    /// The access that a payload with (or without) a sideband asks for.
    static access describe(const tlm::tlm_generic_payload& payload) {
        const auto* s = payload.get_extension<sideband>();
        return describe(payload, s ? static_cast<const requester&>(*s) : requester{});
    }
    static access describe(const tlm::tlm_generic_payload& payload, const requester& who) {
        return {.address = payload.get_address(),
                .length_bytes = payload.get_data_length(),
                .source_id = who.source_id,
                .pasid = who.pasid,
                .has_pasid = who.has_pasid,
                .write = changes_memory(payload),
                .atomic = compare_swap_of(payload) != nullptr,
                .privileged = who.privileged,
                .instruction = who.instruction,
                .secure = who.secure,
                .type = who.type};
    }
};

} // namespace iommulab
