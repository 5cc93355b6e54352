// SPDX-License-Identifier: Apache-2.0
// Invalidation, by queue and by registers (VT-d, "Invalidation of Translation Caches").
#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/registers.h"
#include "sw/drivers/intel/dmar_unit.h"
#include "sw/drivers/intel/layout.h"

#include <mutex>

namespace iommulab::sw::intel {

using namespace iommulab::vtd;

namespace {

constexpr std::uint64_t of(granularity g) {
    return static_cast<std::uint64_t>(g);
}
descriptor_words make(descriptor_type t) {
    descriptor_words d{};
    descriptor::Type.put(d, static_cast<std::uint64_t>(t));
    return d;
}
/// An address with the number of pages in its lowest zero bit, as PCIe ATS has it.
std::uint64_t sized_address(std::uint64_t address, unsigned order) {
    return order == 0 ? address : address | ((std::uint64_t{1} << (page_shift + order - 1)) - 1);
}

} // namespace

void dmar_unit::flush_context(std::uint64_t g, std::uint32_t domain_id, std::uint16_t rid) {
    if (queue_.usable()) {
        descriptor_words d = make(descriptor_type::context_cache);
        descriptor::G.put(d, g);
        descriptor::DID.put(d, domain_id);
        descriptor::SID.put(d, rid);
        queue_.submit(d);
        return;
    }
    const std::lock_guard held(register_lock_);
    write64(reg::CCMD.offset, ccmd::ICC.make(1) | ccmd::CIRG.make(g) | ccmd::DID.make(domain_id) | ccmd::SID.make(rid));
    wait(reg::CCMD.offset, 8, "context-cache invalidation", [](std::uint64_t v) { return ccmd::ICC.of(v) == 0; });
}

void dmar_unit::flush_context_all() {
    flush_context(of(granularity::global), 0, 0);
}
void dmar_unit::flush_context_device(std::uint32_t domain_id, std::uint16_t rid) {
    flush_context(of(granularity::selective), domain_id, rid);
}

void dmar_unit::flush_iotlb(std::uint64_t g, std::uint32_t domain_id, std::uint64_t address, unsigned order,
                            bool leaf) {
    if (queue_.usable()) {
        descriptor_words d = make(descriptor_type::iotlb);
        descriptor::G.put(d, g);
        descriptor::DID.put(d, domain_id);
        descriptor::DW.put(d, features_.write_drain);
        descriptor::DR.put(d, features_.read_drain);
        d[1] = descriptor::ADDR.put(0, address);
        descriptor::AM.put(d, order);
        queue_.submit(d); // IH stays 0: Linux 6.1 gives the hint to the register alone
        return;
    }
    const std::lock_guard held(register_lock_);
    const std::uint32_t iva_offset = features_.iotlb_offset, iotlb_offset = features_.iotlb_offset + 8;
    if (g == of(granularity::selective))
        write64(iva_offset, iva::ADDR.put(iva::AM.make(order) | iva::IH.make(leaf), address));
    write64(iotlb_offset, iotlb::IVT.make(1) | iotlb::IIRG.make(g) | iotlb::DID.make(domain_id) |
                              iotlb::DW.make(features_.write_drain));
    const std::uint64_t done =
        wait(iotlb_offset, 8, "IOTLB invalidation", [](std::uint64_t v) { return iotlb::IVT.of(v) == 0; });
    if (iotlb::IAIG.of(done) == 0)
        kernel_.say(log_level::error, name(), "the IOTLB invalidation failed");
}

void dmar_unit::flush_iotlb_all() {
    flush_iotlb(of(granularity::global), 0, 0, 0, false);
}
void dmar_unit::flush_iotlb_domain(std::uint32_t domain_id) {
    flush_iotlb(of(granularity::domain), domain_id, 0, 0, false);
}
void dmar_unit::flush_iotlb_pages(std::uint32_t domain_id, std::uint64_t address, unsigned order, bool leaf) {
    flush_iotlb(of(granularity::selective), domain_id, address, order, leaf);
}

void dmar_unit::submit_pasid_cache(std::uint64_t g, std::uint32_t domain_id, std::uint32_t pasid) {
    if (!queue_.usable())
        return;
    descriptor_words d = make(descriptor_type::pasid_cache);
    descriptor::G.put(d, g);
    descriptor::DID.put(d, domain_id);
    descriptor::PASID.put(d, pasid);
    queue_.submit(d);
}

void dmar_unit::flush_pasid_cache_all() {
    submit_pasid_cache(static_cast<std::uint64_t>(pasid_cache_granularity::global), 0, 0);
}
void dmar_unit::flush_pasid_cache_domain(std::uint32_t domain_id) {
    submit_pasid_cache(static_cast<std::uint64_t>(pasid_cache_granularity::domain), domain_id, 0);
}
void dmar_unit::flush_pasid_cache(std::uint32_t domain_id, std::uint32_t pasid) {
    submit_pasid_cache(static_cast<std::uint64_t>(pasid_cache_granularity::pasid_selective), domain_id, pasid);
}

void dmar_unit::flush_pasid_iotlb(std::uint32_t domain_id, std::uint32_t pasid) {
    if (!queue_.usable())
        return;
    descriptor_words d = make(descriptor_type::pasid_iotlb);
    descriptor::G.put(d, static_cast<std::uint64_t>(pasid_iotlb_granularity::pasid_selective));
    descriptor::DID.put(d, domain_id);
    descriptor::PASID.put(d, pasid);
    queue_.submit(d);
}

void dmar_unit::flush_pasid_iotlb_pages(std::uint32_t domain_id, std::uint32_t pasid, std::uint64_t address,
                                        unsigned order, bool leaf) {
    if (!queue_.usable())
        return;
    descriptor_words d = make(descriptor_type::pasid_iotlb);
    descriptor::G.put(d, static_cast<std::uint64_t>(pasid_iotlb_granularity::page_selective));
    descriptor::DID.put(d, domain_id);
    descriptor::PASID.put(d, pasid);
    d[1] = descriptor::ADDR.put(0, address);
    descriptor::AM.put(d, order);
    descriptor::IH.put(d, leaf);
    queue_.submit(d);
}

void dmar_unit::flush_device_tlb(const dmar_device& device, std::uint64_t address, unsigned order) {
    if (!device.ats_enabled || !queue_.usable() || !gcmd::TE.of(commands_))
        return;
    descriptor_words d = make(descriptor_type::device_tlb);
    descriptor::device_SID.put(d, device.rids.front());
    d[1] = descriptor::ADDR.put(0, sized_address(address, order));
    descriptor::S.put(d, order != 0);
    queue_.submit(d);
}

void dmar_unit::flush_write_buffer() {
    if (!features_.write_buffer_flush)
        return;
    const std::lock_guard held(register_lock_);
    write32(reg::GCMD.offset, gcmd::WBF.put(commands_, 1));
    wait(reg::GSTS.offset, 4, "write-buffer flush", [](std::uint64_t s) { return gsts::WBFS.of(s) == 0; });
}

} // namespace iommulab::sw::intel
