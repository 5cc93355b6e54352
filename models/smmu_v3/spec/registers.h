// SPDX-License-Identifier: Apache-2.0
// The registers of the Non-secure programming interface: Arm IHI 0070, chapter 6. Page 1 begins at 0x10000.
#pragma once

#include "models/core/registers.h"

#include <array>
#include <span>

namespace iommulab::smmu_v3 {

/// Bytes of the register space: two 64 KiB pages (6.1).
inline constexpr std::uint32_t register_space_bytes = 0x20000;

namespace idr0 { // 6.3.1
inline constexpr bit_field S2P{"S2P", 0, 1}, S1P{"S1P", 1, 1}, TTF{"TTF", 2, 2}, COHACC{"COHACC", 4, 1},
    BTM{"BTM", 5, 1}, HTTU{"HTTU", 6, 2}, DORMHINT{"DORMHINT", 8, 1}, HYP{"HYP", 9, 1}, ATS{"ATS", 10, 1},
    NS1ATS{"NS1ATS", 11, 1}, ASID16{"ASID16", 12, 1}, MSI{"MSI", 13, 1}, SEV{"SEV", 14, 1}, ATOS{"ATOS", 15, 1},
    PRI{"PRI", 16, 1}, VMW{"VMW", 17, 1}, VMID16{"VMID16", 18, 1}, CD2L{"CD2L", 19, 1}, VATOS{"VATOS", 20, 1},
    TTENDIAN{"TTENDIAN", 21, 2}, ATSRECERR{"ATSRECERR", 23, 1}, STALL_MODEL{"STALL_MODEL", 24, 2},
    TERM_MODEL{"TERM_MODEL", 26, 1}, ST_LEVEL{"ST_LEVEL", 27, 2};
inline constexpr std::array fields{S2P,    S1P,    TTF,    COHACC,   BTM,       HTTU,        DORMHINT,   HYP,
                                   ATS,    NS1ATS, ASID16, MSI,      SEV,       ATOS,        PRI,        VMW,
                                   VMID16, CD2L,   VATOS,  TTENDIAN, ATSRECERR, STALL_MODEL, TERM_MODEL, ST_LEVEL};
} // namespace idr0

namespace idr1 { // 6.3.2
inline constexpr bit_field SIDSIZE{"SIDSIZE", 0, 6}, SSIDSIZE{"SSIDSIZE", 6, 5}, PRIQS{"PRIQS", 11, 5},
    EVENTQS{"EVENTQS", 16, 5}, CMDQS{"CMDQS", 21, 5}, ATTR_PERMS_OVR{"ATTR_PERMS_OVR", 26, 1},
    ATTR_TYPES_OVR{"ATTR_TYPES_OVR", 27, 1}, REL{"REL", 28, 1}, QUEUES_PRESET{"QUEUES_PRESET", 29, 1},
    TABLES_PRESET{"TABLES_PRESET", 30, 1}, ECMDQ{"ECMDQ", 31, 1};
inline constexpr std::array fields{SIDSIZE,        SSIDSIZE, PRIQS,         EVENTQS,       CMDQS, ATTR_PERMS_OVR,
                                   ATTR_TYPES_OVR, REL,      QUEUES_PRESET, TABLES_PRESET, ECMDQ};
} // namespace idr1

namespace idr3 { // 6.3.4
inline constexpr bit_field HAD{"HAD", 2, 1}, PBHA{"PBHA", 3, 1}, XNX{"XNX", 4, 1}, PPS{"PPS", 5, 1}, MPAM{"MPAM", 7, 1},
    FWB{"FWB", 8, 1}, STT{"STT", 9, 1}, RIL{"RIL", 10, 1}, BBML{"BBML", 11, 2}, E0PD{"E0PD", 13, 1},
    PTWNNC{"PTWNNC", 14, 1}, DPT{"DPT", 15, 1};
inline constexpr std::array fields{HAD, PBHA, XNX, PPS, MPAM, FWB, STT, RIL, BBML, E0PD, PTWNNC, DPT};
} // namespace idr3

namespace idr5 { // 6.3.6
inline constexpr bit_field OAS{"OAS", 0, 3}, GRAN4K{"GRAN4K", 4, 1}, GRAN16K{"GRAN16K", 5, 1}, GRAN64K{"GRAN64K", 6, 1},
    DS{"DS", 7, 1}, D128{"D128", 8, 1}, VAX{"VAX", 10, 2}, STALL_MAX{"STALL_MAX", 16, 16};
inline constexpr std::array fields{OAS, GRAN4K, GRAN16K, GRAN64K, DS, D128, VAX, STALL_MAX};
} // namespace idr5

namespace iidr { // 6.3.7
inline constexpr bit_field Implementer{"Implementer", 0, 12}, Revision{"Revision", 12, 4}, Variant{"Variant", 16, 4},
    ProductID{"ProductID", 20, 12};
inline constexpr std::array fields{Implementer, Revision, Variant, ProductID};
} // namespace iidr

namespace aidr { // 6.3.8
inline constexpr bit_field ArchMinorRev{"ArchMinorRev", 0, 4}, ArchMajorRev{"ArchMajorRev", 4, 4};
inline constexpr std::array fields{ArchMinorRev, ArchMajorRev};
} // namespace aidr

namespace cr0 { // 6.3.9; CR0ACK (6.3.10) has the same fields
inline constexpr bit_field SMMUEN{"SMMUEN", 0, 1}, PRIQEN{"PRIQEN", 1, 1}, EVENTQEN{"EVENTQEN", 2, 1},
    CMDQEN{"CMDQEN", 3, 1}, ATSCHK{"ATSCHK", 4, 1}, VMW{"VMW", 6, 3};
inline constexpr std::array fields{SMMUEN, PRIQEN, EVENTQEN, CMDQEN, ATSCHK, VMW};
} // namespace cr0

namespace cr1 { // 6.3.11
inline constexpr bit_field QUEUE_IC{"QUEUE_IC", 0, 2}, QUEUE_OC{"QUEUE_OC", 2, 2}, QUEUE_SH{"QUEUE_SH", 4, 2},
    TABLE_IC{"TABLE_IC", 6, 2}, TABLE_OC{"TABLE_OC", 8, 2}, TABLE_SH{"TABLE_SH", 10, 2};
inline constexpr std::array fields{QUEUE_IC, QUEUE_OC, QUEUE_SH, TABLE_IC, TABLE_OC, TABLE_SH};
} // namespace cr1

namespace cr2 { // 6.3.12
inline constexpr bit_field E2H{"E2H", 0, 1}, RECINVSID{"RECINVSID", 1, 1}, PTM{"PTM", 2, 1},
    REC_CFG_ATS{"REC_CFG_ATS", 3, 1};
inline constexpr std::array fields{E2H, RECINVSID, PTM, REC_CFG_ATS};
} // namespace cr2

namespace statusr { // 6.3.13
inline constexpr bit_field DORMANT{"DORMANT", 0, 1};
inline constexpr std::array fields{DORMANT};
} // namespace statusr

namespace gbpa { // 6.3.14
inline constexpr bit_field MemAttr{"MemAttr", 0, 4}, MTCFG{"MTCFG", 4, 1}, ALLOCCFG{"ALLOCCFG", 8, 4},
    SHCFG{"SHCFG", 12, 2}, PRIVCFG{"PRIVCFG", 16, 2}, INSTCFG{"INSTCFG", 18, 2}, ABORT{"ABORT", 20, 1},
    Update{"Update", 31, 1};
inline constexpr std::array fields{MemAttr, MTCFG, ALLOCCFG, SHCFG, PRIVCFG, INSTCFG, ABORT, Update};
} // namespace gbpa

namespace irq_ctrl { // 6.3.16; IRQ_CTRLACK (6.3.17) has the same fields
inline constexpr bit_field GERROR_IRQEN{"GERROR_IRQEN", 0, 1}, PRIQ_IRQEN{"PRIQ_IRQEN", 1, 1},
    EVENTQ_IRQEN{"EVENTQ_IRQEN", 2, 1};
inline constexpr std::array fields{GERROR_IRQEN, PRIQ_IRQEN, EVENTQ_IRQEN};
} // namespace irq_ctrl

namespace gerror { // 6.3.18; GERRORN (6.3.19) has the same fields
inline constexpr bit_field CMDQ_ERR{"CMDQ_ERR", 0, 1}, EVENTQ_ABT_ERR{"EVENTQ_ABT_ERR", 2, 1},
    PRIQ_ABT_ERR{"PRIQ_ABT_ERR", 3, 1}, MSI_CMDQ_ABT_ERR{"MSI_CMDQ_ABT_ERR", 4, 1},
    MSI_EVENTQ_ABT_ERR{"MSI_EVENTQ_ABT_ERR", 5, 1}, MSI_PRIQ_ABT_ERR{"MSI_PRIQ_ABT_ERR", 6, 1},
    MSI_GERROR_ABT_ERR{"MSI_GERROR_ABT_ERR", 7, 1}, SFM_ERR{"SFM_ERR", 8, 1};
inline constexpr std::array fields{CMDQ_ERR,           EVENTQ_ABT_ERR,   PRIQ_ABT_ERR,       MSI_CMDQ_ABT_ERR,
                                   MSI_EVENTQ_ABT_ERR, MSI_PRIQ_ABT_ERR, MSI_GERROR_ABT_ERR, SFM_ERR};
} // namespace gerror

namespace irq_cfg { // CFG0, CFG1 and CFG2 of GERROR (6.3.20 to 6.3.22), EVENTQ and PRIQ
inline constexpr address_field ADDR{"ADDR", 2, 50};
inline constexpr bit_field ADDR_bits{"ADDR", 2, 50}, DATA{"DATA", 0, 32}, MemAttr{"MemAttr", 0, 4}, SH{"SH", 4, 2},
    LO{"LO", 31, 1};
inline constexpr std::array cfg0{ADDR_bits};
inline constexpr std::array cfg1{DATA};
inline constexpr std::array cfg2{MemAttr, SH};
inline constexpr std::array cfg2_priq{MemAttr, SH, LO};
} // namespace irq_cfg

namespace strtab_base { // 6.3.23
inline constexpr address_field ADDR{"ADDR", 6, 46};
inline constexpr bit_field ADDR_bits{"ADDR", 6, 46}, RA{"RA", 62, 1};
inline constexpr std::array fields{ADDR_bits, RA};
} // namespace strtab_base

namespace strtab_base_cfg { // 6.3.24
inline constexpr bit_field LOG2SIZE{"LOG2SIZE", 0, 6}, SPLIT{"SPLIT", 6, 5}, FMT{"FMT", 16, 2};
inline constexpr std::array fields{LOG2SIZE, SPLIT, FMT};
} // namespace strtab_base_cfg

namespace queue_base { // CMDQ_BASE (6.3.25), EVENTQ_BASE (6.3.28), PRIQ_BASE (6.3.34)
inline constexpr address_field ADDR{"ADDR", 5, 47};
inline constexpr bit_field LOG2SIZE{"LOG2SIZE", 0, 5}, ADDR_bits{"ADDR", 5, 47}, RA{"RA", 62, 1}, WA{"WA", 62, 1};
inline constexpr std::array read_fields{LOG2SIZE, ADDR_bits, RA};
inline constexpr std::array write_fields{LOG2SIZE, ADDR_bits, WA};
} // namespace queue_base

namespace queue_index { // PROD and CONS of all queues (6.3.26, 6.3.27, 6.3.29, 6.3.30, 6.3.35, 6.3.36)
inline constexpr bit_field WR{"WR", 0, 20}, RD{"RD", 0, 20}, ERR{"ERR", 24, 7}, OVFLG{"OVFLG", 31, 1},
    OVACKFLG{"OVACKFLG", 31, 1};
inline constexpr std::array cmdq_prod{WR};
inline constexpr std::array cmdq_cons{RD, ERR};
inline constexpr std::array prod{WR, OVFLG};
inline constexpr std::array cons{RD, OVACKFLG};
} // namespace queue_index

/// Values of CMDQ_CONS.ERR (7.1).
enum class command_error : std::uint8_t { CERROR_NONE = 0, CERROR_ILL = 1, CERROR_ABT = 2, CERROR_ATC_INV_SYNC = 3 };

/// Positions in registers(): the declaration of each register by name.
namespace reg {
extern const register_declaration &IDR0, &IDR1, &IDR2, &IDR3, &IDR4, &IDR5, &IIDR, &AIDR, &CR0, &CR0ACK, &CR1, &CR2,
    &STATUSR, &GBPA, &AGBPA, &IRQ_CTRL, &IRQ_CTRLACK, &GERROR, &GERRORN, &GERROR_IRQ_CFG0, &GERROR_IRQ_CFG1,
    &GERROR_IRQ_CFG2, &STRTAB_BASE, &STRTAB_BASE_CFG, &CMDQ_BASE, &CMDQ_PROD, &CMDQ_CONS, &EVENTQ_BASE, &EVENTQ_PROD,
    &EVENTQ_CONS, &EVENTQ_IRQ_CFG0, &EVENTQ_IRQ_CFG1, &EVENTQ_IRQ_CFG2, &PRIQ_BASE, &PRIQ_PROD, &PRIQ_CONS,
    &PRIQ_IRQ_CFG0, &PRIQ_IRQ_CFG1, &PRIQ_IRQ_CFG2;
} // namespace reg

/// All registers, in order of offset. ID registers reset to zero here: each SMMU sets its own values.
std::span<const register_declaration> registers();

} // namespace iommulab::smmu_v3
