// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/unit_features.h"

#include "models/vtd/spec/registers.h"
#include "sw/drivers/intel/layout.h"

#include <algorithm>

namespace iommulab::sw::intel {

using namespace iommulab::vtd;

namespace {

/// Offsets in CAP and ECAP count 16 bytes.
constexpr unsigned offset_unit_bytes = 16;

constexpr std::uint64_t bit(unsigned n) {
    return std::uint64_t{1} << n;
}

/// A bit for each agaw that the tables in use can have.
std::uint64_t usable_agaws(const unit_features& f, std::uint64_t sagaw) {
    const std::uint64_t first = bit(cap::sagaw_48_bits) | (f.five_levels ? bit(cap::sagaw_57_bits) : 0);
    if (!f.scalable || !f.first_level)
        return sagaw;
    return f.second_level ? first & sagaw : first;
}

int largest_agaw(std::uint64_t usable, unsigned from) {
    for (int agaw = static_cast<int>(from); agaw >= 0; --agaw)
        if (usable & bit(static_cast<unsigned>(agaw)))
            return agaw;
    return -1;
}

} // namespace

unsigned unit_features::width() const {
    return std::min(width_of_agaw(static_cast<unsigned>(agaw)), max_width);
}

unit_features read_features(std::uint64_t cap, std::uint64_t ecap, const instance_firmware& firmware) {
    unit_features f;
    const auto has = [](const bit_field& field, std::uint64_t word) { return field.of(word) != 0; };
    f.domain_ids = 1U << (4 + 2 * cap::ND.of(cap));
    f.domain_ids =
        static_cast<unsigned>(std::min<std::uint64_t>(firmware.property("domain-ids", f.domain_ids), f.domain_ids));
    f.max_width = static_cast<unsigned>(cap::MGAW.of(cap)) + 1;
    f.wide_descriptors = has(ecap::SMTS, ecap);
    f.scalable = f.wide_descriptors && firmware.property("scalable", 1) != 0;
    f.first_level = has(ecap::FSTS, ecap);
    f.second_level = has(ecap::SSTS, ecap);
    f.five_levels = has(cap::FS5LP, cap);
    f.first_level_1g = has(cap::FS1GP, cap);
    f.pass_through = has(ecap::PT, ecap);
    f.snoop_control = has(ecap::SC, ecap);
    f.caching_mode = has(cap::CM, cap);
    f.queued_invalidation = has(ecap::QI, ecap) && firmware.property("queued-invalidation", 1) != 0;
    f.coherent = has(ecap::C, ecap);
    f.coherent_page_walk = f.scalable ? has(ecap::SMPWCS, ecap) : f.coherent;
    f.device_tlb = has(ecap::DT, ecap);
    f.pasid = f.scalable && has(ecap::PASID, ecap);
    f.supervisor_requests = has(ecap::SRS, ecap);
    f.page_requests = has(ecap::PRS, ecap);
    f.page_request_drain = has(ecap::PDS, ecap);
    f.write_buffer_flush = has(cap::RWBF, cap);
    f.protected_regions = has(cap::PLMR, cap) || has(cap::PHMR, cap);
    f.root_set_invalidates = has(cap::ESRTPS, cap);
    f.page_selective = has(cap::PSI, cap);
    f.write_drain = has(cap::DWD, cap);
    f.read_drain = has(cap::DRD, cap);
    f.max_address_mask = static_cast<unsigned>(cap::MAMV.of(cap));
    f.pasid_bits = static_cast<unsigned>(ecap::PSS.of(ecap)) + 1;
    f.second_level_sizes = (cap::SSLPS.of(cap) & bit(cap::sslps_2m) ? bit(21) : 0) |
                           (cap::SSLPS.of(cap) & bit(cap::sslps_1g) ? bit(30) : 0);
    f.fault_records = static_cast<unsigned>(cap::NFR.of(cap)) + 1;
    f.fault_offset = static_cast<std::uint32_t>(cap::FRO.of(cap)) * offset_unit_bytes;
    f.iotlb_offset = static_cast<std::uint32_t>(ecap::IRO.of(ecap)) * offset_unit_bytes;

    const std::uint64_t usable = usable_agaws(f, cap::SAGAW.of(cap));
    f.agaw = largest_agaw(usable, agaw_of_width(default_domain_width));
    f.max_agaw = largest_agaw(usable, agaw_of_width(64));
    return f;
}

} // namespace iommulab::sw::intel
