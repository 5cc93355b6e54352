// SPDX-License-Identifier: Apache-2.0
// A driver of the kernel that attaches its devices by itself: one domain for all of them, no claim, no second try, and
// the errno handed on. So do display drivers, remoteproc and vDPA.
#pragma once

#include "sw/callers/caller.h"

#include <span>

namespace iommulab::sw {

class direct_caller final : public caller {
  public:
    using caller::caller;
    ~direct_caller() override {
        at_end([this] { direct_caller::close(); });
    }

    static std::span<const failure_row> failures();
    static std::unique_ptr<caller> make(const caller_machine& machine, const caller_options& options);

    result<void> claim(device&) override { return {}; }
    result<void> attach(device& dev) override;
    void detach(device& dev) override;
    void close() override;
    result<void> map(const user_mapping& m) override;
    result<std::uint64_t> unmap(std::uint64_t iova, std::uint64_t bytes) override;
    result<std::uint64_t> unmap_all() override;
    [[nodiscard]] std::vector<user_mapping> mappings() const override { return mappings_; }
    [[nodiscard]] std::vector<const domain*> domains() const override;
    [[nodiscard]] const domain* domain_of(const device& dev) const override;

  private:
    std::unique_ptr<domain> domain_;
    std::vector<device*> devices_;
    std::vector<user_mapping> mappings_; ///< waits for a domain while there is none
};

} // namespace iommulab::sw
