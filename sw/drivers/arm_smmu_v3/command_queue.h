// SPDX-License-Identifier: Apache-2.0
// The command queue: what software asks of the SMMU (Arm IHI 0070, 3.5 and chapter 4).
#pragma once

#include "sw/cpu/lock.h"
#include "sw/drivers/arm_smmu_v3/features.h"
#include "sw/iommu/kernel.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace iommulab::sw::arm_smmu_v3 {

using command_words = std::array<std::uint64_t, 2>;

/// Builders of the commands that the driver uses.
namespace commands {
command_words prefetch_config(std::uint32_t sid);
command_words cfgi_ste(std::uint32_t sid, bool leaf);
command_words cfgi_all();
command_words cfgi_cd(std::uint32_t sid, std::uint32_t ssid, bool leaf);
command_words tlbi_nsnh_all();
command_words tlbi_el2_all();
command_words tlbi_nh_asid(std::uint32_t asid);
command_words tlbi_s12_vmall(std::uint32_t vmid);
/// Invalidation by address; `scale`, `num`, `ttl` and `tg` only with range invalidation.
struct range_fields {
    unsigned num = 0, scale = 0, ttl = 0, tg = 0;
};
command_words tlbi_nh_va(std::uint32_t asid, std::uint64_t address, bool leaf, const range_fields& range);
command_words tlbi_s2_ipa(std::uint32_t vmid, std::uint64_t address, bool leaf, const range_fields& range);
/// The smallest naturally aligned power of two of 4 KiB pages around the range; `bytes` 0: everything.
command_words atc_inv(std::uint32_t sid, std::uint64_t address, std::uint64_t bytes);
command_words pri_resp_deny(std::uint32_t sid, bool ssv, std::uint32_t ssid, unsigned group);
enum class resume_action : std::uint8_t { terminate, retry, abort };
command_words resume(std::uint32_t sid, unsigned stag, resume_action action);
/// `msi_address` 0: completion is seen in CMDQ_CONS only.
command_words sync(std::uint64_t msi_address);
} // namespace commands

/// Pauses between looks at something that the SMMU will do: ten without, then 1 us, ten more, 2 us, …, for a second.
class poll {
  public:
    explicit poll(cpu& machine) : machine_(machine), end_ns_(machine.now_ns() + limit_ns()) {}
    /// False: the time is over.
    bool again();

  private:
    static std::uint64_t limit_ns();
    cpu& machine_;
    std::uint64_t end_ns_, pause_ns_ = 1'000;
    unsigned looks_ = 0;
};

/// A queue's memory; shrinks it until there is enough. 0: none.
struct queue_memory {
    std::uint64_t base = 0;
    unsigned log2_entries = 0;
};
queue_memory allocate_queue(kernel& k, const instance_firmware& firmware, unsigned log2_entries, unsigned entry_bytes,
                            bool coherent);

class command_queue {
  public:
    command_queue(kernel& k, const instance_firmware& firmware, const features& f);
    ~command_queue();

    /// False: no memory.
    bool allocate();
    /// For CMDQ_BASE.
    [[nodiscard]] std::uint64_t base() const { return memory_.base; }
    [[nodiscard]] unsigned log2_entries() const { return memory_.log2_entries; }

    /// Writes up to 64 commands, and a CMD_SYNC after them if asked for; then waits until that is consumed, for a
    /// second at most. Callable from several CPUs; all commands of a call stay together.
    void issue(std::span<const command_words> list, bool sync);
    void issue(const command_words& one, bool sync) { issue(std::span(&one, 1), sync); }
    /// GERROR.CMDQ_ERR: logs the command that the SMMU refused and puts a CMD_SYNC in its place.
    void skip_refused();

    struct statistics {
        std::uint64_t commands = 0, syncs = 0, timeouts = 0;
        std::uint64_t sync_wait_ns = 0; ///< from the write of CMDQ_PROD until completion was seen, added up
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }

  private:
    [[nodiscard]] std::uint32_t mask() const { return (std::uint32_t{2} << memory_.log2_entries) - 1; }
    [[nodiscard]] std::uint32_t entries() const { return std::uint32_t{1} << memory_.log2_entries; }
    [[nodiscard]] std::uint64_t entry_address(std::uint32_t index) const;
    void consumed_up_to(std::uint32_t cons);
    /// A line for each second that it takes. Throws kernel_stop when the SMMU seems dead.
    void wait_for_room(std::uint32_t needed);
    void write_entry(std::uint32_t index, const command_words& c);
    bool wait_for_sync(std::uint32_t index);

    kernel& kernel_;
    const instance_firmware& firmware_;
    const features& features_;
    queue_memory memory_;
    ticket_lock lock_;
    std::uint32_t prod_ = 0, cons_ = 0; // with the wrap bit
    statistics counted_;
};

/// Collects commands; a full batch goes out on its own, the rest with submit().
class command_batch {
  public:
    explicit command_batch(command_queue& queue) : queue_(queue) {}
    void add(const command_words& c);
    /// Sends what is left, with a CMD_SYNC, and waits. An empty batch is a CMD_SYNC alone.
    void submit();

  private:
    command_queue& queue_;
    std::array<command_words, 64> list_;
    std::size_t used_ = 0;
};

} // namespace iommulab::sw::arm_smmu_v3
