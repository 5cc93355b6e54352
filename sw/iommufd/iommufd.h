// SPDX-License-Identifier: Apache-2.0
// IOMMUFD as in Linux 6.3, with replace as in 6.6: devices are bound, address spaces filled, and hardware page tables
// stand between.
//
// Does: bind, IOAS, hardware page tables of their own and automatic ones, attach, replace, detach, map, unmap, copy,
// reserved addresses, pinning by size. Does not: access by kernel drivers (emulated devices), dirty tracking, nesting
// by user data. A hardware page table gets its mappings when the first device is attached, as in 6.3.
#pragma once

#include "sw/iommufd/ioas.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace iommulab::sw::iommufd {

/// A domain that belongs to an address space.
struct hw_pagetable {
    std::unique_ptr<domain> iommu;
    ioas* space = nullptr;
    bool automatic =
        false;             ///< made by an attach to an IOAS: others may be put on it, and it goes with the last of them
    bool coherent = false; ///< all DMA snoops
    std::vector<device*> devices;
};

class context : public caller {
  public:
    context(const char* name, const caller_machine& machine, const caller_options& options);
    ~context() override {
        at_end([this] { context::close(); });
    }
    void close() override;

    // --- objects
    ioas& make_ioas();
    /// The newest; no hardware page table may be left of it.
    void destroy_last_ioas() { spaces_.pop_back(); }
    [[nodiscard]] ioas& space(std::size_t n = 0) { return *spaces_.at(n); }
    [[nodiscard]] std::size_t spaces() const { return spaces_.size(); }
    /// IOMMU_HWPT_ALLOC: for devices like `dev`.
    result<hw_pagetable*> allocate_hwpt(const device& dev, ioas& space, bool automatic = false);
    /// Nothing while devices are on it.
    void destroy_hwpt(hw_pagetable& h);
    [[nodiscard]] const std::vector<std::unique_ptr<hw_pagetable>>& hwpts() const { return hwpts_; }
    [[nodiscard]] hw_pagetable* hwpt_of(const device& dev) const;

    // --- devices
    /// Bind: the IOMMU must be coherent; then the context owns the group. Once a device.
    result<void> claim(device& dev) override;
    /// To this one, or not at all.
    result<void> attach_hwpt(device& dev, hw_pagetable& h);
    /// To an automatic one of the address space: EINVAL means the next one, anything else is the end; when none is
    /// left, to a new one.
    result<void> attach_ioas(device& dev, ioas& space);
    /// The device's group from where it is to another; on failure it stays.
    result<void> replace_hwpt(device& dev, hw_pagetable& h);
    result<void> replace_ioas(device& dev, ioas& space);
    void detach_hwpt(device& dev);
    /// Detached and unbound.
    void detach(device& dev) override;

    // --- mappings: of all address spaces alike
    result<void> map(const user_mapping& m) override;
    result<std::uint64_t> unmap(std::uint64_t iova, std::uint64_t bytes) override;
    result<std::uint64_t> unmap_all() override;
    [[nodiscard]] std::size_t address_spaces() const override { return spaces_.size(); }
    [[nodiscard]] std::vector<user_mapping> mappings() const override { return spaces_.front()->mappings(); }
    [[nodiscard]] std::vector<const domain*> domains() const override;
    [[nodiscard]] const domain* domain_of(const device& dev) const override;

  private:
    using way = std::function<result<void>(hw_pagetable&)>;

    result<void> automatically(const device& dev, ioas& space, const way& go);
    result<void> prepare(const device& dev, hw_pagetable& h, bool same_space);
    result<void> do_attach(device& dev, hw_pagetable& h);
    result<void> do_replace(device& dev, hw_pagetable& h);
    static bool has_group(const hw_pagetable& h, const group& g);

    std::vector<std::unique_ptr<ioas>> spaces_;
    std::vector<std::unique_ptr<hw_pagetable>> hwpts_; ///< oldest first: the order in which they are tried
    std::set<device*> bound_;
};

} // namespace iommulab::sw::iommufd
