// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// A slow, literal reading of VMSAv8-64 address translation as an SMMUv3 does it, for tests to compare the model
// against. It knows no cache, no time and nothing of models/. Sources: Arm ARM (DDI 0487) D8, SMMUv3 (IHI
// 0070) 3.3, 3.4, 3.13, 5.2 (STE), 5.4 (CD), 7.3 (events). SMMUv3.1 behaviour where 3.0 leaves a choice. Left out:
// AArch32 formats, LPA2, S2FWB, NS/Secure selection, memory attributes other than Device for S2PTW, big-endian tables.
namespace iommulab::reference {

// The value is the number of bits of an offset in a page.
enum class granule_size : unsigned { kib4 = 12, kib16 = 14, kib64 = 16 };

// What the SMMU implements (SMMU_IDR0, IDR3, IDR5).
struct features {
    unsigned oas_bits = 48; // IDR5.OAS, decoded: 32, 36, 40, 42, 44, 48 or 52
    unsigned ias_bits = 48; // input size of stage 2: the OAS, unless AArch32 tables are there too (IHI 0070 3.4)
    bool va_52 = false;     // IDR5.VAX = 1: T0SZ and T1SZ down to 12 with the 64K granule
    bool small_translation_tables = false; // IDR3.STT
    bool xnx = true;                       // IDR3.XNX: STE.S2 descriptors have XN[1:0]
};

// The fields of a Context descriptor that decide a walk; field names as in IHI 0070 5.4, sizes decoded.
struct stage1_context {
    std::uint64_t ttb0 = 0, ttb1 = 0; // CD.TTBx, as an address
    unsigned t0sz = 16, t1sz = 16;
    granule_size tg0 = granule_size::kib4, tg1 = granule_size::kib4;
    bool epd0 = false, epd1 = false;
    bool tbi0 = false, tbi1 = false;
    bool had0 = false, had1 = false;
    unsigned ips_bits = 48; // CD.IPS, decoded
    bool affd = false;
    bool ha = false, hd = false; // CD.HA, CD.HD (HTTU)
    bool wxn = false;
    bool pan = false;
    std::uint16_t asid = 0;
    bool one_va_range = false; // StreamWorld any-EL2 or EL3: TT0 only, one privilege level, XN instead of UXN and PXN
};

// The stage 2 fields of a Stream table entry; field names as in IHI 0070 5.2, sizes decoded.
struct stage2_context {
    std::uint64_t s2ttb = 0; // as an address
    unsigned s2t0sz = 24;
    unsigned s2sl0 = 1; // the encoding, which means another level for each granule
    granule_size s2tg = granule_size::kib4;
    unsigned s2ps_bits = 48; // STE.S2PS, decoded
    bool s2affd = false;
    bool s2ha = false, s2hd = false;
    bool s2ptw = false;
    std::uint16_t vmid = 0;
};

// What the upstream transaction asks for. A write is always data, whatever `instruction` says.
struct request {
    std::uint64_t address = 0;
    bool write = false;
    bool instruction = false;
    bool privileged = false;
};

enum class fault_kind {
    none,
    configuration_invalid, // C_BAD_CD (stage 1) or C_BAD_STE (stage 2); `reason` says why
    translation,           // F_TRANSLATION
    address_size,          // F_ADDR_SIZE
    access_flag,           // F_ACCESS
    permission,            // F_PERMISSION
    walk_external_abort,   // F_WALK_EABT
};

// CLASS of an event record: what was being translated (IHI 0070 7.3), with its encoding.
enum class fault_class { CD = 0, TT = 1, IN = 2 };

// What may be done through a mapping, both stages together. A writable-clean mapping counts as writable when HD is on.
struct permissions {
    bool privileged_read = false, privileged_write = false, privileged_execute = false;
    bool unprivileged_read = false, unprivileged_write = false, unprivileged_execute = false;
    bool operator==(const permissions&) const = default;
};

// One hardware update of a descriptor (AF or dirty state, IHI 0070 3.13). Addresses are physical.
struct descriptor_update {
    std::uint64_t address = 0;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    unsigned stage = 1;
    bool operator==(const descriptor_update&) const = default;
};

// One read of a descriptor, in the order of the walk without any cache.
struct descriptor_fetch {
    std::uint64_t address = 0; // physical
    unsigned stage = 1;
    unsigned level = 0;
    fault_class what = fault_class::IN; // TT: stage 2 on behalf of a stage 1 table, or the fetch of that table itself
    bool operator==(const descriptor_fetch&) const = default;
};

struct outcome {
    fault_kind fault = fault_kind::none;
    std::string reason; // for people; set with any fault

    // With a fault:
    unsigned stage = 0;                 // 1 or 2
    fault_class what = fault_class::IN; // CLASS
    unsigned level = 0;                 // of the descriptor at fault; 0 for an input out of range
    bool from_table_descriptor =
        false;                       // address_size: the next-level address of a table descriptor, not a leaf's output
    std::uint64_t fetch_address = 0; // walk_external_abort: physical address of the descriptor
    std::uint64_t ipa = 0;           // faults of stage 2: the IPA that was being translated, all bits

    // Without a fault:
    std::uint64_t output_address = 0;
    std::uint64_t mapped_size_bytes =
        0; // aligned range around the input over which the mapping is linear: the smaller leaf
    permissions allowed;
    bool contiguous = false; // the leaf's Contiguous bit (of stage 1; of stage 2 when there is no stage 1)
    bool device = false;     // stage 2 MemAttr says Device

    // HTTU. `updates` must have happened when the access completes. After a fault, `permitted_updates` may have.
    std::vector<descriptor_update> updates;
    std::vector<descriptor_update> permitted_updates;

    std::vector<descriptor_fetch> fetches;

    bool ok() const { return fault == fault_kind::none; }
};

// Reads the little-endian doubleword at an 8-byte aligned physical address; nullopt is an external abort.
using memory_reader = std::function<std::optional<std::uint64_t>(std::uint64_t physical_address)>;

// Why the context is ILLEGAL (IHI 0070 5.2, 5.4), or an empty string.
std::string configuration_error(const stage1_context& context, const features& implemented);
std::string configuration_error(const stage2_context& context, const features& implemented);

// Size in bits of the output addresses that a stage may give: the configured size, capped by the OAS, and by 48 bits
// unless the granule is 64K (IHI 0070 3.4, Arm ARM D8.2).
unsigned effective_output_bits(unsigned configured_bits, granule_size granule, const features& implemented);

// Level at which a stage 1 walk starts: as many levels as the input size needs (Arm ARM D8.2).
unsigned stage1_start_level(granule_size granule, unsigned tsz);

// Level at which a stage 2 walk starts, nullopt for a reserved S2SL0.
std::optional<unsigned> stage2_start_level(granule_size granule, unsigned s2sl0, const features& implemented);

// Stage 1 alone (STE.Config = 0b101): VA to PA.
outcome walk_stage1(const stage1_context& context, const features& implemented, const memory_reader& read,
                    const request& access);

// Stage 2 alone (STE.Config = 0b110), IPA to PA; with what = CD, the fetch of a CD in a nested configuration.
outcome walk_stage2(const stage2_context& context, const features& implemented, const memory_reader& read,
                    const request& access, fault_class what = fault_class::IN);

// Both stages (STE.Config = 0b111): every stage 1 table address, and the stage 1 output, is an IPA.
outcome walk_nested(const stage1_context& stage1, const stage2_context& stage2, const features& implemented,
                    const memory_reader& read, const request& access);

const char* to_string(fault_kind kind);
// One line, for failure messages of tests.
std::string to_string(const outcome& result);

} // namespace iommulab::reference
