// SPDX-License-Identifier: Apache-2.0
// What a master writes, and what it must find when it reads.
#pragma once

#include "models/dma/traffic.h"
#include "models/memory/sparse_store.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace iommulab {

/// Fills in what the memory behind a request holds (each byte a function of its output address, say); false when that
/// is not known, then nothing is compared.
using expected_data = std::function<bool(const dma_request& request, std::span<unsigned char> data)>;

enum class verification : std::uint8_t {
    none,
    pattern, ///< memory holds what a function says, and writes keep it so
    shadow   ///< memory holds what this master wrote: for windows that it shares with nobody and where no page appears
             ///< twice
};

class data_checker {
  public:
    explicit data_checker(verification kind, std::uint64_t seed = 1, expected_data pattern = {});

    /// Provides the data of a write: the pattern, or bytes that differ from one write to the next.
    void provide(const dma_request& request, std::span<unsigned char> data);
    /// A write has completed: the shadow follows. One that failed leaves its bytes unknown.
    void written(const dma_request& request, bool ok, std::span<const unsigned char> data);
    /// Bytes of a completed read that are not what they must be.
    std::uint32_t wrong_bytes(const dma_request& request, std::span<const unsigned char> data);
    /// True when requests that touch the same bytes may not be under way together: their order would not be known.
    [[nodiscard]] bool needs_order() const { return kind_ == verification::shadow; }

  private:
    verification kind_;
    std::uint64_t sequence_;
    expected_data pattern_;
    std::unique_ptr<sparse_store> shadow_, known_; // known_: 0xFF where shadow_ says what memory holds
    std::vector<unsigned char> expected_, mask_;
};

} // namespace iommulab
