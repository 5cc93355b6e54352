// SPDX-License-Identifier: Apache-2.0
// The command buffer: publication 48882, 2.4.
#include "models/amd_vi/amd_vi.h"
#include "models/amd_vi/faults.h"

#include <limits>
#include <optional>
#include <span>

namespace iommulab::amd_vi {

namespace {

std::uint64_t ones_below(unsigned bits) {
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// Reserved bits of a command, in its two words, the opcode apart (2.4.1 to 2.4.8).
struct reserved_bits {
    std::uint64_t word0 = 0, word1 = 0;
};

constexpr std::uint64_t below_opcode = 0x0fff'ffff'ffff'ffff;
constexpr reserved_bits of_completion_wait{0x0ff0'0000'0000'0000, 0};
constexpr reserved_bits of_device{below_opcode & ~std::uint64_t{0xffff}, ~std::uint64_t{0}}; // a DeviceID alone
constexpr reserved_bits of_pages{0x0fff'0000'fff0'0000, 0xff8};
constexpr reserved_bits of_iotlb{0, 0xffa}; // Type is reserved without InvIotlbTypeSup
constexpr reserved_bits of_prefetch{0x0ff0'0000'00ff'0000, 0xfea};
constexpr reserved_bits of_page_response{0x0ff0'0000'ffff'0000, 0xffff'0e00'ffff'fffb};
constexpr reserved_bits of_all{below_opcode, ~std::uint64_t{0}};

/// Has a command set what guest translation alone gives a meaning: GN, or a bit of a PASID?
bool names_guest(opcode code, std::span<const std::uint64_t, 8> w) {
    namespace c = command;
    switch (code) {
    case opcode::INVALIDATE_IOMMU_PAGES:
        return c::GN.of(w) || c::PASID.of(w);
    case opcode::INVALIDATE_IOTLB_PAGES:
        return c::GN.of(w) || c::PASID_7_0.of(w) || c::PASID_15_8.of(w) || c::PASID_19_16.of(w);
    case opcode::PREFETCH_IOMMU_PAGES:
        return c::GN.of(w) || c::PrefetchPASID.of(w);
    case opcode::COMPLETE_PPR_REQUEST:
        return c::GN.of(w) || c::PPR_PASID.of(w);
    default:
        return false;
    }
}

} // namespace

bool amd_iommu::commands_may_run() const {
    const plain_ring ring = ring_of(bank.get(reg::CommandBufferBase));
    return !hung_ && bank.get(reg::Status, status::CmdBufRun) &&
           !ring.empty(pointer(bank.get(reg::CommandBufferHead), ring),
                       pointer(bank.get(reg::CommandBufferTail), ring));
}

void amd_iommu::kick_commands() {
    if (consuming_ || !commands_may_run())
        return;
    consuming_ = true;
    consuming_since_ps_ = clock().now_ps();
    commands_probe_.set(1, clock().now_ps());
    spawn<amd_iommu, &amd_iommu::consume_commands>();
}

walk<void> amd_iommu::consume_commands(walk_context& context) {
    while (commands_may_run()) {
        const std::uint64_t base = bank.get(reg::CommandBufferBase);
        const plain_ring ring = ring_of(base);
        const std::uint64_t head = pointer(bank.get(reg::CommandBufferHead), ring);
        const std::uint64_t address = ring_base::Base.of(base) + head;
        const auto words = co_await context.read_words(time_part::configuration_fetch, address, command::bytes);
        if (!words) {
            stop_commands(event::COMMAND_HARDWARE_ERROR, address);
            break;
        }
        co_await context.pass(time_part::configuration, own_.command_cycles);
        if (!is_legal(*words)) {
            stop_commands(event::ILLEGAL_COMMAND_ERROR, address);
            break;
        }
        walk<bool> execution = execute(context, *words);
        const bool done = co_await execution;
        if (!done)
            break;
        bank.set(reg::CommandBufferHead, ring.next(head));
    }
    consuming_ = false;
    counts_.command_busy_ps += clock().now_ps() - consuming_since_ps_;
    commands_probe_.set(0, clock().now_ps());
    kick_commands(); // stopped and started again meanwhile
}

/// 2.4: the head stays at the command; software disables and enables the buffer to go on.
void amd_iommu::stop_commands(event e, std::uint64_t address) {
    ++counts_.command_errors;
    bank.set(reg::Status, status::CmdBufRun, 0);
    events_.push_back(command_fault(e, address));
    kick_events();
}

/// Is it a command, and one that this IOMMU has, without reserved bits (2.5.6)?
bool amd_iommu::is_legal(const command_words& w) const {
    const auto clear = [&](const reserved_bits& r) { return !(w[0] & r.word0) && !(w[1] & r.word1); };
    const auto code = static_cast<opcode>(command::Opcode.of(w));
    if (!features_.gt && names_guest(code, w))
        return false;
    switch (code) {
    case opcode::COMPLETION_WAIT:
        return clear(of_completion_wait);
    case opcode::INVALIDATE_DEVTAB_ENTRY:
    case opcode::INVALIDATE_INTERRUPT_TABLE:
        return clear(of_device);
    case opcode::INVALIDATE_IOMMU_PAGES:
        return clear(of_pages);
    case opcode::INVALIDATE_IOTLB_PAGES:
        return clear(of_iotlb);
    case opcode::PREFETCH_IOMMU_PAGES:
        return features_.prefetch && clear(of_prefetch);
    case opcode::COMPLETE_PPR_REQUEST:
        return features_.ppr && clear(of_page_response);
    case opcode::INVALIDATE_IOMMU_ALL:
        return features_.invalidate_all && clear(of_all);
    }
    return false;
}

/// A legal command. False: an error has stopped the buffer.
walk<bool> amd_iommu::execute(walk_context& context, const command_words& w) {
    ++counts_.commands;
    switch (static_cast<opcode>(command::Opcode.of(w))) {
    case opcode::COMPLETION_WAIT: {
        walk<bool> completion = complete(context, w);
        const bool done = co_await completion;
        co_return done;
    }
    case opcode::INVALIDATE_DEVTAB_ENTRY: {
        ++counts_.device_invalidations;
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidation i;
        i.by_source = true;
        i.first_source = i.last_source = static_cast<std::uint32_t>(command::DeviceID.of(w));
        invalidate_devices(i);
        break;
    }
    case opcode::INVALIDATE_IOMMU_PAGES:
        ++counts_.page_invalidations;
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate_pages(static_cast<std::uint32_t>(command::DomainID.of(w)), command::GN.of(w) != 0,
                         static_cast<std::uint32_t>(command::PASID.of(w)), command::Address.of(w[1]),
                         command::S.of(w) != 0, command::PDE.of(w) != 0);
        break;
    case opcode::INVALIDATE_IOMMU_ALL: {
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate_devices({});
        invalidate({});
        break;
    }
    case opcode::PREFETCH_IOMMU_PAGES: {
        walk<void> fetch = prefetch(context, w);
        co_await fetch;
        break;
    }
    default:
        break; // no device TLB, no page request and no interrupt table is behind this model
    }
    co_return true;
}

/// 2.4.1: older commands are complete, as they run one by one; accesses that used what they took back have left.
walk<bool> amd_iommu::complete(walk_context& context, const command_words& w) {
    ++counts_.completion_waits;
    co_await context.drain();
    if (command::s.of(w)) {
        const std::uint64_t address = command::StoreAddress.of(w[0]);
        command_words store{};
        store[0] = command::StoreData.of(w);
        const bool written =
            co_await context.write_words(time_part::configuration_fetch, address, sizeof(std::uint64_t), store);
        if (!written) {
            stop_commands(event::COMMAND_HARDWARE_ERROR, address);
            co_return false;
        }
    }
    if (command::i.of(w))
        set_status(status::ComWaitInt);
    co_return true;
}

/// A hint (2.4.6): the device table entry and the first of the pages go into their caches, with Inval after what was
/// there of the pages. Whatever is wrong with them is not reported.
walk<void> amd_iommu::prefetch(walk_context& context, const command_words& w) {
    access a;
    a.source_id = static_cast<std::uint32_t>(command::DeviceID.of(w));
    if (!enabled_)
        co_return;
    const std::uint64_t address = command::Address.of(w[1]);
    const bool sized = command::S.of(w) != 0;
    a.address = sized ? address & ~ones_below(amd_v1::log2_encoded_size(address)) : address;
    a.has_pasid = command::GN.of(w) != 0;
    a.pasid = static_cast<std::uint32_t>(command::PrefetchPASID.of(w));
    if (command::Inval.of(w)) { // of the domain that the entry names
        const configuration_source from = source();
        device_configuration c;
        fault why;
        walk<bool> fetch = fetch_configuration(context, from, a, c, why);
        const bool found = co_await fetch;
        if (!found)
            co_return;
        invalidate_pages(c.domain, a.has_pasid, a.pasid, address, sized, false);
    }
    walk<void> translation = translate_ahead(context, a);
    co_await translation;
}

void amd_iommu::invalidate_devices(const invalidation& which) {
    invalidation i = which;
    i.kind = invalidation::what::configuration;
    invalidate(i);
    std::erase_if(reported_, [&](std::uint32_t device) { return i.matches_requester(device, false, 0); });
}

/// 2.4.3: one page of 4 KiB, or with S as many as the address encodes; directories with PDE.
void amd_iommu::invalidate_pages(std::uint32_t domain, bool guest, std::uint32_t pasid, std::uint64_t address,
                                 bool sized, bool with_directories) {
    invalidation i;
    i.by_regime = i.by_vm = true;
    i.regime_mask = regime::kind_mask;
    i.tag.vm = domain;
    const unsigned log2_size = sized ? amd_v1::log2_encoded_size(address) : amd_v1::log2_smallest_page;
    i.first = address & ~ones_below(log2_size);
    i.last = i.first | ones_below(log2_size);
    i.leaf_only = !with_directories;
    if (guest) {
        i.tag.regime = regime::guest;
        i.tag.space = pasid;
        i.by_space = true;
        invalidate(i);
        return;
    }
    invalidate(i);
    if (!guest_translation_)
        return;
    // what guests' tables lead to goes through the domain's host tables: which of it they covered is not remembered
    i.tag.regime = regime::guest;
    i.first = 0;
    i.last = std::numeric_limits<std::uint64_t>::max();
    i.leaf_only = false;
    invalidate(i);
}

std::uint32_t amd_iommu::invalidate_caches(const invalidation& i) {
    if (i.kind == invalidation::what::configuration)
        return devices_.erase_if([&](const cache_key& k, const device_configuration&) {
            return i.matches_requester(static_cast<std::uint32_t>(k.tag), i.by_pasid, i.pasid);
        });
    return directories_.invalidate(i) + guest_directories_.invalidate(i);
}

} // namespace iommulab::amd_vi
