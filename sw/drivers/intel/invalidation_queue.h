// SPDX-License-Identifier: Apache-2.0
// The invalidation queue of a unit (VT-d, "Queued Invalidation Interface"): software writes descriptors, and waits for
// each batch by a status that a wait descriptor makes the unit write.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/drivers/intel/unit_features.h"
#include "sw/iommu/kernel.h"

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace iommulab::sw::intel {

/// The first two words; the others of a wide descriptor are 0.
using descriptor_words = std::array<std::uint64_t, 2>;

class invalidation_queue {
  public:
    invalidation_queue(kernel& k, const instance_firmware& firmware, const unit_features& f);
    ~invalidation_queue();

    /// False: no memory, and invalidations go through registers.
    bool allocate();
    [[nodiscard]] bool usable() const { return base_ != 0; }
    /// What IQA has to be.
    [[nodiscard]] std::uint64_t address_register() const;

    /// Writes the descriptor and a wait descriptor behind it, and returns when the unit is done with both. One that the
    /// unit refuses is logged and skipped; after a time-out of a device it is tried again. Throws std::runtime_error
    /// when the unit does not answer for as long as Linux waits before it panics.
    void submit(const descriptor_words& d);

    struct statistics {
        std::uint64_t descriptors = 0, waits = 0, errors = 0, retries = 0, wait_ns = 0;
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }

  private:
    enum class outcome : std::uint8_t { pending, refused, aborted };
    enum status : std::uint32_t { free_ = 0, in_use = 1, done = 2, aborted_ = 3 };
    [[nodiscard]] unsigned entry_bytes() const { return features_.wide_descriptors ? 32 : 16; }
    [[nodiscard]] std::uint64_t entry(unsigned index) const { return base_ + std::uint64_t{index} * entry_bytes(); }
    [[nodiscard]] std::uint64_t status_address(unsigned index) const;
    void write_entry(unsigned index, const descriptor_words& d);
    void set_status(unsigned index, status s);
    [[nodiscard]] status status_of(unsigned index);
    void reclaim();
    /// Looks at FSTS for errors of the queue, and gets it going again.
    outcome check(unsigned index, unsigned wait_index);
    bool submit_once(const descriptor_words& d);

    kernel& kernel_;
    const instance_firmware& firmware_;
    const unit_features& features_;
    ticket_lock lock_;
    std::uint64_t base_ = 0, statuses_ = 0;
    unsigned free_head_ = 0, free_tail_ = 0, free_count_ = 0;
    statistics counted_;
};

} // namespace iommulab::sw::intel
