// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/exposure.h"

#include <algorithm>
#include <mutex>

namespace iommulab::scenarios {

namespace {
constexpr std::uint64_t page_bytes = 4096; // what exposure is counted in
constexpr unsigned try_bytes = 8;
} // namespace

void exposure::learn(const std::string& device) {
    devices_[machine_.device(device).in_group->default_domain()] = device;
    masters_[device] = std::make_unique<sw::ticket_lock>(machine_.cpus());
}

bool exposure::wants() {
    return every_ != 0 && seen_++ % every_ == 0;
}

bool exposure::reaches(const std::string& device, std::uint64_t address) {
    const std::uint64_t began_ns = machine_.cpus().now_ns();
    bool ok = false;
    {
        const std::lock_guard held(*masters_.at(device));
        machine_.cpus().delay_ns(0); // what the CPU owes is over before the device begins
        ok = machine_.dma_read(device, address, try_bytes).ok;
    }
    spent_ns_[machine_.cpus().id()] += machine_.cpus().now_ns() - began_ns;
    return ok;
}

std::uint64_t exposure::spent_ns() {
    return spent_ns_[machine_.cpus().id()];
}

void exposure::end(const window& w, std::uint64_t now_ns) {
    const std::uint64_t took = w.returned && now_ns > w.begin_ns ? now_ns - w.begin_ns : 0;
    found_.window_ns.push_back(took);
    found_.page_ns += took * w.pages;
    if (w.tried)
        found_.reached_ns.push_back(w.returned && w.last_landed_ns > w.begin_ns ? w.last_landed_ns - w.begin_ns : 0);
}

void exposure::unmapped(sw::domain& d, std::uint64_t iova, std::uint64_t bytes, bool queued) {
    const auto device = devices_.find(&d);
    if (device == devices_.end())
        return;
    auto w = std::make_shared<window>();
    w->pages = bytes / page_bytes;
    w->tried = wants();
    w->begin_ns = machine_.cpus().now_ns();
    ++found_.unmaps;
    found_.pages += w->pages;
    found_.tried += w->tried ? 1 : 0;
    if (queued) {
        open_[{&d, iova}] = w;
        unmapping_[machine_.cpus().id()] = w;
        return;
    }
    if (w->tried)
        ++(reaches(device->second, iova) ? found_.landed_after : found_.refused_after);
    end(*w, w->begin_ns);
}

void exposure::returned() {
    auto& w = unmapping_[machine_.cpus().id()];
    if (w && !w->invalidated) {
        w->returned = true;
        w->begin_ns = machine_.cpus().now_ns();
    }
    w.reset();
}

void exposure::invalidated(sw::domain& d, std::uint64_t iova, std::uint64_t) {
    const auto window_open = open_.find({&d, iova});
    if (window_open == open_.end())
        return;
    const std::shared_ptr<window> w = window_open->second;
    open_.erase(window_open);
    w->invalidated = true;
    end(*w, machine_.cpus().now_ns());
    if (w->tried)
        ++(reaches(devices_.at(&d), iova) ? found_.landed_after : found_.refused_after);
}

void exposure::try_again() {
    std::vector<std::pair<place, std::shared_ptr<window>>> now;
    for (const auto& [where, w] : open_)
        if (w->tried && w->returned)
            now.emplace_back(where, w);
    for (const auto& [where, w] : now) {
        if (w->invalidated)
            continue;
        const bool landed = reaches(devices_.at(where.first), where.second);
        if (w->invalidated)
            continue; // it was invalidated while the access was on its way: it may have come first, or not
        ++(landed ? found_.landed : found_.refused);
        if (landed)
            w->last_landed_ns = machine_.cpus().now_ns();
    }
}

void exposure::try_untranslated(const std::string& device, std::uint64_t address) {
    ++found_.unmaps;
    if (!wants())
        return;
    ++found_.tried;
    ++(reaches(device, address) ? found_.landed : found_.refused);
}

} // namespace iommulab::scenarios
