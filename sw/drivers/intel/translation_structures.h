// SPDX-License-Identifier: Apache-2.0
// What leads a unit from a requester id to a page table: root and context tables, PASID directories and tables (VT-d,
// "Translation Structure Formats").
#pragma once

#include "sw/drivers/intel/unit_features.h"
#include "sw/iommu/kernel.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace iommulab::sw::intel {

/// Memory of structures that a unit may read incoherently.
class structure_memory {
  public:
    structure_memory(kernel& k, bool coherent) : kernel_(k), coherent_(coherent) {}
    void write(std::uint64_t address, std::uint64_t value);
    /// Makes what was written visible to the unit.
    void clean(std::uint64_t address, std::uint64_t bytes);
    /// A zeroed page; 0: none.
    std::uint64_t page(const char* point, unsigned node);
    [[nodiscard]] kernel& in() { return kernel_; }

  private:
    kernel& kernel_;
    bool coherent_;
};

/// Root table of one unit and the context tables behind it; in scalable mode each bus has two.
class context_tables {
  public:
    context_tables(kernel& k, const instance_firmware& firmware, const unit_features& f);
    ~context_tables();

    /// False: no memory.
    bool allocate_root();
    [[nodiscard]] std::uint64_t root() const { return root_; }
    /// The entry of a requester id; with `make`, after making its table. 0: there is none, or no memory.
    std::uint64_t entry_address(std::uint16_t rid, bool make);
    [[nodiscard]] bool present(std::uint16_t rid);
    /// Writes a whole entry; the word with P last.
    void write(std::uint64_t at, std::span<const std::uint64_t> words);
    /// Takes P away, leaving the rest.
    void clear_present(std::uint64_t at);
    void clear(std::uint64_t at);
    [[nodiscard]] std::uint64_t first_word(std::uint64_t at);
    /// DID of a legacy-mode entry.
    [[nodiscard]] std::uint32_t domain_id(std::uint64_t at);

  private:
    [[nodiscard]] unsigned entry_bytes() const;

    kernel& kernel_;
    const instance_firmware& firmware_;
    const unit_features& features_;
    structure_memory memory_;
    std::uint64_t root_ = 0;
};

/// The PASID directory of one device and the tables behind it.
class pasid_tables {
  public:
    using words = std::array<std::uint64_t, 8>;
    /// For PASIDs below `pasids`; 0 is the same as a page of directory. Null: no memory.
    static std::unique_ptr<pasid_tables> make(kernel& k, const instance_firmware& firmware, const unit_features& f,
                                              std::uint32_t pasids);
    ~pasid_tables();

    [[nodiscard]] std::uint64_t directory() const { return directory_; }
    /// PDTS of a context entry that names the directory.
    [[nodiscard]] unsigned size_code() const;
    /// The entry of a PASID, after making its table. 0: no memory, or a PASID beyond the directory.
    std::uint64_t entry_address(std::uint32_t pasid);
    [[nodiscard]] words read(std::uint64_t at);
    /// Writes a whole entry; the word with P last.
    void write(std::uint64_t at, const words& entry);
    void clear_present(std::uint64_t at);

  private:
    pasid_tables(kernel& k, const instance_firmware& firmware, const unit_features& f)
        : kernel_(k), firmware_(firmware), memory_(k, f.coherent) {}
    [[nodiscard]] std::uint64_t directory_bytes() const;

    kernel& kernel_;
    const instance_firmware& firmware_;
    structure_memory memory_;
    std::uint64_t directory_ = 0;
    unsigned order_ = 0; ///< pages of the directory, as a power of two
};

} // namespace iommulab::sw::intel
