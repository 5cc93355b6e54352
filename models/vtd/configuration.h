// SPDX-License-Identifier: Apache-2.0
// What software says of a requester: from source-id and PASID through root, context, PASID directory and PASID table
// entries to the tables that a walk takes (VT-d specification, "DMA Remapping", "Translation Structure Formats"). No
// SystemC.
#pragma once

#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_context.h"
#include "models/pagetables/vtd_second_stage_walk.h"
#include "models/pagetables/x86_64_walk.h"
#include "models/vtd/features.h"
#include "models/vtd/spec/faults.h"
#include "models/vtd/spec/registers.h"
#include "models/vtd/spec/structures.h"

#include <cstdint>
#include <span>

namespace iommulab::vtd {

/// Values of translation_tag::regime: which tables made a translation. The bits above tell apart what shares domain and
/// PASID but must not share entries all the same.
namespace regime {
inline constexpr std::uint8_t second_stage = 0, first_stage = 1, nested = 2;
inline constexpr std::uint8_t bypass = 3; ///< of translations that no table made
inline constexpr std::uint8_t kind_mask = 3;
inline constexpr bit_field levels{"levels", 2, 2}; ///< less two, of the second stage; of a first stage alone less three
inline constexpr bit_field WPE{"WPE", 4, 1}, NXE{"NXE", 5, 1};
/// Requests without PASID have the rights that RID_PRIV gives them, whatever they say of themselves.
inline constexpr bit_field requests{"requests", 6, 2};
inline constexpr std::uint8_t with_pasid = 0, without_pasid = 1, without_pasid_privileged = 2;
constexpr std::uint8_t kind(std::uint8_t r) {
    return r & kind_mask;
}
} // namespace regime

/// How the requests of a requester, and with PASIDs of an address space, are translated: what the context cache (legacy
/// mode) and the PASID cache (scalable mode) hold.
struct request_configuration {
    enum class action : std::uint8_t { pass_through, second_stage, first_stage, nested };
    action what = action::pass_through;
    bool scalable = false;
    bool fault_disabled = false; ///< FPD in an entry on the way
    bool device_tlb = false;     ///< TT = 01b, DTE: translated requests and translation requests may come
    bool execute_requests = false, supervisor_requests = false; ///< ERE, SRE
    translation_tag tag;                                        ///< of the translations that come of it
    x86_64::regime first;
    vtd_second_stage::regime second;
};

/// A context entry, checked: what the context cache holds.
struct context_configuration {
    request_configuration request; ///< legacy mode: complete. Scalable mode: what PASID entries don't say
    bool pasids = false;           ///< PASIDE
    bool rid_privileged = false;   ///< RID_PRIV
    std::uint32_t rid_pasid = 0;
    unsigned log2_directory_entries = 0;
    std::uint64_t pasid_directory = 0;

    /// By second-stage tables alone, whoever asks?
    [[nodiscard]] bool translates_plainly() const {
        return !request.scalable && request.what == request_configuration::action::second_stage;
    }
    [[nodiscard]] bool has_pasid(std::uint32_t pasid) const {
        return pasid >> (log2_directory_entries + pasid_directory_entry::log2_pasids) == 0;
    }
};

/// Checks and decodes a context entry of legacy mode: none, context_not_present, _reserved or _invalid. `into` gets
/// FPD in any case.
fault_reason decode_context(std::span<const std::uint64_t, 2> words, const features& f, context_configuration& into);
/// The same for scalable mode.
fault_reason decode_sm_context(std::span<const std::uint64_t, 4> words, const features& f, context_configuration& into);
/// Checks and decodes a PASID table entry for requests with `pasid`, on top of what `into` has from the context entry:
/// none, pasid_entry_not_present, _reserved or _invalid.
fault_reason decode_pasid_entry(std::span<const std::uint64_t, 8> words, const features& f, std::uint32_t pasid,
                                request_configuration& into);

/// All that finding a configuration depends on.
struct configuration_source {
    const features& feature;
    std::uint64_t root_table = 0;
    rtaddr::table_mode mode = rtaddr::table_mode::legacy;
};

/// How fetching ended: a reason, and whether FPD of an entry that was read suppresses its record.
struct fetch_result {
    fault_reason reason = fault_reason::none;
    bool fault_disabled = false;
};

/// Reads the context entry of a source-id from memory. `into` is complete when the result's reason is none.
walk<bool> fetch_context(walk_context& context, const configuration_source& source, std::uint32_t source_id,
                         context_configuration& into, fetch_result& result);
/// Reads the PASID entry of `pasid` from the directory that `from` names.
walk<bool> fetch_pasid_entry(walk_context& context, const features& f, const context_configuration& from,
                             std::uint32_t pasid, request_configuration& into, fetch_result& result);

} // namespace iommulab::vtd
