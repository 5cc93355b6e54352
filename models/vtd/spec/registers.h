// SPDX-License-Identifier: Apache-2.0
// The registers of a DMA remapping unit: Intel Virtualization Technology for Directed I/O, Architecture Specification,
// chapter "Register Descriptions". Sections are named rather than numbered: their numbers differ between revisions.
#pragma once

#include "models/core/registers.h"

#include <array>
#include <span>

namespace iommulab::vtd {

/// Bytes of the register space: one 4 KiB page.
inline constexpr std::uint32_t register_space_bytes = 0x1000;
/// Where the IOTLB registers and the fault recording registers are: what ECAP.IRO and CAP.FRO, in units of 16 bytes,
/// must say.
inline constexpr std::uint32_t iotlb_registers_offset = 0xf0, fault_records_offset = 0x220;
/// Fault recording registers that there can be (CAP.NFR is one less than their number).
inline constexpr unsigned most_fault_records = 8;

namespace ver { // Version Register
inline constexpr bit_field MIN{"MIN", 0, 4}, MAX{"MAX", 4, 4};
inline constexpr std::array fields{MIN, MAX};
} // namespace ver

namespace cap { // Capability Register
inline constexpr bit_field ND{"ND", 0, 3}, AFL{"AFL", 3, 1}, RWBF{"RWBF", 4, 1}, PLMR{"PLMR", 5, 1}, PHMR{"PHMR", 6, 1},
    CM{"CM", 7, 1}, SAGAW{"SAGAW", 8, 5}, MGAW{"MGAW", 16, 6}, ZLR{"ZLR", 22, 1}, FRO{"FRO", 24, 10},
    SSLPS{"SSLPS", 34, 4}, PSI{"PSI", 39, 1}, NFR{"NFR", 40, 8}, MAMV{"MAMV", 48, 6}, DWD{"DWD", 54, 1},
    DRD{"DRD", 55, 1}, FS1GP{"FS1GP", 56, 1}, PI{"PI", 59, 1}, FS5LP{"FS5LP", 60, 1}, ECMDS{"ECMDS", 61, 1},
    ESIRTPS{"ESIRTPS", 62, 1}, ESRTPS{"ESRTPS", 63, 1};
inline constexpr std::array fields{ND,  AFL, RWBF, PLMR, PHMR, CM,    SAGAW, MGAW,  ZLR,   FRO,     SSLPS,
                                   PSI, NFR, MAMV, DWD,  DRD,  FS1GP, PI,    FS5LP, ECMDS, ESIRTPS, ESRTPS};
/// Bits of SAGAW: 3, 4 and 5 level second-stage tables; and of SSLPS: page sizes.
inline constexpr unsigned sagaw_39_bits = 1, sagaw_48_bits = 2, sagaw_57_bits = 3;
inline constexpr unsigned sslps_2m = 0, sslps_1g = 1;
} // namespace cap

namespace ecap { // Extended Capability Register
inline constexpr bit_field C{"C", 0, 1}, QI{"QI", 1, 1}, DT{"DT", 2, 1}, IR{"IR", 3, 1}, EIM{"EIM", 4, 1},
    PT{"PT", 6, 1}, SC{"SC", 7, 1}, IRO{"IRO", 8, 10}, MHMV{"MHMV", 20, 4}, MTS{"MTS", 25, 1}, NEST{"NEST", 26, 1},
    PRS{"PRS", 29, 1}, ERS{"ERS", 30, 1}, SRS{"SRS", 31, 1}, NWFS{"NWFS", 33, 1}, EAFS{"EAFS", 34, 1},
    PSS{"PSS", 35, 5}, PASID{"PASID", 40, 1}, DIT{"DIT", 41, 1}, PDS{"PDS", 42, 1}, SMTS{"SMTS", 43, 1},
    VCS{"VCS", 44, 1}, SSADS{"SSADS", 45, 1}, SSTS{"SSTS", 46, 1}, FSTS{"FSTS", 47, 1}, SMPWCS{"SMPWCS", 48, 1},
    RPS{"RPS", 49, 1}, PMS{"PMS", 51, 1}, ADMS{"ADMS", 52, 1}, RPRIVS{"RPRIVS", 53, 1};
inline constexpr std::array fields{C,    QI,  DT,    IR,   EIM,  PT,     SC,  IRO,   MHMV, MTS,
                                   NEST, PRS, ERS,   SRS,  NWFS, EAFS,   PSS, PASID, DIT,  PDS,
                                   SMTS, VCS, SSADS, SSTS, FSTS, SMPWCS, RPS, PMS,   ADMS, RPRIVS};
} // namespace ecap

namespace gcmd { // Global Command Register; GSTS (Global Status Register) has the same places
inline constexpr bit_field CFI{"CFI", 23, 1}, SIRTP{"SIRTP", 24, 1}, IRE{"IRE", 25, 1}, QIE{"QIE", 26, 1},
    WBF{"WBF", 27, 1}, EAFL{"EAFL", 28, 1}, SFL{"SFL", 29, 1}, SRTP{"SRTP", 30, 1}, TE{"TE", 31, 1};
inline constexpr std::array fields{CFI, SIRTP, IRE, QIE, WBF, EAFL, SFL, SRTP, TE};
} // namespace gcmd

namespace gsts {
inline constexpr bit_field CFIS{"CFIS", 23, 1}, IRTPS{"IRTPS", 24, 1}, IRES{"IRES", 25, 1}, QIES{"QIES", 26, 1},
    WBFS{"WBFS", 27, 1}, AFLS{"AFLS", 28, 1}, FLS{"FLS", 29, 1}, RTPS{"RTPS", 30, 1}, TES{"TES", 31, 1};
inline constexpr std::array fields{CFIS, IRTPS, IRES, QIES, WBFS, AFLS, FLS, RTPS, TES};
} // namespace gsts

namespace rtaddr { // Root Table Address Register
inline constexpr bit_field TTM{"TTM", 10, 2};
inline constexpr address_field RTA{"RTA", 12, 52};
inline constexpr bit_field RTA_bits{"RTA", 12, 52};
inline constexpr std::array fields{TTM, RTA_bits};
/// TTM: how requests are translated.
enum class table_mode : std::uint8_t { legacy = 0, scalable = 1, reserved = 2, abort_dma = 3 };
} // namespace rtaddr

namespace ccmd { // Context Command Register
inline constexpr bit_field DID{"DID", 0, 16}, SID{"SID", 16, 16}, FM{"FM", 32, 2}, CAIG{"CAIG", 59, 2},
    CIRG{"CIRG", 61, 2}, ICC{"ICC", 63, 1};
inline constexpr std::array fields{DID, SID, FM, CAIG, CIRG, ICC};
} // namespace ccmd

/// CCMD.CIRG and CAIG, IOTLB.IIRG and IAIG, G of context-cache and IOTLB descriptors: what is asked for, and was done.
enum class granularity : std::uint8_t { reserved = 0, global = 1, domain = 2, selective = 3 };

namespace fsts { // Fault Status Register
inline constexpr bit_field PFO{"PFO", 0, 1}, PPF{"PPF", 1, 1}, AFO{"AFO", 2, 1}, APF{"APF", 3, 1}, IQE{"IQE", 4, 1},
    ICE{"ICE", 5, 1}, ITE{"ITE", 6, 1}, PRO{"PRO", 7, 1}, FRI{"FRI", 8, 8};
inline constexpr std::array fields{PFO, PPF, AFO, APF, IQE, ICE, ITE, PRO, FRI};
} // namespace fsts

namespace event_control { // FECTL, IECTL, PECTL: Fault, Invalidation Completion, Page Request Event Control
inline constexpr bit_field IP{"IP", 30, 1}, IM{"IM", 31, 1};
inline constexpr std::array fields{IP, IM};
} // namespace event_control

namespace event_data { // FEDATA, IEDATA, PEDATA
inline constexpr bit_field IMD{"IMD", 0, 16}, EIMD{"EIMD", 16, 16};
inline constexpr std::array fields{IMD, EIMD};
} // namespace event_data

namespace event_address { // FEADDR, IEADDR, PEADDR; the upper half is a register of its own
inline constexpr bit_field MA{"MA", 2, 30};
inline constexpr std::array fields{MA};
inline constexpr bit_field MUA{"MUA", 0, 32};
inline constexpr std::array upper_fields{MUA};
} // namespace event_address

namespace pmen { // Protected Memory Enable Register
inline constexpr bit_field PRS{"PRS", 0, 1}, EPM{"EPM", 31, 1};
inline constexpr std::array fields{PRS, EPM};
} // namespace pmen

namespace iqh { // Invalidation Queue Head Register
inline constexpr bit_field QH{"QH", 4, 15};
inline constexpr std::array fields{QH};
} // namespace iqh

namespace iqt { // Invalidation Queue Tail Register
inline constexpr bit_field QT{"QT", 4, 15};
inline constexpr std::array fields{QT};
} // namespace iqt

namespace iqa { // Invalidation Queue Address Register
inline constexpr bit_field QS{"QS", 0, 3}, DW{"DW", 11, 1};
inline constexpr address_field IQA{"IQA", 12, 52};
inline constexpr bit_field IQA_bits{"IQA", 12, 52};
inline constexpr std::array fields{QS, DW, IQA_bits};
} // namespace iqa

namespace ics { // Invalidation Completion Status Register
inline constexpr bit_field IWC{"IWC", 0, 1};
inline constexpr std::array fields{IWC};
} // namespace ics

namespace iqercd { // Invalidation Queue Error Record Register
inline constexpr bit_field IQEI{"IQEI", 0, 4}, ITESID{"ITESID", 32, 16}, ICESID{"ICESID", 48, 16};
inline constexpr std::array fields{IQEI, ITESID, ICESID};
/// IQEI: why FSTS.IQE is set.
enum class error : std::uint8_t {
    none = 0,
    invalid_tail = 1,       ///< beyond the queue
    fetch = 2,              ///< a descriptor could not be read
    invalid_type = 3,       ///< of a descriptor, or one that the unit does not have
    reserved_field = 4,     ///< set in a descriptor, or a value out of its range
    invalid_width = 5,      ///< 256 bits wanted in legacy mode, or a descriptor of another width than the queue's
    misaligned_tail = 6,    ///< not at a descriptor of 256 bits
    invalid_table_mode = 7, ///< RTADDR.TTM does not go with the descriptor
};
} // namespace iqercd

namespace irta { // Interrupt Remapping Table Address Register
inline constexpr bit_field S{"S", 0, 4}, EIME{"EIME", 11, 1}, IRTA_bits{"IRTA", 12, 52};
inline constexpr std::array fields{S, EIME, IRTA_bits};
} // namespace irta

namespace pqh { // Page Request Queue Head and Tail Registers
inline constexpr bit_field PQH{"PQH", 5, 14}, PQT{"PQT", 5, 14};
inline constexpr std::array head_fields{PQH};
inline constexpr std::array tail_fields{PQT};
} // namespace pqh

namespace pqa { // Page Request Queue Address Register
inline constexpr bit_field PQS{"PQS", 0, 4}, PQA_bits{"PQA", 12, 52};
inline constexpr std::array fields{PQS, PQA_bits};
} // namespace pqa

namespace prs { // Page Request Status Register
inline constexpr bit_field PPR{"PPR", 0, 1}, PRO{"PRO", 1, 1};
inline constexpr std::array fields{PPR, PRO};
} // namespace prs

namespace iva { // Invalidate Address Register
inline constexpr bit_field AM{"AM", 0, 6}, IH{"IH", 6, 1};
inline constexpr address_field ADDR{"ADDR", 12, 52};
inline constexpr bit_field ADDR_bits{"ADDR", 12, 52};
inline constexpr std::array fields{AM, IH, ADDR_bits};
} // namespace iva

namespace iotlb { // IOTLB Invalidate Register
inline constexpr bit_field DID{"DID", 32, 16}, DW{"DW", 48, 1}, DR{"DR", 49, 1}, IAIG{"IAIG", 57, 2},
    IIRG{"IIRG", 60, 2}, IVT{"IVT", 63, 1};
inline constexpr std::array fields{DID, DW, DR, IAIG, IIRG, IVT};
} // namespace iotlb

/// Positions in registers(): the declaration of each register by name. FRCD_LO and FRCD_HI are the halves of the fault
/// recording registers (spec/faults.h has their fields).
namespace reg {
extern const register_declaration &VER, &CAP, &ECAP, &GCMD, &GSTS, &RTADDR, &CCMD, &FSTS, &FECTL, &FEDATA, &FEADDR,
    &FEUADDR, &AFLOG, &PMEN, &PLMBASE, &PLMLIMIT, &PHMBASE, &PHMLIMIT, &IQH, &IQT, &IQA, &ICS, &IECTL, &IEDATA, &IEADDR,
    &IEUADDR, &IQERCD, &IRTA, &PQH, &PQT, &PQA, &PRS, &PECTL, &PEDATA, &PEADDR, &PEUADDR, &IVA, &IOTLB, &FRCD_LO,
    &FRCD_HI;
} // namespace reg

/// All registers, in order of offset. VER, CAP and ECAP reset to zero here: each unit sets its own values.
std::span<const register_declaration> registers();

} // namespace iommulab::vtd
