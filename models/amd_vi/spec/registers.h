// SPDX-License-Identifier: Apache-2.0
// The MMIO registers: AMD I/O Virtualization Technology (IOMMU) Specification, publication 48882, revision 3.05, 3.4.
#pragma once

#include "models/core/registers.h"

#include <array>
#include <span>

namespace iommulab::amd_vi {

/// Bytes of the register space without performance counters (3.4: PCSup = 0).
inline constexpr std::uint32_t register_space_bytes = 0x4000;

namespace device_table_base { // 3.4.1, MMIO Offset 0000h
inline constexpr bit_field Size{"Size", 0, 9}, DevTabBase_bits{"DevTabBase", 12, 40};
inline constexpr address_field DevTabBase{"DevTabBase", 12, 40};
inline constexpr std::array fields{Size, DevTabBase_bits};
/// Size = n means (n + 1) pages of this many bytes.
inline constexpr std::uint64_t size_unit_bytes = 0x1000;
} // namespace device_table_base

/// Base and length of the command buffer (3.4.2), the event log (3.4.3) and the PPR log (3.4.8). The manual calls the
/// fields ComBase and ComLen, EventBase and EventLen, PPRLogBase and PPRLogLen.
namespace ring_base {
inline constexpr bit_field Base_bits{"Base", 12, 40}, Len{"Len", 56, 4};
inline constexpr address_field Base{"Base", 12, 40};
inline constexpr std::array fields{Base_bits, Len};
/// Len = n means 2^n entries; below 8 it is reserved.
inline constexpr unsigned least_len = 8, most_len = 15;
} // namespace ring_base

namespace control { // 3.4.4, MMIO Offset 0018h
inline constexpr bit_field IommuEn{"IommuEn", 0, 1}, HtTunEn{"HtTunEn", 1, 1}, EventLogEn{"EventLogEn", 2, 1},
    EventIntEn{"EventIntEn", 3, 1}, ComWaitIntEn{"ComWaitIntEn", 4, 1}, InvTimeOut{"InvTimeOut", 5, 3},
    PassPW{"PassPW", 8, 1}, ResPassPW{"ResPassPW", 9, 1}, Coherent{"Coherent", 10, 1}, Isoc{"Isoc", 11, 1},
    CmdBufEn{"CmdBufEn", 12, 1}, PPRLogEn{"PPRLogEn", 13, 1}, PPRIntEn{"PPRIntEn", 14, 1}, PPREn{"PPREn", 15, 1},
    GTEn{"GTEn", 16, 1}, GAEn{"GAEn", 17, 1}, CRW{"CRW", 18, 4}, SmiFEn{"SmiFEn", 22, 1}, SlfWBdis{"SlfWBdis", 23, 1},
    SmiFLogEn{"SmiFLogEn", 24, 1}, GAMEn{"GAMEn", 25, 3}, GALogEn{"GALogEn", 28, 1}, GAIntEn{"GAIntEn", 29, 1},
    DualPPRLogEn{"DualPPRLogEn", 30, 2}, DualEventLogEn{"DualEventLogEn", 32, 2}, DevTblSegEn{"DevTblSegEn", 34, 3},
    PrivAbrtEn{"PrivAbrtEn", 37, 2}, PPRAutoRspEn{"PPRAutoRspEn", 39, 1}, MarcEn{"MarcEn", 40, 1},
    BlkStopMrkEn{"BlkStopMrkEn", 41, 1}, PPRAutoRspAon{"PPRAutoRspAon", 42, 1}, EPHEn{"EPHEn", 45, 1},
    HADUpdate{"HADUpdate", 46, 2}, GDUpdateDis{"GDUpdateDis", 48, 1}, XTEn{"XTEn", 50, 1},
    IntCapXTEn{"IntCapXTEn", 51, 1};
inline constexpr std::array fields{IommuEn,        HtTunEn,     EventLogEn, EventIntEn,   ComWaitIntEn, InvTimeOut,
                                   PassPW,         ResPassPW,   Coherent,   Isoc,         CmdBufEn,     PPRLogEn,
                                   PPRIntEn,       PPREn,       GTEn,       GAEn,         CRW,          SmiFEn,
                                   SlfWBdis,       SmiFLogEn,   GAMEn,      GALogEn,      GAIntEn,      DualPPRLogEn,
                                   DualEventLogEn, DevTblSegEn, PrivAbrtEn, PPRAutoRspEn, MarcEn,       BlkStopMrkEn,
                                   PPRAutoRspAon,  EPHEn,       HADUpdate,  GDUpdateDis,  XTEn,         IntCapXTEn};
} // namespace control

namespace exclusion_base { // 3.4.5, MMIO Offset 0020h
inline constexpr bit_field ExEn{"ExEn", 0, 1}, Allow{"Allow", 1, 1}, ExclusionBase_bits{"ExclusionBase", 12, 40};
inline constexpr address_field ExclusionBase{"ExclusionBase", 12, 40};
inline constexpr std::array fields{ExEn, Allow, ExclusionBase_bits};
} // namespace exclusion_base

namespace exclusion_limit { // 3.4.6, MMIO Offset 0028h
inline constexpr bit_field ExclusionLimit_bits{"ExclusionLimit", 12, 40};
inline constexpr address_field ExclusionLimit{"ExclusionLimit", 12, 40};
inline constexpr std::array fields{ExclusionLimit_bits};
} // namespace exclusion_limit

namespace extended_feature { // 3.4.7, MMIO Offset 0030h
inline constexpr bit_field PreFSup{"PreFSup", 0, 1}, PPRSup{"PPRSup", 1, 1}, XTSup{"XTSup", 2, 1}, NXSup{"NXSup", 3, 1},
    GTSup{"GTSup", 4, 1}, IASup{"IASup", 6, 1}, GASup{"GASup", 7, 1}, HESup{"HESup", 8, 1}, PCSup{"PCSup", 9, 1},
    HATS{"HATS", 10, 2}, GATS{"GATS", 12, 2}, GLXSup{"GLXSup", 14, 2}, SmiFSup{"SmiFSup", 16, 2},
    SmiFRC{"SmiFRC", 18, 3}, GAMSup{"GAMSup", 21, 3}, DualPPRLogSup{"DualPPRLogSup", 24, 2},
    DualEventLogSup{"DualEventLogSup", 28, 2}, PASmax{"PASmax", 32, 5}, USSup{"USSup", 37, 1},
    DevTblSegSup{"DevTblSegSup", 38, 2}, PPROvrflwEarlySup{"PPROvrflwEarlySup", 40, 1},
    PPRAutoRspSup{"PPRAutoRspSup", 41, 1}, MarcSup{"MarcSup", 42, 2}, BlkStopMrkSup{"BlkStopMrkSup", 44, 1},
    PerfOptSup{"PerfOptSup", 45, 1}, MsiCapMmioSup{"MsiCapMmioSup", 46, 1}, GIoSup{"GIoSup", 48, 1},
    HASup{"HASup", 49, 1}, EPHSup{"EPHSup", 50, 1}, AttrFWSup{"AttrFWSup", 51, 1}, HDSup{"HDSup", 52, 1},
    InvIotlbTypeSup{"InvIotlbTypeSup", 54, 1}, GAUpdateDisSup{"GAUpdateDisSup", 61, 1},
    ForcePhyDestSup{"ForcePhyDestSup", 62, 1}, SNPSup{"SNPSup", 63, 1};
inline constexpr std::array fields{PreFSup,
                                   PPRSup,
                                   XTSup,
                                   NXSup,
                                   GTSup,
                                   IASup,
                                   GASup,
                                   HESup,
                                   PCSup,
                                   HATS,
                                   GATS,
                                   GLXSup,
                                   SmiFSup,
                                   SmiFRC,
                                   GAMSup,
                                   DualPPRLogSup,
                                   DualEventLogSup,
                                   PASmax,
                                   USSup,
                                   DevTblSegSup,
                                   PPROvrflwEarlySup,
                                   PPRAutoRspSup,
                                   MarcSup,
                                   BlkStopMrkSup,
                                   PerfOptSup,
                                   MsiCapMmioSup,
                                   GIoSup,
                                   HASup,
                                   EPHSup,
                                   AttrFWSup,
                                   HDSup,
                                   InvIotlbTypeSup,
                                   GAUpdateDisSup,
                                   ForcePhyDestSup,
                                   SNPSup};
/// HATS and GATS = n mean tables of up to 4 + n levels; 3 is reserved.
inline constexpr unsigned levels_of_0 = 4;
} // namespace extended_feature

namespace hardware_event_status { // 3.4.11, MMIO Offset 0050h
inline constexpr bit_field HEV{"HEV", 0, 1}, HEO{"HEO", 1, 1};
inline constexpr std::array fields{HEV, HEO};
} // namespace hardware_event_status

/// The IOMMU's MSI capability block, mirrored in MMIO space (3.4.17, MMIO Offsets 0158h to 0164h; MsiCapMmioSup).
namespace msi_capability {
inline constexpr bit_field MsiCapId{"MsiCapId", 0, 8}, MsiCapPtr{"MsiCapPtr", 8, 8}, MsiEn{"MsiEn", 16, 1},
    MsiMultMessCap{"MsiMultMessCap", 17, 3}, MsiMultMessEn{"MsiMultMessEn", 20, 3}, Msi64En{"Msi64En", 23, 1},
    MsiAddr_bits{"MsiAddr", 2, 30}, MsiAddrHi{"MsiAddr", 0, 32}, MsiData{"MsiData", 0, 16};
inline constexpr address_field MsiAddr{"MsiAddr", 2, 30};
inline constexpr std::array header{MsiCapId, MsiCapPtr, MsiEn, MsiMultMessCap, MsiMultMessEn, Msi64En};
inline constexpr std::array address_low{MsiAddr_bits};
inline constexpr std::array address_high{MsiAddrHi};
inline constexpr std::array data{MsiData};
} // namespace msi_capability

/// Byte offsets from the base of their ring, in steps of 16: CmdHeadPtr, CmdTailPtr, EventHeadPtr, EventTailPtr,
/// PPRHead, PPRTail (3.4.13 to 3.4.16).
namespace ring_pointer {
inline constexpr bit_field Ptr_bits{"Ptr", 4, 15};
inline constexpr address_field Ptr{"Ptr", 4, 15};
inline constexpr std::array fields{Ptr_bits};
} // namespace ring_pointer

namespace status { // 3.4.15, MMIO Offset 2020h
inline constexpr bit_field EventOverflow{"EventOverflow", 0, 1}, EventLogInt{"EventLogInt", 1, 1},
    ComWaitInt{"ComWaitInt", 2, 1}, EventLogRun{"EventLogRun", 3, 1}, CmdBufRun{"CmdBufRun", 4, 1},
    PPROverflow{"PPROverflow", 5, 1}, PPRInt{"PPRInt", 6, 1}, PPRLogRun{"PPRLogRun", 7, 1}, GALogRun{"GALogRun", 8, 1},
    GALOverflow{"GALOverflow", 9, 1}, GAInt{"GAInt", 10, 1}, PPROvrflwB{"PPROvrflwB", 11, 1},
    PPRLogActive{"PPRLogActive", 12, 1}, EvtOvrflwB{"EvtOvrflwB", 15, 1}, EvtLogActive{"EvtLogActive", 16, 1},
    PPROvrflwEarlyB{"PPROvrflwEarlyB", 17, 1}, PPROvrflwEarly{"PPROvrflwEarly", 18, 1};
inline constexpr std::array fields{EventOverflow,   EventLogInt,   ComWaitInt,   EventLogRun, CmdBufRun,
                                   PPROverflow,     PPRInt,        PPRLogRun,    GALogRun,    GALOverflow,
                                   GAInt,           PPROvrflwB,    PPRLogActive, EvtOvrflwB,  EvtLogActive,
                                   PPROvrflwEarlyB, PPROvrflwEarly};
} // namespace status

/// Positions in registers(): the declaration of each register by name.
namespace reg {
extern const register_declaration &DeviceTableBase, &CommandBufferBase, &EventLogBase, &Control, &ExclusionBase,
    &ExclusionLimit, &ExtendedFeature, &PPRLogBase, &HardwareEventUpper, &HardwareEventLower, &HardwareEventStatus,
    &MSICapabilityHeader, &MSIAddressLow, &MSIAddressHigh, &MSIData, &CommandBufferHead, &CommandBufferTail,
    &EventLogHead, &EventLogTail, &Status, &PPRLogHead, &PPRLogTail;
} // namespace reg

/// All registers, in order of offset. The feature register resets to zero here: each IOMMU sets its own value.
std::span<const register_declaration> registers();

} // namespace iommulab::amd_vi
