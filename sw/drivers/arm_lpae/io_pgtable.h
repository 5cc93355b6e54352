// SPDX-License-Identifier: Apache-2.0
// Tables of the Arm VMSA as a driver uses them: page sizes, errors and invalidations of io-pgtable-arm.c in Linux 6.1.
#pragma once

#include "sw/iommu/domain.h"
#include "sw/iommu/kernel.h"
#include "sw/pagetables/arm_lpae.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace iommulab::sw::arm_lpae {

/// How a driver invalidates; each returns when the hardware is done (struct iommu_flush_ops).
class tlb_operations {
  public:
    virtual ~tlb_operations() = default;
    virtual void flush_all() = 0;
    /// A table is gone: walk caches too.
    virtual void flush_walk(std::uint64_t iova, std::uint64_t bytes, std::uint64_t granule) = 0;
    /// Leaves of `page_bytes` are about to change.
    virtual void flush_leaves(std::uint64_t iova, std::uint64_t bytes, std::uint64_t page_bytes) = 0;
};

struct configuration {
    unsigned stage = 1;
    std::uint64_t hardware_page_sizes = 0; ///< a bit each; the granule is the kernel's page size if it is among them
    unsigned input_bits = 48, output_bits = 48;
    bool coherent_walk = true; ///< the walker snoops the CPU's caches
    bool contiguous = false;   ///< use the Contiguous bit, which Linux 6.1 does not
    unsigned node = 0;
};

class io_pgtable final : private table_memory, private table_listener {
  public:
    /// Null: no granule, or a size that the format does not have, or no memory.
    static std::unique_ptr<io_pgtable> make(kernel& k, const configuration& c, tlb_operations& tlb, std::string device);
    /// Invalidates everything, then frees the tables.
    ~io_pgtable() override;

    /// As configured, after the restrictions of the granule.
    [[nodiscard]] std::uint64_t page_sizes() const { return page_sizes_; }
    [[nodiscard]] unsigned input_bits() const { return tables_->configuration().input_bits; }
    [[nodiscard]] unsigned output_bits() const { return tables_->configuration().output_bits; }
    [[nodiscard]] unsigned granule_log2() const { return tables_->configuration().granule_log2; }
    [[nodiscard]] std::uint64_t root() const { return tables_->root(); }
    [[nodiscard]] unsigned start_level() const { return tables_->start_level(); }

    map_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes, std::uint64_t count,
                         const protection& prot);
    std::uint64_t unmap_pages(domain& d, std::uint64_t iova, std::uint64_t page_bytes, std::uint64_t count,
                              iotlb_gather& gather);
    std::uint64_t iova_to_phys(std::uint64_t iova);

  private:
    io_pgtable(kernel& k, const configuration& c, tlb_operations& tlb, std::string device);

    std::uint64_t read64(std::uint64_t address) override;
    void write64(std::uint64_t address, std::uint64_t value) override;
    void zero(std::uint64_t address, std::uint64_t size_bytes) override;
    std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) override;
    void release(std::uint64_t address, std::uint64_t size_bytes) override;
    void leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) override;
    void table_removed(std::uint64_t iova, std::uint64_t size_bytes) override;
    /// The largest page size that divides the size of a leaf or of a contiguous run.
    [[nodiscard]] std::uint64_t page_of(std::uint64_t size_bytes) const;

    kernel& kernel_;
    configuration configuration_;
    tlb_operations& tlb_;
    std::string device_;
    std::uint64_t page_sizes_ = 0;
    std::unique_ptr<arm_lpae_tables> tables_;
    struct unmapping {
        domain& d;
        std::uint64_t iova, bytes;
        iotlb_gather& gather;
    };
    [[nodiscard]] unmapping*& of_this_cpu();
    std::vector<unmapping*> unmapping_; ///< what unmap_pages() is doing, by CPU: an invalidation lets others run
    bool have_root_ = false;
};

} // namespace iommulab::sw::arm_lpae
