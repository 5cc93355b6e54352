// SPDX-License-Identifier: Apache-2.0
#include "sw/dma_api/dma_api.h"

#include "sw/iommu/mapping.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace iommulab::sw {

/// Lives in the domain; takes itself off the list when that goes.
struct dma_api::state final : domain::cookie {
    state(std::shared_ptr<std::vector<state*>> list, cpu& machine, domain& d, unsigned frame_log2,
          std::uint64_t first_frame, const iova_costs& costs)
        : addresses(machine, frame_log2, first_frame, costs), queue(machine, d, addresses), in(std::move(list)) {
        in->push_back(this);
    }
    ~state() override { std::erase(*in, this); }

    iova_allocator addresses;
    flush_queue queue;
    std::shared_ptr<std::vector<state*>> in;
};

dma_api::dma_api(iommu_core& core, dma_options options)
    : core_(core), options_(std::move(options)), states_(std::make_shared<std::vector<state*>>()) {}

domain* dma_api::translated(const device& dev) {
    domain* const d = dev.in_group ? dev.in_group->default_domain() : nullptr;
    return d && is_dma(d->type()) ? d : nullptr;
}

void dma_api::set_up(device& dev) {
    if (domain* const d = translated(dev))
        static_cast<void>(state_of(dev, *d));
}

dma_api::state& dma_api::state_of(device& dev, domain& d) {
    if (d.dma_cookie)
        return static_cast<state&>(*d.dma_cookie);
    const auto frame_log2 = static_cast<unsigned>(std::countr_zero(d.smallest_page_bytes()));
    const std::uint64_t first = std::max<std::uint64_t>(1, d.aperture_first() >> frame_log2); // 0 would be no address
    auto made = std::make_unique<state>(states_, core_.in().machine(), d, frame_log2, first, options_.costs);
    for (const reserved_region& r : core_.reserved_regions(*dev.in_group))
        if (r.type != region_type::software_msi) // a place that the kernel itself may choose
            made->addresses.reserve(r.start >> frame_log2, r.last() >> frame_log2);
    made->queue.on_timer = options_.on_timer;
    made->queue.observer = options_.observer;
    state& out = *made;
    d.dma_cookie = std::move(made);
    return out;
}

const iova_allocator* dma_api::addresses(const device& dev) const {
    const domain* const d = translated(dev);
    return d && d->dma_cookie ? &static_cast<const state&>(*d->dma_cookie).addresses : nullptr;
}

const flush_queue* dma_api::lazy(const device& dev) const {
    const domain* const d = translated(dev);
    return d && d->dma_cookie && d->type() == domain_type::dma_fq ? &static_cast<const state&>(*d->dma_cookie).queue
                                                                  : nullptr;
}

protection dma_api::protection_for(const device& dev, dma_direction way) {
    return {.read = way != dma_direction::from_device,
            .write = way != dma_direction::to_device,
            .cache = dev.description().dma_coherent};
}

bool dma_api::sends(const device& dev, std::uint64_t address, std::uint64_t bytes) {
    const unsigned bits = dev.description().dma_bits;
    return bits >= 64 || (bytes != 0 && address + (bytes - 1) >= address && (address + (bytes - 1)) >> bits == 0);
}

void dma_api::clean(const device& dev, std::uint64_t address, std::uint64_t bytes) {
    if (!dev.description().dma_coherent)
        core_.in().machine().clean(address, bytes);
}

/// 32-bit addresses first for PCI devices, since not all of them carry longer ones as well as they say.
std::optional<std::uint64_t> dma_api::allocate(const device& dev, domain& d, state& s, std::uint64_t bytes) const {
    constexpr std::uint64_t last_of_32_bits = 0xffff'ffffU;
    const unsigned bits = dev.description().dma_bits;
    std::uint64_t last = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    if (d.aperture_forced())
        last = std::min(last, d.aperture_last());
    const unsigned log2 = s.addresses.frame_log2();
    std::optional<std::uint64_t> frame;
    if (last > last_of_32_bits && dev.description().pci && !options_.force_above_32_bits)
        frame = s.addresses.allocate(bytes >> log2, last_of_32_bits >> log2, false);
    if (!frame)
        frame = s.addresses.allocate(bytes >> log2, last >> log2, true);
    return frame ? std::optional(*frame << log2) : std::nullopt;
}

std::optional<std::uint64_t> dma_api::map_single(device& dev, std::uint64_t address, std::uint64_t bytes,
                                                 dma_direction way) {
    if (bytes == 0)
        throw std::invalid_argument("a DMA mapping of no bytes");
    clean(dev, address, bytes);
    domain* const d = translated(dev);
    if (!d)
        return sends(dev, address, bytes) ? std::optional(address) : std::nullopt;
    state& s = state_of(dev, *d);
    const std::uint64_t granule = d->smallest_page_bytes();
    const std::uint64_t within = address & (granule - 1);
    const std::uint64_t whole = (within + bytes + granule - 1) & ~(granule - 1);
    const auto iova = allocate(dev, *d, s, whole);
    if (!iova)
        return {};
    if (!map(core_.in(), *d, *iova, address - within, whole, protection_for(dev, way))) {
        s.addresses.free(*iova >> s.addresses.frame_log2(), whole >> s.addresses.frame_log2());
        return {};
    }
    return *iova + within;
}

/// Whole granules. Linux warns when less than that was mapped, and goes on.
void dma_api::take_back(domain& d, std::uint64_t iova, std::uint64_t bytes) {
    if (!d.dma_cookie)
        throw std::logic_error("DMA addresses unmapped that were never mapped");
    state& s = static_cast<state&>(*d.dma_cookie);
    iotlb_gather gather;
    gather.queued = d.type() == domain_type::dma_fq;
    const std::uint64_t done = unmap_fast(core_.in(), d, iova, bytes, gather);
    if (done != bytes)
        core_.in().say(log_level::warning, "dma", "unmapped less than was to be unmapped");
    if (!gather.queued)
        iotlb_sync(d, gather);
    if (options_.observer)
        options_.observer->unmapped(d, iova, bytes, gather.queued);
    if (gather.queued)
        s.queue.add(iova, bytes >> s.addresses.frame_log2());
    else
        s.addresses.free(iova >> s.addresses.frame_log2(), bytes >> s.addresses.frame_log2());
}

void dma_api::unmap_single(device& dev, std::uint64_t dma_address, std::uint64_t bytes, dma_direction way) {
    domain* const d = translated(dev);
    // What speculation brought into the caches meanwhile goes, too.
    if (way != dma_direction::to_device && !dev.description().dma_coherent)
        clean(dev, d ? iova_to_phys(*d, dma_address) : dma_address, bytes);
    if (!d)
        return;
    const std::uint64_t granule = d->smallest_page_bytes();
    const std::uint64_t within = dma_address & (granule - 1);
    take_back(*d, dma_address - within, (within + bytes + granule - 1) & ~(granule - 1));
}

std::vector<dma_segment> dma_api::map_sg(device& dev, std::span<const dma_segment> memory, dma_direction way,
                                         const segment_limits& limits) {
    for (const dma_segment& m : memory) {
        if (m.bytes == 0)
            throw std::invalid_argument("a scatter list with a piece of no bytes");
        clean(dev, m.address, m.bytes);
    }
    domain* const d = translated(dev);
    if (!d) {
        const bool all = std::all_of(memory.begin(), memory.end(),
                                     [&](const dma_segment& m) { return sends(dev, m.address, m.bytes); });
        return all ? std::vector<dma_segment>(memory.begin(), memory.end()) : std::vector<dma_segment>();
    }
    if (memory.empty())
        return {};
    state& s = state_of(dev, *d);
    const std::uint64_t granule = d->smallest_page_bytes();
    const scatter_layout layout = lay_out(memory, granule, limits);
    const auto iova = allocate(dev, *d, s, layout.bytes);
    if (!iova)
        return {};
    const protection prot = protection_for(dev, way);
    // Neighbours in memory are mapped together, so that they may share a block.
    for (std::size_t n = 0; n < layout.pieces.size();) {
        const auto& first = layout.pieces[n];
        std::uint64_t bytes = first.bytes;
        for (++n; n < layout.pieces.size() && layout.pieces[n].memory == first.memory + bytes &&
                  layout.pieces[n].offset == first.offset + bytes;
             ++n)
            bytes += layout.pieces[n].bytes;
        if (!map(core_.in(), *d, *iova + first.offset, first.memory, bytes, prot)) {
            // What came before goes again; nobody has seen it, but a TLB may have looked ahead.
            iotlb_gather gather;
            for (const auto& done : layout.pieces)
                if (done.offset < first.offset)
                    static_cast<void>(unmap_fast(core_.in(), *d, *iova + done.offset, done.bytes, gather));
            iotlb_sync(*d, gather);
            s.addresses.free(*iova >> s.addresses.frame_log2(), layout.bytes >> s.addresses.frame_log2());
            return {};
        }
    }
    return merge(memory, layout, *iova, granule, limits);
}

void dma_api::unmap_sg(device& dev, std::span<const dma_segment> mapped, dma_direction way) {
    domain* const d = translated(dev);
    if (mapped.empty())
        return;
    if (way != dma_direction::to_device && !dev.description().dma_coherent)
        for (const dma_segment& m : mapped)
            clean(dev, m.address, m.bytes);
    if (!d)
        return;
    const std::uint64_t granule = d->smallest_page_bytes();
    const std::uint64_t from = mapped.front().address & ~(granule - 1);
    const std::uint64_t end = (mapped.back().address + mapped.back().bytes + granule - 1) & ~(granule - 1);
    take_back(*d, from, end - from);
}

std::optional<dma_api::coherent_memory> dma_api::allocate_coherent(device& dev, std::uint64_t bytes) {
    cpu& machine = core_.in().machine();
    const domain* const d = translated(dev);
    const std::uint64_t page = d ? d->smallest_page_bytes() : std::uint64_t{1} << core_.in().options().page_shift;
    coherent_memory out;
    out.bytes = (bytes + page - 1) & ~(page - 1);
    if (out.bytes == 0)
        throw std::invalid_argument("coherent memory of no bytes");
    out.address = machine.allocate(out.bytes, page, dev.description().node,
                                   dev.description().dma_coherent ? memory_kind::cached : memory_kind::uncached);
    if (out.address == 0)
        return {};
    if (const auto mapped = map_single(dev, out.address, out.bytes, dma_direction::bidirectional)) {
        out.dma_address = *mapped;
        return out;
    }
    machine.release(out.address, out.bytes);
    return {};
}

void dma_api::free_coherent(device& dev, const coherent_memory& memory) {
    unmap_single(dev, memory.dma_address, memory.bytes, dma_direction::bidirectional);
    core_.in().machine().release(memory.address, memory.bytes);
}

void dma_api::run_timers() {
    const std::vector<state*> now = *states_;
    for (state* s : now)
        if (std::find(states_->begin(), states_->end(), s) != states_->end()) // a domain may go while others flush
            s->queue.run_timer();
}

std::optional<std::uint64_t> dma_api::next_timer_ns() const {
    std::optional<std::uint64_t> next;
    for (const state* s : *states_)
        if (const auto at = s->queue.timer_ns(); at && (!next || *at < *next))
            next = at;
    return next;
}

} // namespace iommulab::sw
