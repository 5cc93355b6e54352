// SPDX-License-Identifier: Apache-2.0
// Callers on the models: their devices' DMA is real.
#pragma once

#include "sw/callers/caller.h"
#include "testbenches/software/software_machine.h"

#include <cstring>

namespace iommulab::software {

/// For callers that run on `m`, from software only. `m` must outlive them.
inline sw::caller_machine caller_machine_of(software_machine& m) {
    return {m.core(),
            [&m](const sw::device& dev, std::uint64_t iova, void* data, unsigned bytes) {
                const access_result r = m.dma_read(dev.name(), iova, bytes);
                std::memcpy(data, r.data.data(), bytes);
                return r.ok;
            },
            [&m](const sw::device& dev, std::uint64_t iova, const void* data, unsigned bytes) {
                const auto* const from = static_cast<const std::uint8_t*>(data);
                return m.dma_write(dev.name(), iova, std::vector<std::uint8_t>(from, from + bytes)).ok;
            }};
}

} // namespace iommulab::software
