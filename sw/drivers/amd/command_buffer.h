// SPDX-License-Identifier: Apache-2.0
// The command buffer (publication 48882, 2.4), and waiting for what is in it.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/iommu/device.h"
#include "sw/iommu/kernel.h"

#include <array>
#include <cstdint>

namespace iommulab::sw::amd {

using command_words = std::array<std::uint64_t, 2>;

namespace commands {

command_words invalidate_device(std::uint16_t device_id);
/// `bytes` from `address` on, in the smallest block of a power of two around them; ~0 bytes: all. `tables` says that
/// page directories may have changed too.
command_words invalidate_pages(std::uint16_t domain_id, std::uint64_t address, std::uint64_t bytes, bool tables);
/// The same of the guest translations of a PASID.
command_words invalidate_guest_pages(std::uint16_t domain_id, std::uint32_t pasid, std::uint64_t address,
                                     std::uint64_t bytes);
/// What the device itself has cached.
command_words invalidate_iotlb(std::uint16_t device_id, std::uint64_t address, std::uint64_t bytes);
command_words invalidate_all();

} // namespace commands

class command_buffer {
  public:
    command_buffer(kernel& k, const instance_firmware& firmware);
    ~command_buffer();

    /// False: no memory.
    bool allocate();
    /// What CommandBufferBase has to be.
    [[nodiscard]] std::uint64_t base_register() const;
    /// Both pointers are 0 again: the hardware's are.
    void reset();

    /// Writes a command. Dropped, with a line, when the buffer stays full for 100 ms.
    void queue(const command_words& c);
    /// Until the hardware is done with all commands before, or 100 ms are over (then there is a line).
    void wait();

    struct statistics {
        std::uint64_t commands = 0, waits = 0, timeouts = 0, wait_ns = 0;
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }

  private:
    bool queue_locked(const command_words& c, bool is_wait);
    void wait_for(std::uint64_t number);

    kernel& kernel_;
    const instance_firmware& firmware_;
    ticket_lock lock_;
    std::uint64_t base_ = 0, semaphore_ = 0;
    std::uint32_t head_ = 0, tail_ = 0; ///< bytes into the buffer
    std::uint64_t last_wait_ = 0;       ///< number that the last COMPLETION_WAIT stores
    bool unwaited_ = false;             ///< there are commands behind it
    statistics counted_;
};

} // namespace iommulab::sw::amd
