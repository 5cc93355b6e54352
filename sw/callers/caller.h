// SPDX-License-Identifier: Apache-2.0
// Those who attach devices on behalf of user space, and live by what attach_dev answers: one interface for all, and the
// record of what a run of one comes to.
#pragma once

#include "sw/iommu/iommu_core.h"

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::sw {

/// What a device's accesses to the mapped addresses come to.
enum class dma_outcome : std::uint8_t {
    untried, ///< nothing is mapped, or there is no device to try it with
    ok,      ///< all land where the mappings say
    fault,   ///< none gets through
    wrong,   ///< some land elsewhere, or some get through and others do not
};
/// "untried", "ok", "fault", "wrong".
const char* name_of(dma_outcome o);

/// What something cost.
struct attach_effort {
    unsigned attach_calls = 0;                   ///< of attach_dev
    unsigned error_lines = 0, warning_lines = 0; ///< logged meanwhile
    std::uint64_t attach_ns = 0;                 ///< simulated time in attach_dev
    std::uint64_t elapsed_ns = 0;                ///< simulated time altogether

    friend bool operator==(const attach_effort&, const attach_effort&) = default;
};

/// What a caller made of one device.
struct caller_report {
    std::string caller, device;
    linux_errno number = linux_errno::none; ///< what user space gets
    const failure_row* row = nullptr;       ///< where that comes from; null for success
    bool at_claim = false;                  ///< claim or bind failed already: no attach was tried
    unsigned domains = 0; ///< that the address space has afterwards (all of them, those of other devices included)
    unsigned address_spaces = 1; ///< afterwards: a user may make another where it cannot get into the first
    unsigned domains_made = 0;   ///< in this run, those given up again included, the claim's blocking domain not
    bool shared = false;         ///< the device is on a domain that was there before
    attach_effort claim;         ///< of the ownership claim
    attach_effort attach;        ///< of all after it
    attach_effort release;       ///< of the claim given up again after a failure
    dma_outcome dma = dma_outcome::untried;

    /// What the counts of a table mean: those after the claim; the claim's when that is what failed.
    [[nodiscard]] const attach_effort& effort() const { return at_claim ? claim : attach; }
};

/// What callers run on. Without the functions, DMA is not tried.
struct caller_machine {
    iommu_core& core;
    /// An access by the device: false when it is refused.
    std::function<bool(const device& dev, std::uint64_t iova, void* data, unsigned bytes)> dma_read{};
    std::function<bool(const device& dev, std::uint64_t iova, const void* data, unsigned bytes)> dma_write{};
};

struct caller_options {
    /// Devices whose IOMMU is not coherent are refused. Off: for drivers that would never be reached.
    bool capability_test = true;
    /// Groups are claimed before anything is attached. Off: domains are tried at once, as if drivers had blocked
    /// domains that cannot fail.
    bool claim = true;
    /// Interrupt controllers keep devices' MSIs apart (a GICv3 ITS does). Assumption.
    bool interrupts_isolated = true;
    /// Module parameter allow_unsafe_interrupts; off as in Linux.
    bool allow_unsafe_interrupts = false;
    /// Domains that can carry a guest's stage 1 (VFIO_TYPE1_NESTING_IOMMU).
    bool nesting = false;
    /// RLIMIT_MEMLOCK. Assumption: none, as virtual machine managers ask for.
    std::uint64_t locked_limit_bytes = ~std::uint64_t{0};
    /// Mappings of one address space (dma_entry_limit of vfio_iommu_type1.c).
    std::uint64_t mapping_limit = 65535;
    /// What the simplified VFIO type1 takes for incompatible. None: EMEDIUMTYPE under rules of that name, else EINVAL.
    std::optional<linux_errno> soft{};
};

/// One mapping that user space asked for.
struct user_mapping {
    std::uint64_t iova = 0, address = 0, bytes = 0;
    protection prot{};
};

/// What a user has pinned, and may.
class locked_memory {
  public:
    explicit locked_memory(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
    /// False: more than allowed; nothing was locked.
    bool lock(std::uint64_t bytes) {
        if (bytes > limit_bytes_ || bytes_ > limit_bytes_ - bytes)
            return false;
        bytes_ += bytes;
        return true;
    }
    void unlock(std::uint64_t bytes) { bytes_ -= bytes; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    std::uint64_t limit_bytes_, bytes_ = 0;
};

/// An address space of user space, and how devices get on it. Not copied; everything is undone when it goes. Calls cost
/// simulated time and, on a simulation, are made by software.
class caller {
  public:
    caller(const char* name, caller_machine machine, const caller_options& options);
    virtual ~caller() = default;
    caller(const caller&) = delete;
    caller& operator=(const caller&) = delete;

    [[nodiscard]] const char* name() const { return name_; }
    [[nodiscard]] const caller_options& options() const { return options_; }

    /// The whole way of a device onto the address space, and then its DMA to all that is mapped there. `between` runs
    /// after the claim, before the attach: the place to make something fail that the claim must survive.
    caller_report run(device& dev, const std::function<void()>& between = {});
    /// DMA of a device to what is mapped: the first and the last eight bytes of each mapping. Memory is left as it was.
    dma_outcome try_dma(const device& dev);

    // --- the steps of run()
    /// Ownership of the device's group; once a group. VFIO: opening the group; IOMMUFD: bind.
    virtual result<void> claim(device& dev) = 0;
    /// A domain of the address space for a claimed device.
    virtual result<void> attach(device& dev) = 0;
    /// Off the address space, and the claim given up with the last device of the group. Nothing for a stranger.
    virtual void detach(device& dev) = 0;
    /// Gives up all that it has. So does its end, but then nobody hears of what stops the kernel.
    virtual void close() = 0;

    // --- mappings, into all domains that are there and all that come
    /// `address` stands for the pages that a user's virtual address would have.
    virtual result<void> map(const user_mapping& m) = 0;
    /// The bytes unmapped.
    virtual result<std::uint64_t> unmap(std::uint64_t iova, std::uint64_t bytes) = 0;
    /// The bytes unmapped.
    virtual result<std::uint64_t> unmap_all() = 0;
    [[nodiscard]] virtual std::vector<user_mapping> mappings() const = 0;
    /// Bytes pinned on behalf of the user.
    [[nodiscard]] std::uint64_t locked_bytes() const { return locked_.bytes(); }

    // --- what there is
    /// Address spaces with the same mappings; all of VFIO's are one.
    [[nodiscard]] virtual std::size_t address_spaces() const { return 1; }
    [[nodiscard]] virtual std::vector<const domain*> domains() const = 0;
    /// Null: the device is on none of them.
    [[nodiscard]] virtual const domain* domain_of(const device& dev) const = 0;

  protected:
    [[nodiscard]] iommu_core& core() { return machine_.core; }
    [[nodiscard]] kernel& in() const { return machine_.core.in(); }
    /// Null when there is none; counted.
    std::unique_ptr<domain> make_domain(const device& dev);
    /// Claims the group, once for all its devices; nothing when claims are off.
    result<void> own(group& g);
    void disown(group& g);
    [[nodiscard]] bool owns(const group& g) const { return owned_.contains(&g); }
    [[nodiscard]] locked_memory& memory() { return locked_; }
    /// For destructors: nothing once the machine is off, which it is when something stops the kernel.
    template <class undo>
    void at_end(undo give_up) noexcept {
        try {
            if (in().powered())
                give_up();
        } catch (const std::exception&) {
            in().power_off();
        }
    }

  private:
    const char* name_;
    caller_machine machine_;
    caller_options options_;
    unsigned domains_made_ = 0;
    locked_memory locked_;
    attach_effort releases_;
    std::set<const group*> owned_;
};

} // namespace iommulab::sw
