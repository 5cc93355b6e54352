// SPDX-License-Identifier: Apache-2.0
#include "models/dma/ring_traffic.h"

#include <stdexcept>

namespace iommulab {
namespace {

void put(unsigned char* out, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i)
        out[i] = static_cast<unsigned char>(value >> (8 * i));
}

std::uint64_t get(const unsigned char* in, unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned i = bytes; i-- > 0;)
        value = value << 8 | in[i];
    return value;
}

} // namespace

std::array<unsigned char, ring_descriptor::size_bytes> ring_descriptor::encode() const {
    std::array<unsigned char, size_bytes> bytes{};
    put(bytes.data(), address, 8);
    put(bytes.data() + 8, length_bytes, 4);
    put(bytes.data() + 12, flags, 4);
    return bytes;
}

ring_descriptor ring_descriptor::decode(std::span<const unsigned char> bytes) {
    ring_descriptor d;
    d.address = get(bytes.data(), 8);
    d.length_bytes = static_cast<std::uint32_t>(get(bytes.data() + 8, 4));
    d.flags = static_cast<std::uint32_t>(get(bytes.data() + 12, 4));
    return d;
}

ring_traffic::ring_traffic(const ring_parameters& parameters) : p_(parameters) {
    if (p_.entries == 0 || p_.depth == 0)
        throw std::invalid_argument("ring traffic: entries and depth must not be 0");
}

std::optional<dma_request> ring_traffic::next() {
    if (!ready_.empty()) {
        const dma_request r = ready_.front();
        ready_.pop_front();
        return r;
    }
    if (working_ == p_.depth)
        return std::nullopt;
    ++working_;
    dma_request r;
    r.address = p_.ring_base + started_ % p_.entries * ring_descriptor::size_bytes;
    r.length_bytes = ring_descriptor::size_bytes;
    r.not_before_ps = p_.not_before_ps;
    r.tag = started_++ << 2 | descriptor;
    return r;
}

void ring_traffic::completed(const dma_request& request, dma_status status, std::span<const unsigned char> data) {
    const std::uint64_t index = request.tag >> 2;
    const auto done = static_cast<step>(request.tag & 3);
    if (done == completion || status != dma_status::ok) {
        end_entry(status == dma_status::ok);
        return;
    }
    if (done == payload) {
        push_completion(index);
        return;
    }
    ring_descriptor d = p_.buffer;
    d.address += index % p_.entries * p_.buffer_stride_bytes;
    if (p_.descriptors_in_memory)
        d = ring_descriptor::decode(data);
    dma_request r;
    r.address = d.address;
    r.length_bytes = d.length_bytes;
    r.write = (d.flags & ring_descriptor::device_writes) != 0;
    r.tag = index << 2 | payload;
    if (d.length_bytes == 0) // an empty buffer is complete at once
        push_completion(index);
    else
        ready_.push_back(r);
}

void ring_traffic::push_completion(std::uint64_t index) {
    if (p_.completion_bytes == 0) {
        end_entry(true);
        return;
    }
    dma_request r;
    r.address = p_.completion_base + index % p_.entries * p_.completion_bytes;
    r.length_bytes = p_.completion_bytes;
    r.write = true;
    r.tag = index << 2 | completion;
    ready_.push_back(r);
}

void ring_traffic::end_entry(bool ok) {
    --working_;
    ++(ok ? done_ : given_up_);
}

} // namespace iommulab
