// SPDX-License-Identifier: Apache-2.0
#include "testbenches/software/queue_traffic.h"

#include <algorithm>

namespace iommulab::software {

void queue_traffic::doorbell(std::uint64_t posted, std::uint64_t now_ps, std::uint64_t bytes_each) {
    for (; posted_ < posted; ++posted_) {
        entry e;
        link_free_ps_ = std::max(link_free_ps_, now_ps);
        if (p_.link_bytes_per_second != 0)
            link_free_ps_ += static_cast<std::uint64_t>(static_cast<double>(bytes_each) * 1e12 /
                                                        static_cast<double>(p_.link_bytes_per_second));
        e.ready_ps = link_free_ps_ + p_.device_ps;
        entries_.push_back(e);
    }
}

std::optional<queue_traffic::finished> queue_traffic::take() {
    if (entries_.empty() || !entries_.front().done)
        return {};
    const finished f{taken_, entries_.front().ok};
    entries_.pop_front();
    ++taken_;
    return f;
}

void queue_traffic::push(std::uint64_t index, step s, std::uint64_t address, std::uint32_t bytes, bool write) {
    dma_request r;
    r.address = address;
    r.length_bytes = bytes;
    r.write = write;
    r.tag = index << 2 | s;
    if (s == payload)
        r.not_before_ps = entries_[index - taken_].ready_ps;
    ready_.push_back(r);
}

std::optional<dma_request> queue_traffic::next() {
    if (ready_.empty() && working_ < p_.depth && started_ < posted_) {
        ++working_;
        push(started_, descriptor, p_.ring_base + started_ % p_.entries * p_.entry_bytes, p_.entry_bytes, false);
        ++started_;
    }
    if (ready_.empty())
        return {};
    const dma_request r = ready_.front();
    ready_.pop_front();
    return r;
}

void queue_traffic::push_data(std::uint64_t index, const ring_descriptor& d) {
    ++entries_[index - taken_].left;
    push(index, payload, d.address, d.length_bytes, (d.flags & ring_descriptor::device_writes) != 0);
}

/// Completions are written in the order of the ring.
void queue_traffic::end_data(std::uint64_t index) {
    entries_[index - taken_].data_done = true;
    for (; completing_ < posted_ && completing_ - taken_ < entries_.size() && entries_[completing_ - taken_].data_done;
         ++completing_)
        push(completing_, completion, p_.completion_base + completing_ % p_.entries * p_.completion_bytes,
             p_.completion_bytes, true);
}

void queue_traffic::completed(const dma_request& request, dma_status status, std::span<const unsigned char> data) {
    const std::uint64_t index = request.tag >> 2;
    const auto done = static_cast<step>(request.tag & 3);
    entry& e = entries_[index - taken_];
    e.ok &= status == dma_status::ok;
    switch (done) {
    case descriptor: {
        const auto d = status == dma_status::ok ? ring_descriptor::decode(data) : ring_descriptor{};
        if (d.length_bytes == 0)
            end_data(index);
        else if ((d.flags & is_list) != 0)
            push(index, list, d.address, d.length_bytes, false);
        else
            push_data(index, d);
        break;
    }
    case list:
        for (std::size_t at = 0; status == dma_status::ok && at + ring_descriptor::size_bytes <= data.size();
             at += ring_descriptor::size_bytes)
            push_data(index, ring_descriptor::decode(data.subspan(at, ring_descriptor::size_bytes)));
        if (e.left == 0)
            end_data(index);
        break;
    case payload:
        if (on_data && status == dma_status::ok)
            on_data(index, request, data);
        if (--e.left == 0)
            end_data(index);
        break;
    case completion:
        e.done = true;
        --working_;
        break;
    }
}

} // namespace iommulab::software
