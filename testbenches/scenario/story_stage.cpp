// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/story_stage.h"

#include "sw/iommu/mapping.h"
#include "testbenches/software/caller_machine.h"

namespace iommulab::scenarios {

using sw::linux_errno;
using sw::result;

namespace {

template <class T>
void take_result(const result<T>& r, story_outcome& out) {
    out.number = sw::errno_of(r);
    if (!r)
        out.row = r.error().row;
}

sw::domain_type type_named(const std::string& name) {
    return name == "blocked"    ? sw::domain_type::blocked
           : name == "identity" ? sw::domain_type::identity
           : name == "dma"      ? sw::domain_type::dma
           : name == "dma-fq"   ? sw::domain_type::dma_fq
                                : sw::domain_type::unmanaged;
}

} // namespace

story_stage::story_stage(software::software_machine& machine, const story& s)
    : machine_(machine), core_(machine.core()) {
    for (const story_space& space : s.spaces)
        spaces_[space.name] = space.caller->make(software::caller_machine_of(machine), space.options);
}

story_stage::~story_stage() {
    machine_.kernel().power_off(); // what is left needs no undoing
}

void story_stage::close() {
    for (const auto& [name, space] : spaces_)
        try {
            space->close();
        } catch (const sw::kernel_stop& stopped) {
            last_take_.at(name)->fail(std::string("at the end, as '") + name +
                                          "' gives up what it has: " + stopped.what(),
                                      "an end that Linux survives");
        }
}

std::string story_stage::holder_of(const std::string& device) const {
    const sw::group* const g = machine_.device(device).in_group;
    for (const auto& [held, spaces] : held_)
        if (!spaces.empty() && (held == device || (g && machine_.device(held).in_group == g)))
            return *spaces.begin();
    return {};
}

void story_stage::check_precondition(const story_operation& o) {
    const std::string holder = o.device.empty() ? std::string() : holder_of(o.device);
    const auto refuse = [&](const std::string& why, const char* expected) {
        o.where.fail("'" + o.text + "', " + why, expected);
    };
    switch (o.action) {
    case story_action::free:
        for (const auto& dev : core_.devices())
            if (const sw::group* const g = dev->in_group; g && g->current() && g->current() == domains_[o.domain].get())
                refuse("which '" + dev->name() + "' is on", "a domain that no device is on");
        break;
    case story_action::detach: {
        const sw::group* const g = machine_.device(o.device).in_group;
        if (!holder.empty() && g && g->current() != domain_of(o))
            refuse("whose group '" + holder + "' holds", "a domain that the group is on");
        break;
    }
    case story_action::remove:
        if (!holder.empty()) // Linux waits
            refuse("which '" + holder + "' holds", "a device that has left all address spaces");
        break;
    case story_action::release:
        if (!holder.empty())
            refuse("whose group '" + holder + "' has claimed", "a claim of the story's own");
        break;
    case story_action::unuse:
        if (const sw::group* const g = machine_.device(o.device).in_group; g && g->owner() && !used_.contains(o.device))
            refuse("which no driver uses, and whose group is claimed", "a device in use");
        break;
    default:
        break;
    }
}

sw::domain* story_stage::domain_of(const story_operation& o) {
    if (!o.domain.empty()) {
        sw::domain* const d = domains_[o.domain].get();
        if (!d)
            o.where.fail("domain '" + o.domain + "', which could not be made", "a domain");
        return d;
    }
    sw::group* const g = machine_.device(o.device).in_group;
    return g ? g->current() : nullptr;
}

story_outcome story_stage::carry_out(const story_operation& o, const story_expectation& expected) {
    story_outcome out;
    const std::size_t line = machine_.log().entries().size(), calls = core_.attach_calls().size();
    const unsigned made = core_.domains_made();
    const std::size_t raised = machine_.kernel().raised().size();
    out.begin_ns = machine_.cpus().now_ns();
    check_precondition(o);
    try {
        act(o, expected, out);
    } catch (const sw::kernel_stop& stopped) {
        o.where.fail(stopped.what(), "an operation that Linux survives");
    }
    out.end_ns = machine_.cpus().now_ns();
    if (out.dma == "fault" || out.dma == "wrong")
        machine_.settle(); // the line of a fault belongs to the access
    if (out.number == linux_errno::none && machine_.kernel().raised().size() != raised)
        out.row = machine_.kernel().raised()[raised].row; // swallowed
    if (o.action != story_action::take) {
        out.attach_calls = core_.attach_calls().size() - calls;
        out.domains_made = core_.domains_made() - made;
        out.error_lines = machine_.log().errors(line);
        out.warning_lines = machine_.log().count(sw::log_level::warning, line);
    }
    out.debug_lines = machine_.log().count(sw::log_level::debug, line);
    for (std::size_t n = line; n < machine_.log().entries().size(); ++n) {
        const sw::log_entry& e = machine_.log().entries()[n];
        out.log.push_back(std::string(sw::name_of(e.level)) + " " + e.device + ": " + e.message);
    }
    return out;
}

void story_stage::attach(const story_operation& o, story_outcome& out) {
    sw::device& dev = machine_.device(o.device);
    sw::domain& d = *domain_of(o);
    if (o.way == "driver" && dev.spec() && !dev.behind) // Linux would follow a null pointer
        o.where.fail("attach_dev for '" + o.device + "', which no driver has taken", "a device whose probe succeeded");
    if (o.way == "device")
        take_result(core_.attach_device(d, dev), out);
    else if (o.way == "driver")
        take_result(d.attach_dev(dev), out);
    else if (dev.in_group)
        take_result(core_.attach_group(d, *dev.in_group), out);
    else
        out.number = linux_errno::enodev; // nobody has a group to attach
}

void story_stage::dma(const story_operation& o, const story_expectation& expected, story_outcome& out) {
    std::vector<std::uint8_t> pattern(o.bytes), before(o.bytes), found(o.bytes);
    for (std::size_t n = 0; n < pattern.size(); ++n)
        pattern[n] = static_cast<std::uint8_t>(0xa5 ^ (0x11 * n) ^ (o.iova >> 12));
    sw::cpu& cpu = machine_.cpus();
    const std::uint64_t place = expected.lands_at.value_or(0);
    if (expected.lands_at) {
        cpu.read_block(place, before.data(), before.size());
        if (before == pattern)
            pattern[0] ^= 0xff;
    }
    if (o.way == "write") {
        const auto r = machine_.dma_write(o.device, o.iova, pattern);
        out.dma = r.ok ? "ok" : "fault";
        if (expected.lands_at) {
            cpu.read_block(place, found.data(), found.size());
            out.landed = r.ok && found == pattern;
        }
        return;
    }
    if (expected.lands_at) {
        cpu.write_block(place, pattern.data(), pattern.size());
        cpu.barrier();
    }
    const auto r = machine_.dma_read(o.device, o.iova, static_cast<unsigned>(o.bytes));
    out.dma = r.ok ? "ok" : "fault";
    out.landed = r.ok && r.data == pattern;
    if (expected.lands_at) {
        cpu.write_block(place, before.data(), before.size());
        cpu.barrier();
    }
}

void story_stage::take(const story_operation& o, story_outcome& out) {
    const sw::caller_report r = spaces_.at(o.space)->run(machine_.device(o.device), [&] {
        if (!o.point.empty())
            machine_.kernel().injection().nth(o.point, 1);
    });
    if (!r.at_claim)
        held_[o.device].insert(o.space);
    last_take_[o.space] = &o.where;
    out.number = r.number;
    out.row = r.row;
    out.at_claim = r.at_claim;
    out.shared = r.shared;
    out.domains = r.domains;
    out.address_spaces = r.address_spaces;
    out.domains_made = r.domains_made;
    out.attach_calls = r.effort().attach_calls;
    out.error_lines = r.effort().error_lines;
    out.warning_lines = r.effort().warning_lines;
    out.dma = sw::name_of(r.dma);
}

void story_stage::act(const story_operation& o, const story_expectation& expected, story_outcome& out) {
    sw::kernel& kernel = machine_.kernel();
    const auto dev = [&]() -> sw::device& { return machine_.device(o.device); };
    switch (o.action) {
    case story_action::domain:
        domains_[o.domain] = core_.allocate_domain(dev(), type_named(o.way));
        if (!domains_[o.domain])
            out.number = linux_errno::enomem; // iommu_domain_alloc says null; so do its callers read it
        else if (o.count != 0 && !domains_[o.domain]->offers_pasids())
            o.where.fail("PASIDs for domain '" + o.domain + "'", "an IOMMU whose driver knows such domains");
        else if (o.count != 0)
            take_result(domains_[o.domain]->enable_pasids(static_cast<std::uint32_t>(o.count)), out);
        break;
    case story_action::free:
        core_.retire(std::move(domains_[o.domain]));
        break;
    case story_action::attach:
        attach(o, out);
        break;
    case story_action::detach:
        if (o.way == "device")
            core_.detach_device(*domain_of(o), dev());
        else if (dev().in_group)
            core_.detach_group(*domain_of(o), *dev().in_group);
        break;
    case story_action::map:
        if (!o.space.empty())
            take_result(spaces_.at(o.space)->map({o.iova, o.address, o.bytes, o.allowed}), out);
        else if (sw::domain* const d = domain_of(o))
            take_result(sw::map(kernel, *d, o.iova, o.address, o.bytes, o.allowed), out);
        else
            out.number = linux_errno::enodev;
        break;
    case story_action::unmap:
        if (!o.space.empty()) {
            const auto r = spaces_.at(o.space)->unmap(o.iova, o.bytes);
            take_result(r, out);
            out.bytes = r ? *r : 0;
        } else if (sw::domain* const d = domain_of(o)) {
            out.bytes = sw::unmap(kernel, *d, o.iova, o.bytes);
        } else {
            out.number = linux_errno::enodev;
        }
        break;
    case story_action::translate:
        if (sw::domain* const d = domain_of(o))
            out.address = sw::iova_to_phys(*d, o.iova);
        break;
    case story_action::dma:
        dma(o, expected, out);
        break;
    case story_action::inject:
        if (o.on)
            kernel.injection().order(o.point, o.order);
        else
            kernel.injection().cancel(o.point);
        break;
    case story_action::claim:
        if (dev().in_group)
            take_result(core_.claim(*dev().in_group, this), out);
        else
            out.number = linux_errno::enodev;
        break;
    case story_action::release:
        if (dev().in_group)
            core_.release_claim(*dev().in_group);
        break;
    case story_action::use:
        take_result(core_.use_default_domain(dev()), out);
        if (out.number == linux_errno::none)
            used_.insert(o.device);
        break;
    case story_action::unuse:
        core_.unuse_default_domain(dev());
        if (const auto one = used_.find(o.device); one != used_.end())
            used_.erase(one);
        break;
    case story_action::exhaust:
        for (std::uint64_t n = 0; n < o.count && out.number == linux_errno::none; ++n) {
            used_up_.push_back(core_.allocate_domain(dev()));
            if (!used_up_.back()) {
                out.number = linux_errno::enomem;
                break;
            }
            take_result(core_.attach_device(*used_up_.back(), dev()), out);
            if (out.number == linux_errno::none)
                core_.detach_device(*used_up_.back(), dev());
        }
        break;
    case story_action::feature: {
        const auto what =
            o.way == "sva" ? sw::device_feature::shared_virtual_addressing : sw::device_feature::io_page_faults;
        take_result(o.on ? core_.enable_feature(dev(), what) : core_.disable_feature(dev(), what), out);
        break;
    }
    case story_action::default_domain:
        take_result(core_.change_default_domain(dev(), type_named(o.way)), out);
        break;
    case story_action::probe:
        if (o.way == "core")
            take_result(core_.probe(dev()), out);
        else if (sw::instance* const unit = dev().spec() ? core_.find_instance(dev().spec()->instance) : nullptr)
            take_result(unit->driver().probe_device(dev(), *unit), out);
        else
            out.number = linux_errno::enodev; // no driver to ask
        break;
    case story_action::remove:
        core_.release(dev());
        used_.erase(o.device);
        break;
    case story_action::take:
        take(o, out);
        break;
    case story_action::leave:
        spaces_.at(o.space)->detach(dev());
        held_[o.device].erase(o.space);
        out.domains = spaces_.at(o.space)->domains().size();
        out.address_spaces = spaces_.at(o.space)->address_spaces();
        break;
    }
}

} // namespace iommulab::scenarios
