// SPDX-License-Identifier: Apache-2.0
// A domain on remapping units: pass-through, second level tables, or first level tables of the CPU's format.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/drivers/intel/dmar_unit.h"
#include "sw/iommu/domain.h"
#include "sw/pagetables/radix_formats.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace iommulab::sw::intel {

class intel_driver;

/// Where a claimed device goes (Linux 6.2): its translation is blocked, and that takes no domain id.
class blocking_domain final : public domain {
  public:
    explicit blocking_domain(iommu_driver& driver) : domain(driver, domain_type::blocked) {}

    result<void> attach_dev(device& dev) override;
    [[nodiscard]] bool offers_mapping() const override { return false; }
    map_result map_pages(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, const protection&) override {
        return {};
    }
    std::uint64_t unmap_pages(std::uint64_t, std::uint64_t, std::uint64_t, iotlb_gather&) override { return 0; }
    std::uint64_t iova_to_phys(std::uint64_t) override { return 0; }
};

/// It may span units, with a domain id on each. What it is narrows with the units that it meets, and stays so: the
/// width of its addresses, and with it the levels of its tables; whether its accesses are forced to snoop.
class intel_domain final : public domain, private table_memory, private table_listener {
  public:
    intel_domain(kernel& k, intel_driver& driver, domain_type type, bool first_level);
    ~intel_domain() override;
    /// False: there was no memory for the root table.
    [[nodiscard]] bool complete() const { return tables_->status() == table_status::ok; }

    result<void> attach_dev(device& dev) override;
    [[nodiscard]] bool offers_detach() const override { return true; }
    void detach_dev(device& dev) override;
    map_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes, std::uint64_t count,
                         const protection& prot) override;
    std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t page_bytes, std::uint64_t count,
                              iotlb_gather& gather) override;
    void flush_iotlb_all() override;
    void iotlb_sync(iotlb_gather& gather) override;
    void iotlb_sync_map(std::uint64_t iova, std::uint64_t bytes) override;
    std::uint64_t iova_to_phys(std::uint64_t iova) override;
    bool enforce_cache_coherency() override;

    [[nodiscard]] bool uses_first_level() const { return first_level_; }
    [[nodiscard]] unsigned levels() const { return tables_->levels(); }
    [[nodiscard]] unsigned width() const { return width_; }
    /// Its id on a unit; 0: it is not there.
    [[nodiscard]] std::uint32_t id_on(dmar_unit& unit) const;

    /// Takes a device off whatever domain it is on, for good: PASID and context entries, ATS, domain id.
    static void remove(dmar_device& d);
    /// Takes it off, and lets none of its accesses pass; in scalable mode its context entries stay.
    static void block(dmar_device& d);

  private:
    // attach, in the order of Linux 6.1; where 6.0 and 6.2 differ, as the rules in force have it
    void leave_old_domain(dmar_device& d);
    result<void> prepare(const dmar_device& d);
    result<void> join_unit(dmar_device& d);
    void leave_unit(dmar_unit& unit);
    result<void> set_pasid_entry(dmar_device& d);
    result<void> set_first_level(dmar_device& d);
    result<void> set_second_level(dmar_device& d);
    result<void> fill_pasid_entry(dmar_device& d, pasid_tables::words entry, std::uint32_t domain_id);
    result<void> set_context_entries(dmar_device& d);
    result<void> set_context_entry(dmar_device& d, std::uint16_t rid);
    [[nodiscard]] std::vector<std::uint64_t> context_entry_of(const dmar_device& d, std::uint16_t rid) const;
    void enable_ats(dmar_device& d);
    void update_capabilities();

    static void unlink(dmar_device& d);
    static void disable_ats(dmar_device& d);
    static void tear_down_pasid(dmar_device& d);
    static void clear_context_entries(dmar_device& d);

    // invalidation
    void flush_pages(dmar_unit& unit, std::uint32_t id, std::uint64_t iova, std::uint64_t pages, bool leaf,
                     bool mapping);
    void flush_device_tlbs(std::uint64_t iova, unsigned order);
    void free_covered(std::uint64_t first, std::uint64_t last);

    // table_memory, table_listener
    std::uint64_t read64(std::uint64_t address) override;
    void write64(std::uint64_t address, std::uint64_t value) override;
    void zero(std::uint64_t address, std::uint64_t size_bytes) override;
    std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) override;
    void release(std::uint64_t address, std::uint64_t size_bytes) override;
    void leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) override;
    void table_removed(std::uint64_t iova, std::uint64_t size_bytes) override;

    struct place {
        std::uint32_t domain_id;
        unsigned devices;
    };
    /// A table that hardware may still walk, until the range that it was for has been invalidated.
    struct unlinked_table {
        std::uint64_t first, last, address;
    };

    kernel& kernel_;
    intel_driver& driver_;
    ticket_lock lock_;
    bool first_level_;
    std::unique_ptr<radix_format> format_;
    std::unique_ptr<radix_tables> tables_;
    unsigned width_;                ///< gaw
    std::uint64_t max_address_ = 0; ///< end of the highest mapping
    bool force_snooping_ = false, snoop_in_entries_ = false, coherent_ = true;
    std::map<dmar_unit*, place> units_;
    std::vector<dmar_device*> devices_; ///< newest first
    std::vector<unlinked_table> unlinked_;
    std::vector<std::uint64_t>
        skipped_roots_; ///< of levels that a narrow unit does not have: others may still walk them
    bool shrinking_ = false;
    struct removal { ///< what is being taken out of the tables now, by CPU: memory accesses let others run
        bool now = false;
        std::uint64_t first = ~std::uint64_t{0}, last = 0; ///< leaves and tables together
        std::uint64_t table_first = 0, table_last = 0;     ///< of the last table
    };
    [[nodiscard]] removal& of_this_cpu();
    /// Takes a range out of the tables; returns as radix_tables::unmap(), and what was in the way of it.
    std::uint64_t remove_range(std::uint64_t iova, std::uint64_t bytes, removal& gone);
    std::vector<removal> removals_;
};

} // namespace iommulab::sw::intel
