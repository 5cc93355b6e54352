// SPDX-License-Identifier: Apache-2.0
// The tables that all PAMUs of a machine share: primary and secondary entries, operation mappings.
#pragma once

#include "models/core/bit_field.h"
#include "sw/iommu/kernel.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace iommulab::sw::fsl_pamu {

inline constexpr std::uint32_t primary_entries = 0x500, secondary_entries = 0x800, operation_entries = 16;
/// The window of every domain: all that 36 bits of address reach.
inline constexpr unsigned window_log2 = 36;

/// Rows of the operation mapping table, by what kind of device they are for.
enum class operation_index : std::uint32_t { qman_portal = 0, fman = 1, qman = 2, caam = 3 };

class tables {
  public:
    explicit tables(kernel& k) : kernel_(k) {}
    ~tables();
    tables(const tables&) = delete;
    tables& operator=(const tables&) = delete;

    /// False: no memory.
    [[nodiscard]] bool make();
    [[nodiscard]] bool exist() const { return block_ != 0; }
    [[nodiscard]] std::uint64_t primary() const { return block_; }
    [[nodiscard]] std::uint64_t secondary() const;
    [[nodiscard]] std::uint64_t operations() const;

    // --- entries, in the steps of Linux; without tables or beyond them, the failure of the step. `device` is for the
    // log
    /// V = 0.
    result<void> disable(std::uint32_t liodn, std::string_view device);
    /// The window of 64 GB, translated to itself. No `operation`: left as it is; no `stash`: likewise.
    result<void> configure(std::uint32_t liodn, std::optional<operation_index> operation,
                           std::optional<std::uint32_t> stash, std::uint64_t allowed, std::string_view device);
    /// V = 1.
    result<void> enable(std::uint32_t liodn, std::string_view device);
    result<void> set_stash(std::uint32_t liodn, std::uint32_t stash, std::string_view device);
    /// As at start-up, before anybody has attached anything: everything allowed, nothing translated.
    void open(std::uint32_t liodn);
    [[nodiscard]] bool is_valid(std::uint32_t liodn);
    /// Fields that setup for the queue and buffer managers changes.
    void set(std::uint32_t liodn, const bit_field& f, std::uint64_t value);

  private:
    [[nodiscard]] bool has(std::uint32_t liodn) const { return exist() && liodn < primary_entries; }
    [[nodiscard]] std::uint64_t word_of(std::uint32_t liodn, const bit_field& f) const;
    [[nodiscard]] std::uint64_t get(std::uint32_t liodn, const bit_field& f);
    void begin_entry(std::uint32_t liodn);
    void fill_operations();

    kernel& kernel_;
    std::uint64_t block_ = 0;
};

} // namespace iommulab::sw::fsl_pamu
