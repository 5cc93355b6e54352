// SPDX-License-Identifier: Apache-2.0
// A domain on AMD IOMMUs: no tables (identity), version 1 tables of 1 to 6 levels, or version 2 tables behind a guest
// CR3 table.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/drivers/amd/amd_unit.h"
#include "sw/iommu/domain.h"
#include "sw/pagetables/radix_formats.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace iommulab::sw::amd {

class amd_driver;

/// Nothing binds it to an IOMMU: any device may join. Its id and its tables are there from the start.
class amd_domain final : public domain, private table_memory, private table_listener {
  public:
    enum class tables : std::uint8_t { none, version_1, version_2 };
    /// Null: no domain id is left, or no memory.
    static std::unique_ptr<amd_domain> make(kernel& k, amd_driver& driver, domain_type type, tables kind);
    ~amd_domain() override;

    result<void> attach_dev(device& dev) override;
    [[nodiscard]] bool offers_detach() const override { return true; }
    void detach_dev(device& dev) override;
    map_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes, std::uint64_t count,
                         const protection& prot) override;
    std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t page_bytes, std::uint64_t count,
                              iotlb_gather& gather) override;
    void flush_iotlb_all() override;
    void iotlb_sync(iotlb_gather& gather) override;
    std::uint64_t iova_to_phys(std::uint64_t iova) override;
    /// Accesses always snoop.
    bool enforce_cache_coherency() override { return true; }
    [[nodiscard]] bool offers_pasids() const override { return true; }
    result<void> enable_pasids(std::uint32_t pasids) override;

    [[nodiscard]] std::uint16_t id() const { return id_; }
    [[nodiscard]] tables kind() const { return kind_; }
    /// Of version 1 tables: how many there are by now.
    [[nodiscard]] unsigned levels() const { return tables_ ? tables_->levels() : 0; }
    [[nodiscard]] bool has_pasids() const { return guest_cr3_table_ != 0; }

    /// Takes a device off its domain: nothing passes then. Nothing when it is on none.
    static void detach(amd_device& d);

  private:
    amd_domain(kernel& k, amd_driver& driver, domain_type type, tables kind, std::uint16_t id);
    bool make_tables();
    result<void> make_guest_cr3_table(std::uint32_t pasids);
    void release_guest_cr3_table();
    void release_tables();

    result<void> join(amd_device& d);
    bool enable_pri(amd_device& d);
    void write_entry(amd_device& d);
    void write_all_entries();
    static void flush_entry(amd_device& d);
    bool grow_to(std::uint64_t last);

    // invalidation: queues commands; wait_for_all() waits for them
    void flush_pages(std::uint64_t address, std::uint64_t bytes);
    void flush_all_pages() { flush_pages(0, ~std::uint64_t{0}); }
    void wait_for_all();
    void free_unlinked();

    // table_memory, table_listener
    std::uint64_t read64(std::uint64_t address) override;
    void write64(std::uint64_t address, std::uint64_t value) override;
    void zero(std::uint64_t address, std::uint64_t size_bytes) override;
    std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) override;
    void release(std::uint64_t address, std::uint64_t size_bytes) override;
    void leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) override;
    void table_removed(std::uint64_t iova, std::uint64_t size_bytes) override { leaf_removed(iova, size_bytes); }

    struct removal { ///< what went out of the tables since it was cleared, by CPU: memory accesses let others run
        bool any = false;
        std::uint64_t first = ~std::uint64_t{0}, last = 0;
    };
    [[nodiscard]] removal& of_this_cpu();

    kernel& kernel_;
    amd_driver& driver_;
    ticket_lock lock_;
    tables kind_;
    std::uint16_t id_;
    std::unique_ptr<radix_format> format_;
    std::unique_ptr<radix_tables> tables_;
    std::uint64_t guest_cr3_table_ = 0; ///< 0: there are no PASIDs
    unsigned guest_cr3_levels_ = 0;     ///< GLX: levels less one
    std::vector<amd_device*> devices_;  ///< newest first
    std::map<amd_unit*, unsigned> units_;
    std::vector<std::uint64_t> unlinked_; ///< tables that hardware may walk until the next flush of all
    bool freeing_ = false;
    std::vector<removal> removals_;
};

} // namespace iommulab::sw::amd
