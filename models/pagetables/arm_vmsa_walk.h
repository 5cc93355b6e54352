// SPDX-License-Identifier: Apache-2.0
// The table walk of VMSAv8-64 (Arm ARM DDI 0487, D8.2 to D8.5 and the AArch64 translation pseudocode): stage 1, stage
// 2, and stage 1 whose every address stage 2 translates. It reports faults as plain values; an IOMMU turns them into
// its events.
//
// It does not: big-endian tables, FEAT_LPA2, FEAT_HAFT, S2FWB, permission indirection, Secure address spaces (NS and
// NSTable are passed on as attributes or ignored), AArch32 formats (UWXN is theirs: in AArch64 what is writable without
// privilege is never executable with it). The Contiguous bit is reported and does not enlarge the result: it enlarges
// what an invalidation of one of the run's addresses takes away.
#pragma once

#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_cache.h"
#include "models/core/walk_context.h"
#include "models/pagetables/arm_vmsa_format.h"

#include <array>
#include <cstdint>

namespace iommulab::arm_vmsa {

/// One of the two input ranges of stage 1: TTBRx_EL1 and its part of TCR_EL1, or their copies in a context descriptor.
struct stage1_range {
    std::uint64_t ttb = 0; ///< address of the first table; low bits that its alignment implies are ignored
    std::uint8_t tsz = 16; ///< TxSZ: the range has 64-tsz input bits (see input_bits_of)
    granule tg = granule::kib_4;
    bool epd = false; ///< EPDx: any input of this range is a translation fault
    bool tbi = false; ///< TBIx: bits 63 to 56 of the input don't count
    bool had = false; ///< HADx: attributes in table descriptors don't count
};

/// How stage 1 translates. The caller has refused what its architecture calls illegal; nothing here depends on that for
/// safety.
struct stage1_regime {
    std::array<stage1_range, 2> range;
    bool two_ranges = true;        ///< false: range[0] alone, one privilege level, UXN is XN (EL2 without VHE, EL3)
    bool affd = false;             ///< AF = 0 is no fault
    bool ha = false;               ///< hardware sets AF
    bool hd = false;               ///< hardware keeps dirty state, where DBM says so; needs ha
    bool wxn = false;              ///< what is writable is not executable
    bool pan = false;              ///< privileged data accesses fault where unprivileged ones may go
    std::uint8_t output_bits = 48; ///< IPS, decoded (address_bits_of)
    std::uint8_t implemented_bits = 48; ///< of physical addresses: OAS
    translation_tag tag;                ///< for the walk caches, and copied into the result
};

/// A stage 1 regime as its walks meet it, with what they need to know of each range worked out once: by whoever decodes
/// the regime, not by every walk.
class stage1_tables {
  public:
    stage1_tables() : stage1_tables(stage1_regime{}) {}
    explicit stage1_tables(const stage1_regime& r);

    /// One of the input ranges.
    struct way {
        table_geometry geometry;
        std::uint64_t first_table;
        std::uint64_t inherits;   ///< attributes that tables pass on to everything below
        std::uint8_t first_reach; ///< input bits below the index of the first level
        bool tbi;
        bool closed;      ///< EPDx: no input has a translation
        bool unreachable; ///< the first table's address is too large

        way(const stage1_range& range, const stage1_regime& r);
    };
    /// `address` as stage 1 sees it: with TBI of its range, bits 63 to 56 are copies of bit 55. For keys of TLBs.
    [[nodiscard]] std::uint64_t without_top_byte(std::uint64_t address) const {
        constexpr std::uint64_t top_byte = 0xffULL << 56;
        if (!way_of(address).tbi)
            return address;
        return (address >> 55) & 1 ? address | top_byte : address & ~top_byte;
    }
    [[nodiscard]] bool is_upper(std::uint64_t address) const { return two_ranges && ((address >> 55) & 1); }
    [[nodiscard]] const way& way_of(std::uint64_t address) const { return ways[is_upper(address)]; }
    /// Rights of a leaf by AP[1] (bit 0), writable (bit 1) and UXN:PXN (bits 3, 2), what tables forbid included.
    [[nodiscard]] std::uint8_t rights_of(unsigned permissions) const { return (*rights_)[permissions]; }

    // as in stage1_regime
    bool two_ranges, affd, ha, hd;
    translation_tag tag;
    std::array<way, 2> ways;

  private:
    const std::array<std::uint8_t, 16>* rights_; ///< of regimes with this WXN, PAN, and number of privilege levels
};

/// How stage 2 translates.
struct stage2_regime {
    std::uint64_t ttb = 0; ///< address of the first table, or of the first of those side by side
    std::uint8_t tsz = 24; ///< the input has 64-tsz bits
    granule tg = granule::kib_4;
    std::uint8_t start_level = 1; ///< from SL0: stage2_start_level(), stage2_geometry_is_legal()
    bool affd = false;
    bool ha = false;
    bool hd = false;
    bool ptw = false; ///< stage 1 tables (and descriptors of the configuration) must not lie in Device memory
    bool xnx = true;  ///< XN has two bits (FEAT_XNX)
    std::uint8_t output_bits = 48; ///< S2PS, decoded
    std::uint8_t implemented_bits = 48;
    translation_tag tag; ///< for the caches of stage 2: space and input-independent parts of the key
};

enum class fault_kind : std::uint8_t { none, translation, address_size, access_flag, permission, external_abort };

/// What was being translated when it happened, with the encoding of CLASS in SMMUv3 events (IHI 0070, 7.3).
enum class fault_class : std::uint8_t { CD = 0, TT = 1, IN = 2 };

struct walk_fault {
    fault_kind kind = fault_kind::none;
    /// IN: the input address. TT: a stage 1 descriptor, whose own fetch was answered with an error (stage = 1), or
    /// whose address stage 2 refused (stage = 2). CD: as the caller of walk_stage2 said.
    fault_class what = fault_class::IN;
    std::uint8_t stage = 0; ///< 1 or 2
    std::uint8_t level =
        0; ///< of the descriptor at fault; 0 when the input or the first table's address is out of range
    bool on_update = false;          ///< it was the hardware's own write of AF or dirty state that failed
    bool from_table = false;         ///< address_size: a table's address is too large, not a leaf's output
    std::uint64_t ipa = 0;           ///< stage 2: the address that stage 2 was to translate, all bits
    std::uint64_t fetch_address = 0; ///< external_abort: physical address of the descriptor
};

/// The end of a walk. Without a fault `page` is the leaf's page or block; nested: the part of it over which both stages
/// are linear. `page.allowed` are the rights of both stages together; a page that is writable but clean (DBM) is
/// without the rights to write, so that the first write walks and marks it. `page.attributes`: see namespace
/// attributes. `page.global`: nG = 0.
struct walk_result {
    translation page;
    walk_fault fault;
    [[nodiscard]] bool ok() const { return fault.kind == fault_kind::none; }
};

/// Caches that a walk may use; each may be null.
struct walk_caches {
    walk_cache_set* stage1 = nullptr;
    walk_cache_set* stage2 = nullptr;
    second_stage_cache* intermediate = nullptr; ///< whole translations of stage 2
};

/// Stage 1 alone, or with `stage2` both: then the addresses in stage 1 tables, and its output, are intermediate. The
/// right that `a` needs is checked; `page.input_base` is a part of `a.address` as given, with its top byte. The value
/// is that of ok(). Whatever is passed by reference, but for `tables` and `caches`, must outlive the walk, which writes
/// `page` and `why`, fresh from their constructors, in place since a copy would cost as much as reading a level. Reads
/// that are answered at once are made by the call itself; if all are, the walk has ended when it returns.
walk<bool> walk_stage1(walk_context& context, const stage1_tables& tables, const access& a, translation& page,
                       walk_fault& why, const walk_caches& caches = {}, const stage2_regime* stage2 = nullptr);

struct stage2_request {
    std::uint64_t ipa = 0;
    std::uint8_t needed = 0; ///< rights bits; 0 checks none
    fault_class what = fault_class::IN;
    bool only_stage = false; ///< for time sheets: levels count as walk_level_n, not as stage2_level_n
    bool on_update = false;  ///< on behalf of an update of a stage 1 descriptor; passed on to the fault
};

/// Stage 2 alone, for streams that have no stage 1, and for what else has an intermediate address (context
/// descriptors).
walk<bool> walk_stage2(walk_context& context, const stage2_regime& regime, stage2_request request, translation& page,
                       walk_fault& why, walk_caches caches = {});

/// Lost races for one descriptor after which the walk gives up with an external abort (assumption: the architecture
/// asks for progress and sets no bound).
inline constexpr unsigned update_attempts = 64;

const char* name_of(fault_kind kind); ///< "translation", "access_flag"

} // namespace iommulab::arm_vmsa
