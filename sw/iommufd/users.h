// SPDX-License-Identifier: Apache-2.0
// Three ways of user space with IOMMUFD.
#pragma once

#include "sw/iommufd/iommufd.h"

namespace iommulab::sw::iommufd {

/// Attaches devices to an address space; the kernel finds them a domain.
class auto_user final : public context {
  public:
    using context::context;
    static std::unique_ptr<caller> make(const caller_machine& machine, const caller_options& options);
    result<void> attach(device& dev) override { return attach_ioas(dev, space()); }
};

/// Has one hardware page table, made for its first device, and attaches all others to it.
class hwpt_user final : public context {
  public:
    using context::context;
    static std::unique_ptr<caller> make(const caller_machine& machine, const caller_options& options);
    result<void> attach(device& dev) override;
    void detach(device& dev) override;
};

/// A virtual machine manager that looks for domains itself, as QEMU does (hw/vfio/iommufd.c, autodomains): in each
/// container every hardware page table, EINVAL meaning the next one, then a new one; a container in which that fails
/// means the next container, and after the last one a new one, with all memory mapped again.
class qemu_user final : public context {
  public:
    using context::context;
    static std::unique_ptr<caller> make(const caller_machine& machine, const caller_options& options);
    result<void> attach(device& dev) override;
    void detach(device& dev) override;

  private:
    result<void> attach_in(device& dev, ioas& space);
};

} // namespace iommulab::sw::iommufd
