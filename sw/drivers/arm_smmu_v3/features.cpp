// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/features.h"

#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/layout.h"

#include <algorithm>
#include <bit>

namespace iommulab::sw::arm_smmu_v3 {
namespace {

using namespace iommulab::smmu_v3;

constexpr std::uint64_t bit(unsigned n) {
    return std::uint64_t{1} << n;
}

unsigned output_bits(std::uint32_t IDR5) {
    constexpr unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52};
    const std::uint64_t code = idr5::OAS.of(IDR5);
    return code < std::size(sizes) ? sizes[code] : 48;
}

} // namespace

std::variant<features, feature_error> read_features(const id_registers& id, const instance_firmware& firmware,
                                                    unsigned page_shift) {
    features f;
    f.coherent = firmware.dma_coherent;
    f.two_level_stream_table = idr0::ST_LEVEL.of(id.IDR0) == 1;
    f.two_level_cd_table = idr0::CD2L.of(id.IDR0) != 0;
    if (const auto e = idr0::TTENDIAN.of(id.IDR0); e != 0 && e != 2)
        return feature_error{&row::endianness, "translation tables of this endianness are not supported"};
    f.pri = idr0::PRI.of(id.IDR0) != 0;
    f.ats = idr0::ATS.of(id.IDR0) != 0;
    f.sev = idr0::SEV.of(id.IDR0) != 0;
    f.msi = idr0::MSI.of(id.IDR0) != 0;
    f.poll_by_msi = f.msi && f.coherent;
    f.hyp = idr0::HYP.of(id.IDR0) != 0;
    f.stall_force = idr0::STALL_MODEL.of(id.IDR0) == 2;
    f.stalls = f.stall_force || idr0::STALL_MODEL.of(id.IDR0) == 0;
    f.stage1 = idr0::S1P.of(id.IDR0) != 0;
    f.stage2 = idr0::S2P.of(id.IDR0) != 0;
    if (!f.stage1 && !f.stage2)
        return feature_error{&row::no_translation, "translates neither stage"};
    switch (idr0::TTF.of(id.IDR0)) {
    case 3:
        f.ias = 40; // AArch32 tables give 40 bits at least
        break;
    case 2:
        break;
    default:
        return feature_error{&row::no_aarch64, "has no AArch64 tables"};
    }
    f.asid_bits = idr0::ASID16.of(id.IDR0) ? 16 : 8;
    f.vmid_bits = idr0::VMID16.of(id.IDR0) ? 16 : 8;

    if (idr1::TABLES_PRESET.of(id.IDR1) || idr1::QUEUES_PRESET.of(id.IDR1) || idr1::REL.of(id.IDR1))
        return feature_error{&row::embedded, "tables and queues at fixed places are not supported"};
    const unsigned queue_log2 = page_shift + queue_log2_bytes_beyond_page;
    const auto entries_log2 = [&](const bit_field& field, unsigned entry_bytes) {
        return std::min<unsigned>(static_cast<unsigned>(field.of(id.IDR1)),
                                  queue_log2 - static_cast<unsigned>(std::countr_zero(entry_bytes)));
    };
    f.cmdq_log2 = entries_log2(idr1::CMDQS, command::bytes);
    if (f.cmdq_log2 <= static_cast<unsigned>(std::countr_zero(batch_commands)))
        return feature_error{&row::small_queue, "a command queue of 64 entries or less cannot take a batch"};
    f.evtq_log2 = entries_log2(idr1::EVENTQS, record::bytes);
    f.priq_log2 = entries_log2(idr1::PRIQS, priq_entry_bytes);
    f.ssid_bits = static_cast<unsigned>(idr1::SSIDSIZE.of(id.IDR1));
    f.sid_bits = static_cast<unsigned>(idr1::SIDSIZE.of(id.IDR1));
    if (f.sid_bits <= stream_split)
        f.two_level_stream_table = false; // it would not fill one level 2 table

    f.range_invalidation = idr3::RIL.of(id.IDR3) != 0;

    f.stall_max = static_cast<unsigned>(idr5::STALL_MAX.of(id.IDR5));
    f.oas = output_bits(id.IDR5);
    f.page_sizes = (idr5::GRAN64K.of(id.IDR5) ? bit(16) | bit(29) : 0) |
                   (idr5::GRAN16K.of(id.IDR5) ? bit(14) | bit(25) : 0) |
                   (idr5::GRAN4K.of(id.IDR5) ? bit(12) | bit(21) | bit(30) : 0) | (f.oas == 52 ? bit(42) : 0);
    f.va_52_bits = idr5::VAX.of(id.IDR5) == 1;
    f.ias = std::max(f.ias, f.oas);

    // Arm errata: MMU-600 1076982 (SEV, up to r0p2) and 1209401 (nesting, before r2p0), MMU-700 2268618 and 2812531.
    f.nesting = f.stage1 && f.stage2;
    constexpr std::uint64_t arm = 0x43b, mmu_600 = 0x483, mmu_700 = 0x487;
    if (iidr::Implementer.of(id.IIDR) == arm) {
        const std::uint64_t product = iidr::ProductID.of(id.IIDR), variant = iidr::Variant.of(id.IIDR);
        if (product == mmu_600 && variant == 0 && iidr::Revision.of(id.IIDR) <= 2)
            f.sev = false;
        if ((product == mmu_600 && variant < 2) || product == mmu_700)
            f.nesting = false;
    }
    return f;
}

} // namespace iommulab::sw::arm_smmu_v3
