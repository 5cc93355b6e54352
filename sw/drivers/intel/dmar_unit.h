// SPDX-License-Identifier: Apache-2.0
// One DMA remapping unit as its driver knows it: registers, tables, invalidation, faults.
#pragma once

#include "models/core/bit_field.h"
#include "sw/drivers/intel/invalidation_queue.h"
#include "sw/drivers/intel/translation_structures.h"
#include "sw/iommu/driver.h"
#include "sw/iommu/id_allocator.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace iommulab::sw::intel {

class dmar_unit;
class intel_domain;

/// A device behind a unit: the driver's record of it.
struct dmar_device : device_private {
    dmar_device(device& d, dmar_unit& u) : dev(d), behind(u) {}
    device& dev;
    dmar_unit& behind;
    std::vector<std::uint16_t> rids; ///< its own first, then those that it goes by behind bridges
    intel_domain* attached = nullptr;
    std::unique_ptr<pasid_tables> pasids; ///< scalable mode
    bool ats_supported = false, ats_enabled = false, pasid_supported = false, page_requests_supported = false;
};

/// A fault as software sees it: a fault recording register.
struct fault_report {
    std::uint64_t time_ns = 0;
    const dmar_unit* from = nullptr;
    std::array<std::uint64_t, 2> words{};
};

class dmar_unit final : public instance {
  public:
    dmar_unit(kernel& k, iommu_driver& driver, const instance_firmware& firmware, const unit_features& f);
    ~dmar_unit() override;

    /// Root table, queue, interrupts, in the order of Linux 6.1; ends with translation on.
    result<void> start();

    [[nodiscard]] const unit_features& has() const { return features_; }
    /// The Linux that drives it.
    [[nodiscard]] kernel_version version() const { return kernel_.version(); }
    [[nodiscard]] context_tables& contexts() { return contexts_; }
    [[nodiscard]] id_allocator& domain_ids() { return domain_ids_; }
    [[nodiscard]] ticket_lock& lock() { return lock_; }
    [[nodiscard]] const invalidation_queue& queue() const { return queue_; }

    // --- invalidation; each returns when the unit is done. Through the queue, or registers where there is none.
    void flush_context_all();
    void flush_context_device(std::uint32_t domain_id, std::uint16_t rid);
    void flush_iotlb_all();
    void flush_iotlb_domain(std::uint32_t domain_id);
    /// 2^order pages from `address` on, which is a multiple of that; `leaf` says that no table has changed.
    void flush_iotlb_pages(std::uint32_t domain_id, std::uint64_t address, unsigned order, bool leaf);
    void flush_pasid_cache_all();
    void flush_pasid_cache_domain(std::uint32_t domain_id);
    void flush_pasid_cache(std::uint32_t domain_id, std::uint32_t pasid);
    void flush_pasid_iotlb(std::uint32_t domain_id, std::uint32_t pasid);
    void flush_pasid_iotlb_pages(std::uint32_t domain_id, std::uint32_t pasid, std::uint64_t address, unsigned order,
                                 bool leaf);
    /// What the device itself has cached of 2^order pages, at most 2^52, which is all. Nothing for a device without
    /// ATS.
    void flush_device_tlb(const dmar_device& d, std::uint64_t address, unsigned order);
    /// For hardware that buffers its writes (CAP.RWBF).
    void flush_write_buffer();

    /// Sees every fault first; true: dealt with, hence not logged.
    using fault_handler = std::function<bool(const fault_report&)>;
    void on_fault(fault_handler h) { fault_handler_ = std::move(h); }
    struct statistics {
        std::uint64_t faults = 0, overflows = 0;
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }
    /// The interrupt handler; public, so that a machine without interrupts can poll.
    void handle_faults();

  private:
    std::uint64_t read32(std::uint32_t offset);
    std::uint64_t read64(std::uint32_t offset);
    void write32(std::uint32_t offset, std::uint64_t value);
    void write64(std::uint32_t offset, std::uint64_t value);
    /// Until `done` of the register. Throws std::runtime_error after as long as Linux waits before it panics.
    std::uint64_t wait(std::uint32_t offset, unsigned bytes, const char* what,
                       const std::function<bool(std::uint64_t)>& done);
    void command(const bit_field& field, bool on, const bit_field& status, const char* what);
    void set_root();
    void set_up_queue();
    void set_up_interrupt();
    void disable_protected_regions();
    void flush_context(std::uint64_t granularity, std::uint32_t domain_id, std::uint16_t rid);
    void flush_iotlb(std::uint64_t granularity, std::uint32_t domain_id, std::uint64_t address, unsigned order,
                     bool leaf);
    void submit_pasid_cache(std::uint64_t granularity, std::uint32_t domain_id, std::uint32_t pasid);
    void report_fault(const std::array<std::uint64_t, 2>& words);

    kernel& kernel_;
    unit_features features_;
    invalidation_queue queue_;
    context_tables contexts_;
    id_allocator domain_ids_;
    ticket_lock lock_, register_lock_;
    std::uint64_t commands_ = 0; ///< what GCMD was last told to keep on
    fault_handler fault_handler_;
    rate_limit fault_limit_;
    statistics counted_;
    bool enabled_ = false;
};

} // namespace iommulab::sw::intel
