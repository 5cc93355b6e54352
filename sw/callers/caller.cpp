// SPDX-License-Identifier: Apache-2.0
#include "sw/callers/caller.h"

#include <algorithm>
#include <array>
#include <utility>

namespace iommulab::sw {
namespace {

constexpr unsigned probe_bytes = 8;
using probe_data = std::array<std::uint8_t, probe_bytes>;

/// Measures from its construction on.
class meter {
  public:
    explicit meter(iommu_core& core)
        : core_(core),
          calls_(core.attach_calls().size()),
          lines_(core.in().log().entries().size()),
          begin_ns_(core.in().machine().now_ns()) {}

    [[nodiscard]] attach_effort read() const {
        const auto& calls = core_.attach_calls();
        const log_stream& log = core_.in().log();
        attach_effort e;
        e.attach_calls = static_cast<unsigned>(calls.size() - calls_);
        e.error_lines = static_cast<unsigned>(log.errors(lines_));
        e.warning_lines = static_cast<unsigned>(log.count(log_level::warning, lines_));
        for (std::size_t n = calls_; n < calls.size(); ++n)
            e.attach_ns += calls[n].end_ns - calls[n].begin_ns;
        e.elapsed_ns = core_.in().machine().now_ns() - begin_ns_;
        return e;
    }

  private:
    iommu_core& core_;
    std::size_t calls_, lines_;
    std::uint64_t begin_ns_;
};

attach_effort sum(const attach_effort& a, const attach_effort& b) {
    return {a.attach_calls + b.attach_calls, a.error_lines + b.error_lines, a.warning_lines + b.warning_lines,
            a.attach_ns + b.attach_ns, a.elapsed_ns + b.elapsed_ns};
}

attach_effort difference(const attach_effort& a, const attach_effort& b) {
    return {a.attach_calls - b.attach_calls, a.error_lines - b.error_lines, a.warning_lines - b.warning_lines,
            a.attach_ns - b.attach_ns, a.elapsed_ns - b.elapsed_ns};
}

} // namespace

const char* name_of(dma_outcome o) {
    constexpr std::array names{"untried", "ok", "fault", "wrong"};
    return names[static_cast<std::size_t>(o)];
}

caller::caller(const char* name, caller_machine machine, const caller_options& options)
    : name_(name), machine_(std::move(machine)), options_(options), locked_(options.locked_limit_bytes) {}

std::unique_ptr<domain> caller::make_domain(const device& dev) {
    std::unique_ptr<domain> made = core().allocate_domain(dev);
    if (made)
        ++domains_made_;
    return made;
}

result<void> caller::own(group& g) {
    if (owns(g))
        return {};
    if (options_.claim)
        if (result<void> r = core().claim(g, this); !r)
            return r;
    owned_.insert(&g);
    return {};
}

void caller::disown(group& g) {
    if (owned_.erase(&g) == 0 || !options_.claim)
        return;
    const meter m(core());
    core().release_claim(g);
    releases_ = sum(releases_, m.read());
}

caller_report caller::run(device& dev, const std::function<void()>& between) {
    caller_report report;
    report.caller = name_;
    report.device = dev.name();
    const std::vector<const domain*> before = domains();
    domains_made_ = 0;

    const meter claim_meter(core());
    result<void> r = claim(dev);
    report.claim = claim_meter.read();
    report.at_claim = !r;
    if (r) {
        if (between)
            between();
        const meter attach_meter(core());
        releases_ = {};
        r = attach(dev);
        report.release = releases_;
        report.attach = difference(attach_meter.read(), releases_);
    }
    report.number = errno_of(r);
    report.row = r ? nullptr : r.error().row;
    report.domains = static_cast<unsigned>(domains().size());
    report.address_spaces = static_cast<unsigned>(address_spaces());
    report.domains_made = domains_made_;
    report.shared = std::find(before.begin(), before.end(), domain_of(dev)) != before.end();
    report.dma = try_dma(dev);
    return report;
}

dma_outcome caller::try_dma(const device& dev) {
    if (!machine_.dma_read || !machine_.dma_write)
        return dma_outcome::untried;
    cpu& machine = in().machine();
    unsigned landed = 0, refused = 0;
    bool wrong = false;
    // Whether it got through, and what became of the data; the memory there is put back.
    const auto attempt = [&](std::uint64_t iova, std::uint64_t address, bool write, std::uint8_t seed) {
        probe_data pattern{}, before{}, found{};
        for (std::size_t n = 0; n < pattern.size(); ++n)
            pattern[n] = static_cast<std::uint8_t>(seed ^ (0x11 * n) ^ (iova >> 12));
        machine.read_block(address, before.data(), probe_bytes);
        if (pattern == before)
            pattern[0] ^= 0xff;
        bool through = false;
        if (write) {
            through = machine_.dma_write(dev, iova, pattern.data(), probe_bytes);
            machine.read_block(address, found.data(), probe_bytes);
            wrong |= through ? found != pattern : found != before;
        } else {
            machine.write_block(address, pattern.data(), probe_bytes);
            machine.barrier();
            through = machine_.dma_read(dev, iova, found.data(), probe_bytes);
            wrong |= through && found != pattern;
        }
        ++(through ? landed : refused);
        machine.write_block(address, before.data(), probe_bytes);
        machine.barrier();
    };
    for (const user_mapping& m : mappings())
        for (const std::uint64_t at : {std::uint64_t{0}, m.bytes - probe_bytes}) {
            if (m.prot.write)
                attempt(m.iova + at, m.address + at, true, 0xa5);
            if (m.prot.read)
                attempt(m.iova + at, m.address + at, false, 0x3c);
        }
    if (wrong || (landed != 0 && refused != 0))
        return dma_outcome::wrong;
    return landed != 0 ? dma_outcome::ok : refused != 0 ? dma_outcome::fault : dma_outcome::untried;
}

} // namespace iommulab::sw
