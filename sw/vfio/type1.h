// SPDX-License-Identifier: Apache-2.0
// A VFIO container with the type 1 backend (version 2), as in Linux 6.1, and as proposed in August 2022.
//
// Does: claims, domains, aperture and reserved regions, the superpage test, replay, pinning by size, limits of mappings
// and of locked memory, suspended user addresses. Does not: emulated devices (mdev), dirty page tracking, version 1 of
// the interface. User memory is contiguous: a mapping is one run of pages.
#pragma once

#include "sw/callers/caller.h"
#include "sw/vfio/iova_ranges.h"

#include <map>
#include <memory>
#include <vector>

namespace iommulab::sw::vfio {

class type1 : public caller {
  public:
    type1(const char* name, const caller_machine& machine, const caller_options& options);
    ~type1() override {
        at_end([this] { type1::close(); });
    }
    void close() override;

    /// Opens the group: the device's IOMMU must be coherent; then the container owns the group.
    result<void> claim(device& dev) override;
    /// VFIO_GROUP_SET_CONTAINER; nothing more for the second device of a group. On failure the claim is given up.
    result<void> attach(device& dev) override;
    /// VFIO_GROUP_UNSET_CONTAINER: of the whole group. All mappings go with the last domain.
    void detach(device& dev) override;
    // The IOMMU of a container comes with its first group, and goes with the last: without one nothing can be mapped.
    result<void> map(const user_mapping& m) override;
    /// Whole mappings only; 0 bytes where there is none.
    result<std::uint64_t> unmap(std::uint64_t iova, std::uint64_t bytes) override;
    result<std::uint64_t> unmap_all() override;
    /// VFIO_DMA_UNMAP_FLAG_VADDR for all mappings, and back (VFIO_DMA_MAP_FLAG_VADDR): no group joins meanwhile.
    result<void> suspend_addresses();
    void resume_addresses() { addresses_valid_ = true; }

    [[nodiscard]] std::vector<user_mapping> mappings() const override;
    /// Newest first: the order in which they are tried.
    [[nodiscard]] std::vector<const domain*> domains() const override;
    [[nodiscard]] const domain* domain_of(const device& dev) const override;
    /// What VFIO_IOMMU_GET_INFO says.
    [[nodiscard]] const iova_ranges& valid_addresses() const { return valid_; }
    [[nodiscard]] std::uint64_t page_sizes() const;
    /// Whether the domain of a device uses superpages for whatever is contiguous; false for a stranger.
    [[nodiscard]] bool fine_superpages(const device& dev) const;

  protected:
    struct vfio_domain {
        std::unique_ptr<domain> iommu;
        bool coherent = false; ///< all DMA snoops
        bool fine_superpages = false;
        std::vector<group*> groups;
    };
    using domain_list = std::vector<std::unique_ptr<vfio_domain>>;

    /// Finds the group a domain; on failure the group is as it was before.
    virtual result<void> join(group& g) = 0;

    [[nodiscard]] domain_list& list() { return domains_; }
    [[nodiscard]] iova_ranges& valid() { return valid_; }
    /// A new domain, with nesting when that is wanted.
    result<std::unique_ptr<vfio_domain>> fresh_domain(group& g);
    /// Apertures and reserved regions against what is mapped; the addresses that stay valid.
    result<iova_ranges> check_addresses(const domain& d, const group& g);
    result<void> check_interrupts(const group& g);
    void test_superpages(vfio_domain& d, const iova_ranges& valid);
    /// All mappings into a domain, or none of them.
    result<void> replay(vfio_domain& d);
    result<void> prepare_msi(vfio_domain& d, const group& g);
    /// The group off the domain, which is freed when nobody else is on it.
    void leave(std::unique_ptr<vfio_domain> d, group& g);

  private:
    using mapping_list = std::map<std::uint64_t, user_mapping>; ///< in all domains, their memory pinned

    [[nodiscard]] vfio_domain* holder_of(const group& g) const;
    void detach_group(group& g);
    [[nodiscard]] bool anything_mapped(std::uint64_t first, std::uint64_t last) const;
    result<void> pin(const user_mapping& m);
    result<void> map_everywhere(const user_mapping& m);
    void unmap_everywhere(const user_mapping& m);
    void remove(mapping_list::iterator m);
    [[nodiscard]] std::uint64_t page_bytes() const;

    domain_list domains_; ///< newest first
    mapping_list mappings_;
    iova_ranges valid_;
    bool addresses_valid_ = true;
};

/// As in Linux 6.1: deaf to the errno. Each group first gets a domain of its own; then domains of the same driver that
/// are equally coherent are tried, and whatever one of them fails with means the next.
class type1_mainline final : public type1 {
  public:
    using type1::type1;
    static std::unique_ptr<caller> make(const caller_machine& machine, const caller_options& options);

  private:
    result<void> join(group& g) override;
};

/// As proposed ("Simplify vfio_iommu_type1 attach/detach routine", version 6, August 2022), and the same with EINVAL:
/// the domains that there are first, until one fits; the errno of incompatibility means the next, any other is the end.
class type1_simplified final : public type1 {
  public:
    using type1::type1;
    static std::unique_ptr<caller> make(const caller_machine& machine, const caller_options& options);
    /// The errno of incompatibility.
    [[nodiscard]] linux_errno soft();

  private:
    result<void> join(group& g) override;
    result<std::unique_ptr<vfio_domain>> join_fresh(group& g);
};

} // namespace iommulab::sw::vfio
