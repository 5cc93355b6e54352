// SPDX-License-Identifier: Apache-2.0
// What entries look like in x86-64 tables, in VT-d's second level, and in AMD-Vi's version 1.
#pragma once

#include "sw/pagetables/radix_tables.h"

namespace iommulab::sw {

/// Four or five level tables of the CPU: VT-d's first level and AMD-Vi's version 2 (Intel SDM volume 3, 4.5; VT-d 9.7;
/// AMD-Vi 2.2.6). Pages of 4 KiB, 2 MiB and 1 GiB. Leaves and tables are accessed, and leaves dirty where they may be
/// written or `dirty` says so, so that hardware need not write them. There is no permission to read: whatever is
/// mapped is read.
class x86_64_format final : public radix_format {
  public:
    struct options {
        bool execute_disable = false; ///< set XD in every entry, as Linux does for DMA on VT-d
        bool dirty = false;           ///< D also in leaves that may not be written
    };
    explicit x86_64_format(const options& o) : options_(o) {}
    [[nodiscard]] radix_entry decode(std::uint64_t entry, unsigned level) const override;
    [[nodiscard]] std::uint64_t table(std::uint64_t address, unsigned level) const override;
    [[nodiscard]] std::uint64_t leaf(std::uint64_t address, unsigned level, unsigned page_log2,
                                     const page_protection& protection) const override;

  private:
    options options_;
};

/// VT-d's second level (VT-d 9.8). Pages of 4 KiB, 2 MiB and 1 GiB. Write-only pages can be told apart by the hardware,
/// but Linux 6.1 makes every page readable. `cacheable` sets SNP: the access snoops whatever the device says.
class vtd_second_level_format final : public radix_format {
  public:
    [[nodiscard]] radix_entry decode(std::uint64_t entry, unsigned level) const override;
    [[nodiscard]] std::uint64_t table(std::uint64_t address, unsigned level) const override;
    [[nodiscard]] std::uint64_t leaf(std::uint64_t address, unsigned level, unsigned page_log2,
                                     const page_protection& protection) const override;
};

/// AMD-Vi's version 1 (AMD-Vi 2.2.3): pages of any power of two from 4 KiB on; sizes between those of two levels are
/// written into several entries with NextLevel 7. Accesses always snoop (FC).
class amd_v1_format final : public radix_format {
  public:
    [[nodiscard]] radix_entry decode(std::uint64_t entry, unsigned level) const override;
    [[nodiscard]] std::uint64_t table(std::uint64_t address, unsigned level) const override;
    [[nodiscard]] std::uint64_t leaf(std::uint64_t address, unsigned level, unsigned page_log2,
                                     const page_protection& protection) const override;
};

} // namespace iommulab::sw
