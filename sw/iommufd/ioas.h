// SPDX-License-Identifier: Apache-2.0
// An IO address space of IOMMUFD (struct io_pagetable): what is mapped, what is reserved, and the domains that it
// fills.
#pragma once

#include "sw/callers/caller.h"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace iommulab::sw::iommufd {

class ioas {
  public:
    ioas(kernel& k, locked_memory& memory) : kernel_(k), memory_(memory) {}
    ~ioas();
    ioas(const ioas&) = delete;
    ioas& operator=(const ioas&) = delete;

    /// IOMMU_IOAS_MAP at a fixed address: into all domains, or none. Memory is pinned once there is a domain.
    result<void> map(const user_mapping& m);
    /// IOMMU_IOAS_COPY: the same pages again, at another place or in another address space; they are pinned once.
    result<void> copy(const ioas& source, std::uint64_t source_iova, std::uint64_t bytes, std::uint64_t iova,
                      const protection& prot);
    /// IOMMU_IOAS_UNMAP: whole mappings only; the bytes unmapped.
    result<std::uint64_t> unmap(std::uint64_t iova, std::uint64_t bytes);
    std::uint64_t unmap_all();
    [[nodiscard]] std::vector<user_mapping> mappings() const;

    /// Addresses of a device or of a domain that nobody may map; fails when something is mapped there.
    result<void> reserve(std::uint64_t first, std::uint64_t last, const void* owner, const failure_row& otherwise);
    void unreserve(const void* owner);
    /// iopt_table_add_domain(): checks aperture and alignment, then fills the domain. On failure nothing stays.
    result<void> add_domain(domain& d);
    void remove_domain(domain& d);

  private:
    /// User memory; several areas may show it.
    struct pages {
        std::uint64_t bytes = 0;
        bool writable = false;
        unsigned pins = 0; ///< areas that are in domains
    };
    struct area {
        user_mapping user;
        std::shared_ptr<pages> memory;
    };
    using area_list = std::map<std::uint64_t, area>;
    struct reservation {
        std::uint64_t first, last;
        const void* owner;
    };

    [[nodiscard]] area_list::const_iterator first_overlapping(std::uint64_t first, std::uint64_t last) const;
    [[nodiscard]] std::uint64_t alignment() const;
    result<void> check(std::uint64_t iova, std::uint64_t bytes) const;
    /// What is looked at before the area is in the address space.
    result<void> check(const area& a) const;
    /// Into the address space and all domains.
    result<void> insert(const area& a);
    result<void> pin(const area& a);
    void unpin(const area& a);
    result<void> fill(domain& d);
    void remove(area_list::iterator a);

    kernel& kernel_;
    locked_memory& memory_;
    area_list areas_;
    std::vector<reservation> reserved_;
    std::vector<domain*> domains_;
};

} // namespace iommulab::sw::iommufd
