// SPDX-License-Identifier: Apache-2.0
#include "models/dma/data_checker.h"

#include "models/dma/random.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace iommulab {

data_checker::data_checker(verification kind, std::uint64_t seed, expected_data pattern)
    : kind_(kind), sequence_(seed), pattern_(std::move(pattern)) {
    if (kind_ == verification::pattern && !pattern_)
        throw std::invalid_argument("verification against a pattern needs the pattern");
    if (kind_ == verification::shadow) {
        shadow_ = std::make_unique<sparse_store>();
        known_ = std::make_unique<sparse_store>();
    }
}

void data_checker::provide(const dma_request& request, std::span<unsigned char> data) {
    if (kind_ == verification::pattern && pattern_(request, data))
        return;
    std::uint64_t word = splitmix64(sequence_);
    for (std::size_t i = 0; i < data.size(); i += 8, word += 0x9E3779B97F4A7C15)
        std::memcpy(data.data() + i, &word, std::min<std::size_t>(8, data.size() - i));
}

void data_checker::written(const dma_request& request, bool ok, std::span<const unsigned char> data) {
    if (kind_ != verification::shadow)
        return;
    shadow_->write(request.address, data.data(), data.size());
    known_->fill(request.address, data.size(), ok ? 0xFF : 0);
}

std::uint32_t data_checker::wrong_bytes(const dma_request& request, std::span<const unsigned char> data) {
    if (kind_ == verification::none)
        return 0;
    expected_.resize(std::max(expected_.size(), data.size()));
    const std::span<unsigned char> expected(expected_.data(), data.size());
    std::uint32_t wrong = 0;
    if (kind_ == verification::pattern) {
        if (!pattern_(request, expected) || std::memcmp(expected.data(), data.data(), data.size()) == 0)
            return 0;
        for (std::size_t i = 0; i < data.size(); ++i)
            wrong += data[i] != expected[i];
        return wrong;
    }
    mask_.resize(std::max(mask_.size(), data.size()));
    shadow_->read(request.address, expected.data(), data.size());
    known_->read(request.address, mask_.data(), data.size());
    for (std::size_t i = 0; i < data.size(); ++i)
        wrong += ((data[i] ^ expected[i]) & mask_[i]) != 0;
    return wrong;
}

} // namespace iommulab
