// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/queue_driver.h"

#include <algorithm>
#include <stdexcept>

namespace iommulab::scenarios {

using software::queue_traffic;
using sw::dma_direction;
using sw::dma_segment;

namespace {
constexpr std::uint32_t nic_entry_bytes = 16, nvme_entry_bytes = 64; // NVMe Base 2.0, 3.3.3.1; a NIC's is an assumption
constexpr std::uint32_t completion_bytes = 16;                       // NVMe Base 2.0, 3.3.3.2
constexpr std::uint64_t doorbell_ns = 20;               // a posted write: the core's part of it; assumption
constexpr std::uint64_t largest_segment = 0xffff'ffffU; // what an NVMe driver says of its device
} // namespace

queue_driver::queue_driver(std::string device, const software_device& d, const software_description& s,
                           std::uint64_t buffers, sw::dma_api& dma, exposure& tries)
    : device_(std::move(device)), d_(d), s_(s), buffers_(buffers), dma_(dma), tries_(tries), limit_(d.requests) {}

void queue_driver::connect(const hardware& h) {
    hardware_ = h;
    if (h.queue)
        h.queue->on_data = [this](std::uint64_t index, const dma_request& r, std::span<const unsigned char> data) {
            check(index, r, data);
        };
}

void queue_driver::allocate_rings() {
    dev_ = &hardware_.machine->device(device_);
    const auto allocate = [&](std::uint64_t bytes) {
        const auto memory = dma_.allocate_coherent(*dev_, bytes);
        if (!memory)
            throw std::runtime_error(device_ + ": no memory for its rings");
        return *memory;
    };
    ring_ = allocate(std::uint64_t{d_.entries} * (d_.nic ? nic_entry_bytes : nvme_entry_bytes));
    completions_ = allocate(std::uint64_t{d_.entries} * completion_bytes);
    if (d_.scattered())
        lists_ = allocate(d_.entries * (d_.unit_bytes() / d_.page_bytes) * ring_descriptor::size_bytes);
}

software::queue_parameters queue_driver::parameters() const {
    software::queue_parameters p;
    p.ring_base = ring_.dma_address;
    p.completion_base = completions_.dma_address;
    p.entries = d_.entries;
    p.entry_bytes = d_.nic ? nic_entry_bytes : nvme_entry_bytes;
    p.completion_bytes = completion_bytes;
    p.depth = d_.depth;
    p.link_bytes_per_second = d_.link_bytes_per_second;
    p.device_ps = d_.device_ps;
    return p;
}

queue_driver::unit queue_driver::make_unit(std::uint64_t number) const {
    unit u;
    u.number = number;
    const std::uint64_t stride = d_.unit_bytes() * (d_.scattered() ? 2 : 1);
    const std::uint64_t base = buffers_ + number % d_.units() * stride;
    if (!d_.scattered())
        u.memory.push_back({base, d_.unit_bytes()});
    else
        for (std::uint64_t at = 0; at < d_.unit_bytes(); at += d_.page_bytes)
            u.memory.push_back({base + 2 * at, d_.page_bytes}); // every other page
    return u;
}

bool queue_driver::map(unit& u) {
    const std::uint64_t began = cpu().now_ns();
    if (d_.scattered())
        u.mapped = dma_.map_sg(*dev_, u.memory, dma_direction::from_device, {.largest_bytes = largest_segment});
    else if (const auto at = dma_.map_single(*dev_, u.memory[0].address, u.memory[0].bytes, dma_direction::from_device))
        u.mapped = {{*at, u.memory[0].bytes}};
    counted_.map_ns.push_back(cpu().now_ns() - began);
    counted_.refused_maps += u.mapped.empty() ? 1 : 0;
    return !u.mapped.empty();
}

void queue_driver::unmap(unit& u) {
    const std::uint64_t tried_before = tries_.spent_ns(), began = cpu().now_ns();
    if (d_.scattered())
        dma_.unmap_sg(*dev_, u.mapped, dma_direction::from_device);
    else
        dma_.unmap_single(*dev_, u.mapped[0].address, u.mapped[0].bytes, dma_direction::from_device);
    tries_.returned();
    const std::uint64_t took = cpu().now_ns() - began, tried = tries_.spent_ns() - tried_before;
    counted_.unmap_ns.push_back(took > tried ? took - tried : 0);
    if (s_.domains == sw::domain_type::identity)
        tries_.try_untranslated(device_, u.mapped[0].address);
}

/// One more entry; false: there are no addresses or tables left for its buffer.
bool queue_driver::post() {
    const std::uint64_t per_unit = d_.buffers_per_unit();
    if (posted_ % per_unit == 0) {
        unit u = make_unit(posted_ / per_unit);
        if (!map(u))
            return false;
        u.left = std::min(per_unit, limit_ - posted_);
        units_.push_back(std::move(u));
    }
    const unit& u = units_.back();
    const std::uint64_t slot = posted_ % d_.entries;
    ring_descriptor entry;
    if (u.mapped.size() == 1) {
        entry = {u.mapped[0].address + posted_ % per_unit * d_.buffer_bytes,
                 static_cast<std::uint32_t>(d_.length_bytes), ring_descriptor::device_writes};
    } else {
        const std::uint64_t list = slot * (d_.unit_bytes() / d_.page_bytes) * ring_descriptor::size_bytes;
        std::uint64_t left = d_.length_bytes;
        std::uint32_t used = 0;
        for (const dma_segment& m : u.mapped) {
            if (left == 0)
                break;
            const ring_descriptor piece{m.address, static_cast<std::uint32_t>(std::min(left, m.bytes)),
                                        ring_descriptor::device_writes};
            left -= piece.length_bytes;
            const auto bytes = piece.encode();
            cpu().write_block(lists_.address + list + used, bytes.data(), bytes.size());
            used += ring_descriptor::size_bytes;
        }
        entry = {lists_.dma_address + list, used, queue_traffic::is_list};
    }
    const auto bytes = entry.encode();
    cpu().write_block(ring_.address + slot * (d_.nic ? nic_entry_bytes : nvme_entry_bytes), bytes.data(), bytes.size());
    ++posted_;
    return true;
}

void queue_driver::ring_doorbell() {
    if (rung_ == posted_)
        return;
    rung_ = posted_;
    cpu().barrier();
    cpu().delay_ns(doorbell_ns);
    hardware_.queue->doorbell(posted_, cpu().now_ns() * 1000, d_.length_bytes);
    hardware_.master->poke();
}

void queue_driver::start() {
    while (posted_ < std::min<std::uint64_t>(d_.entries, limit_) && post()) {
    }
    if (posted_ == 0)
        throw std::runtime_error(device_ + ": not one buffer could be mapped");
    counted_.begin_ns = cpu().now_ns();
    ring_doorbell();
}

bool queue_driver::poll() {
    bool any = false;
    while (const auto f = hardware_.queue->take()) {
        any = true;
        static_cast<void>(cpu().read(completions_.address + f->index % d_.entries * completion_bytes, 8));
        ++(f->ok ? counted_.done : counted_.failed);
        counted_.bytes += f->ok ? d_.length_bytes : 0;
        if (--units_.front().left == 0) {
            unmap(units_.front());
            units_.pop_front();
        }
        cpu().delay_ns(s_.work_ns);
        if (posted_ < limit_ && !post())
            limit_ = posted_; // no more than is under way
    }
    if (!any)
        return false;
    ring_doorbell();
    counted_.end_ns = cpu().now_ns();
    return true;
}

void queue_driver::stop() {
    hardware_.queue->close();
    hardware_.master->poke();
    for (unit& u : units_) // of a queue that ended early
        unmap(u);
    units_.clear();
    for (const auto& memory : {ring_, completions_, lists_})
        if (memory.bytes != 0) {
            dma_.free_coherent(*dev_, memory);
            tries_.returned();
        }
}

/// What lies in memory must be what the device wrote.
void queue_driver::check(std::uint64_t index, const dma_request& request, std::span<const unsigned char> data) {
    const std::uint64_t number = index / d_.buffers_per_unit();
    if (units_.empty() || number < units_.front().number)
        return;
    const unit& u = units_[number - units_.front().number];
    // Where the device's address is in the unit: its segments follow each other, whatever memory they stand for.
    std::uint64_t offset = 0;
    for (const dma_segment& m : u.mapped) {
        if (request.address >= m.address && request.address - m.address < m.bytes) {
            offset += request.address - m.address;
            break;
        }
        offset += m.bytes;
    }
    std::uint64_t at = 0, begin = 0;
    bool same = true;
    std::vector<unsigned char> found;
    for (const dma_segment& m : u.memory) {
        const std::uint64_t skip = offset + at > begin ? offset + at - begin : 0;
        if (at < data.size() && skip < m.bytes) {
            const std::uint64_t bytes = std::min<std::uint64_t>(m.bytes - skip, data.size() - at);
            found.resize(bytes);
            memory* const where = hardware_.machine->hardware().memory_at(m.address + skip, bytes);
            if (where)
                where->store().read(m.address + skip, found.data(), bytes);
            same &= where && std::equal(found.begin(), found.end(), data.begin() + static_cast<std::ptrdiff_t>(at));
            at += bytes;
        }
        begin += m.bytes;
    }
    if (!same || at < data.size())
        ++counted_.wrong;
}

} // namespace iommulab::scenarios
