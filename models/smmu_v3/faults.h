// SPDX-License-Identifier: Apache-2.0
// From what went wrong to the event record and the fate of the access: Arm IHI 0070, 3.12, 5.5, 7.3. No SystemC.
#pragma once

#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/pagetables/arm_vmsa_walk.h"
#include "models/smmu_v3/configuration.h"
#include "models/smmu_v3/spec/events.h"

#include <cstdint>

namespace iommulab::smmu_v3 {

/// Terminated with an abort and no event: STE.Config = 0b000, GBPA.ABORT, an address that global bypass can't carry.
fault silent_abort();
/// A record with the fields that all events share; the access aborts (3.12.2: configuration errors are never stalled).
fault configuration_fault(event e, const access& a);
/// The same for an external abort on a fetch: F_STE_FETCH, F_CD_FETCH, with FetchAddr.
fault fetch_fault(event e, const access& a, std::uint64_t fetch_address);
/// F_TRANSL_FORBIDDEN and F_BAD_ATS_TREQ (7.3.6, 7.3.8), with InputAddr and the kind of access.
fault ats_fault(event e, const access& a);
/// A fault of a walk: F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION, F_WALK_EABT (7.3.12 to 7.3.16), ended as the
/// CD (stage 1) or the STE (stage 2) says.
fault walk_fault(const arm_vmsa::walk_fault& f, const access& a, const stream_configuration& c);

/// The access as it is after STE.PRIVCFG and STE.INSTCFG (5.2).
access overridden(access a, const stream_configuration& c);
/// Rights of a page for accesses as they come, from its rights for accesses after STE.PRIVCFG and STE.INSTCFG.
std::uint8_t rights_before_override(std::uint8_t allowed, const stream_configuration& c);

} // namespace iommulab::smmu_v3
