// SPDX-License-Identifier: Apache-2.0
// How long a device reaches pages that were unmapped: the time until they are invalidated, and tries that prove it.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/dma_api/dma_api.h"
#include "testbenches/software/software_machine.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::scenarios {

class exposure final : public sw::unmap_observer {
  public:
    struct found {
        std::uint64_t unmaps = 0, pages = 0;
        std::vector<std::uint64_t> window_ns;  ///< of each unmap: from its return to the end of its invalidation
        std::uint64_t page_ns = 0;             ///< the windows, times their pages
        std::uint64_t tried = 0;               ///< unmaps that were tried
        std::uint64_t landed = 0, refused = 0; ///< tries before the invalidation
        /// Of the unmaps that were tried: from the return of the unmap to the last try that landed.
        std::vector<std::uint64_t> reached_ns;
        std::uint64_t refused_after = 0, landed_after = 0; ///< tries after the invalidation
    };

    /// Each `every`-th unmap is tried; 0: none.
    exposure(software::software_machine& machine, unsigned every) : machine_(machine), every_(every) {}

    /// Devices by their domains, after boot.
    void learn(const std::string& device);
    /// An unmap of the calling CPU has returned.
    void returned();
    /// Tries all pages that are tried and not invalidated.
    void try_again();
    /// A page of a device that is not translated at all: after its unmap.
    void try_untranslated(const std::string& device, std::uint64_t address);
    /// What tries took of the calling CPU's time so far.
    [[nodiscard]] std::uint64_t spent_ns();
    [[nodiscard]] const found& result() const { return found_; }

    void unmapped(sw::domain& d, std::uint64_t iova, std::uint64_t bytes, bool queued) override;
    void invalidated(sw::domain& d, std::uint64_t iova, std::uint64_t bytes) override;

  private:
    struct window {
        std::uint64_t begin_ns = 0, pages = 0, last_landed_ns = 0;
        bool tried = false, invalidated = false, returned = false;
    };
    using place = std::pair<const sw::domain*, std::uint64_t>;
    bool reaches(const std::string& device, std::uint64_t address);
    void end(const window& w, std::uint64_t now_ns);
    [[nodiscard]] bool wants();

    software::software_machine& machine_;
    unsigned every_;
    std::map<const sw::domain*, std::string> devices_;
    std::map<std::string, std::unique_ptr<sw::ticket_lock>> masters_; ///< one access at a time
    std::map<place, std::shared_ptr<window>> open_;
    std::map<unsigned, std::shared_ptr<window>> unmapping_; ///< by CPU
    std::map<unsigned, std::uint64_t> spent_ns_;
    std::uint64_t seen_ = 0;
    found found_;
};

} // namespace iommulab::scenarios
