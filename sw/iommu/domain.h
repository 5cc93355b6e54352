// SPDX-License-Identifier: Apache-2.0
// A domain: an IO address space, and what a driver can do with it.
#pragma once

#include "sw/iommu/failure.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>

namespace iommulab::sw {

class device;
class domain;
class iommu_driver;

enum class domain_type : std::uint8_t { blocked, identity, unmanaged, dma, dma_fq };
const char* name_of(domain_type type);
constexpr bool is_paging(domain_type type) {
    return type >= domain_type::unmanaged;
}
constexpr bool is_dma(domain_type type) {
    return type >= domain_type::dma;
}

/// What a mapping allows, and how the memory behind it is to be treated.
struct protection {
    bool read = false, write = false;
    bool cache = false; ///< coherent with the CPU's caches
    bool no_execute = false;
    bool mmio = false; ///< device memory: doorbells
    bool privileged = false;
};

/// Ranges that were unmapped and still have to be invalidated (struct iommu_iotlb_gather).
struct iotlb_gather {
    std::uint64_t start = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t end = 0;        ///< last byte
    std::uint64_t page_bytes = 0; ///< 0: nothing gathered
    bool queued = false;          ///< a flush queue will invalidate everything: nothing need be gathered

    /// Grows by a page; what is gathered is invalidated first when the page is of another size or not adjacent.
    void add_page(domain& d, std::uint64_t iova, std::uint64_t bytes);
};

struct map_result {
    std::uint64_t mapped_bytes = 0; ///< also when it failed after some pages
    result<void> status;
};

/// The driver's side of a domain (struct iommu_domain_ops). Drivers derive from it.
class domain {
  public:
    domain(iommu_driver& owner, domain_type type) : owner_(owner), type_(type) {}
    virtual ~domain() = default;
    domain(const domain&) = delete;
    domain& operator=(const domain&) = delete;

    [[nodiscard]] iommu_driver& owner() const { return owner_; }
    [[nodiscard]] domain_type type() const { return type_; }
    void set_type(domain_type type) { type_ = type; }
    /// Page sizes that it can map, a bit each; a driver may restrict them at the first attach.
    [[nodiscard]] std::uint64_t page_sizes() const { return page_sizes_; }
    [[nodiscard]] std::uint64_t smallest_page_bytes() const {
        return page_sizes_ == 0 ? 0 : std::uint64_t{1} << std::countr_zero(page_sizes_);
    }
    [[nodiscard]] std::uint64_t aperture_first() const { return aperture_first_; }
    [[nodiscard]] std::uint64_t aperture_last() const { return aperture_last_; }
    /// Accesses outside the aperture do not pass.
    [[nodiscard]] bool aperture_forced() const { return aperture_forced_; }
    /// Counted from 1 over the whole run, to name it in results.
    [[nodiscard]] unsigned number() const { return number_; }

    /// Never call it directly: the core counts and times the calls.
    virtual result<void> attach_dev(device& dev) = 0;
    /// False: the driver has no attach_dev for such domains.
    [[nodiscard]] virtual bool offers_attach() const { return true; }
    [[nodiscard]] virtual bool offers_detach() const { return false; }
    virtual void detach_dev(device&) {}

    [[nodiscard]] virtual bool offers_mapping() const { return true; }
    virtual map_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes,
                                 std::uint64_t count, const protection& prot) = 0;
    /// Bytes unmapped: less than asked for at a hole.
    virtual std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t page_bytes, std::uint64_t count,
                                      iotlb_gather& gather) = 0;
    virtual void flush_iotlb_all() {}
    virtual void iotlb_sync(iotlb_gather&) {}
    virtual void iotlb_sync_map(std::uint64_t, std::uint64_t) {}
    /// 0 when nothing is mapped there.
    virtual std::uint64_t iova_to_phys(std::uint64_t iova) = 0;

    /// Asks that the domain can carry a guest's stage 1; before the first attach.
    [[nodiscard]] virtual bool offers_nesting() const { return false; }
    virtual result<void> enable_nesting() { return {}; }
    /// Makes it a domain of address spaces by PASID, before any device is on it; what comes without PASID passes
    /// untranslated (amd_iommu_domain_enable_v2).
    [[nodiscard]] virtual bool offers_pasids() const { return false; }
    virtual result<void> enable_pasids(std::uint32_t) { return {}; }
    /// Makes all DMA snoop; false: it cannot.
    virtual bool enforce_cache_coherency() { return false; }

    /// What the DMA API keeps here (IOVA allocator, flush queue).
    struct cookie {
        virtual ~cookie() = default;
    };
    std::unique_ptr<cookie> dma_cookie;

  protected:
    void set_page_sizes(std::uint64_t bitmap) { page_sizes_ = bitmap; }
    void set_aperture(std::uint64_t first, std::uint64_t last, bool forced) {
        aperture_first_ = first;
        aperture_last_ = last;
        aperture_forced_ = forced;
    }

  private:
    friend class iommu_core;
    iommu_driver& owner_;
    domain_type type_;
    unsigned number_ = 0;
    std::uint64_t page_sizes_ = 0, aperture_first_ = 0, aperture_last_ = std::numeric_limits<std::uint64_t>::max();
    bool aperture_forced_ = false;
};

} // namespace iommulab::sw
