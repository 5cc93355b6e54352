// SPDX-License-Identifier: Apache-2.0
#include "models/dma/generators.h"

#include <numeric>
#include <stdexcept>
#include <string>

namespace iommulab {
namespace {

void check(const traffic_window& w) {
    if (w.length_bytes == 0 || w.size_bytes < w.length_bytes)
        throw std::invalid_argument("traffic: a window of " + std::to_string(w.size_bytes) + " bytes for requests of " +
                                    std::to_string(w.length_bytes) + ", expected at least one request, not empty");
    if (w.base + (w.size_bytes - 1) < w.base)
        throw std::invalid_argument("traffic: window goes beyond 2^64");
    if (w.write_percent > 100)
        throw std::invalid_argument("traffic: write_percent is " + std::to_string(w.write_percent) +
                                    ", expected 0 to 100");
}

void check_not_zero(std::uint64_t value, const char* name) {
    if (value == 0)
        throw std::invalid_argument(std::string("traffic: ") + name + " must not be 0");
}

} // namespace

windowed_traffic::windowed_traffic(const traffic_window& window) : window_(window), random_(window.seed) {
    check(window_);
}

std::optional<dma_request> windowed_traffic::at(std::uint64_t offset) {
    std::optional<dma_request> r(std::in_place);
    r->address = window_.base + offset;
    r->length_bytes = window_.length_bytes;
    if (window_.write_percent != 0)
        r->write = random_.below(100) < window_.write_percent;
    return r;
}

std::uint64_t windowed_traffic::places(std::uint64_t grain_bytes) const {
    return (window_.size_bytes - window_.length_bytes) / grain_bytes + 1;
}

strided_traffic::strided_traffic(const traffic_window& window, std::uint64_t stride_bytes, std::uint64_t shift_bytes)
    : windowed_traffic(window), stride_bytes_(stride_bytes), shift_bytes_(shift_bytes) {
    check_not_zero(stride_bytes_, "stride");
}

std::optional<dma_request> strided_traffic::next() {
    const std::uint64_t offset = offset_, last = window_.size_bytes - window_.length_bytes;
    if (stride_bytes_ <= last - offset) {
        offset_ += stride_bytes_;
    } else {
        start_ = (start_ + shift_bytes_) % stride_bytes_;
        offset_ = start_ <= last ? start_ : 0;
    }
    return at(offset);
}

uniform_traffic::uniform_traffic(const traffic_window& window, std::uint64_t grain_bytes)
    : windowed_traffic(window), grain_bytes_(grain_bytes ? grain_bytes : window.length_bytes) {}

std::optional<dma_request> uniform_traffic::next() {
    return at(random_.below(places(grain_bytes_)) * grain_bytes_);
}

zipf_traffic::zipf_traffic(const traffic_window& window, std::uint64_t block_bytes, unsigned exponent_hundredths,
                           bool scatter)
    : windowed_traffic(window),
      block_bytes_(block_bytes),
      step_(1),
      rank_(block_bytes && window.size_bytes >= block_bytes ? window.size_bytes / block_bytes : 1,
            exponent_hundredths) {
    check_not_zero(block_bytes_, "block size");
    if (block_bytes_ < window_.length_bytes || window_.size_bytes < block_bytes_)
        throw std::invalid_argument("traffic: blocks of " + std::to_string(block_bytes_) +
                                    " bytes, expected at least a request and at most the window");
    if (scatter) { // multiplication by a number coprime to the count of blocks visits each once
        step_ = rank_.items() * 61 / 100 + 1;
        while (std::gcd(step_, rank_.items()) != 1)
            ++step_;
    }
}

std::optional<dma_request> zipf_traffic::next() {
    const std::uint64_t block = rank_(random_) * step_ % rank_.items();
    const std::uint64_t within = random_.below(block_bytes_ / window_.length_bytes) * window_.length_bytes;
    return at(block * block_bytes_ + within);
}

pointer_chase_traffic::pointer_chase_traffic(const traffic_window& window, std::uint32_t next_offset_bytes)
    : window_(window), next_offset_bytes_(next_offset_bytes), address_(window.base) {
    check(window_);
    if (window_.length_bytes < 8 || next_offset_bytes_ > window_.length_bytes - 8)
        throw std::invalid_argument("pointer chase: the pointer at offset " + std::to_string(next_offset_bytes_) +
                                    " does not lie within a request of " + std::to_string(window_.length_bytes) +
                                    " bytes");
}

std::optional<dma_request> pointer_chase_traffic::next() {
    if (in_flight_ || ended_)
        return std::nullopt;
    in_flight_ = true;
    dma_request r;
    r.address = address_;
    r.length_bytes = window_.length_bytes;
    return r;
}

void pointer_chase_traffic::completed(const dma_request&, dma_status status, std::span<const unsigned char> data) {
    in_flight_ = false;
    if (status != dma_status::ok) {
        ended_ = true;
        return;
    }
    address_ = 0;
    for (unsigned i = 8; i-- > 0;)
        address_ = address_ << 8 | data[next_offset_bytes_ + i];
    const std::uint64_t offset = address_ - window_.base;
    const bool inside = address_ >= window_.base && offset <= window_.size_bytes - window_.length_bytes;
    strayed_ = !inside && address_ != 0;
    ended_ = !inside || address_ == 0;
}

} // namespace iommulab
