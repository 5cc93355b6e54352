// SPDX-License-Identifier: Apache-2.0
// Events, global errors and interrupts: Arm IHI 0070, 3.5 (queues), 3.18 (interrupts), 7.2 (Event queue), 7.4
// (overflow), 7.5 (global errors).
#include "models/smmu_v3/smmu_v3.h"

namespace iommulab::smmu_v3 {

void smmu::report(const access&, const fault& f, std::uint32_t stall_tag) {
    if (!f.recorded)
        return;
    fault recorded = f;
    if (f.ends == fault::ending::stall) {
        record::Stall.put(recorded.words, 1);
        record::STAG.put(recorded.words, stall_tag);
    }
    events_.push_back(recorded);
    kick_events();
}

void smmu::kick_events() {
    if (writing_ || events_.empty())
        return;
    writing_ = true;
    events_probe_.set(1, clock().now_ps());
    spawn<smmu, &smmu::write_events>();
}

/// Records of stalled accesses get another try when the queue may have become writable.
void smmu::release_held_events() {
    if (held_.empty() || !event_queue_is_writable())
        return;
    for (; !held_.empty(); held_.pop_front())
        events_.push_back(held_.front());
    kick_events();
}

/// The accesses of a stream are not stalled any more: what was not told of them yet is not worth telling.
void smmu::forget_held_events(std::uint32_t source_id) {
    for (std::size_t n = held_.size(); n != 0; --n) {
        const fault f = held_.front();
        held_.pop_front();
        if (record::StreamID.of(f.words) != source_id)
            held_.push_back(f);
    }
}

/// 7.2: enabled, not full, and no abort of an earlier write waits to be acknowledged.
bool smmu::event_queue_is_writable() const {
    const wrapping_ring ring = ring_of(bank.get(reg::EVENTQ_BASE), features_.eventq_log2, record::bytes);
    return bank.get(reg::CR0, cr0::EVENTQEN) && !error_is_active(gerror::EVENTQ_ABT_ERR) &&
           !ring.full(static_cast<std::uint32_t>(bank.get(reg::EVENTQ_PROD, queue_index::WR)),
                      static_cast<std::uint32_t>(bank.get(reg::EVENTQ_CONS, queue_index::RD)));
}

walk<void> smmu::write_events(walk_context& context) {
    while (!events_.empty()) {
        const fault f = events_.front();
        events_.pop_front();
        co_await context.pass(time_part::fault_report, own_.event_cycles);
        if (event_queue_is_writable()) {
            walk<void> write = write_event(context, f);
            co_await write;
        } else if (f.ends == fault::ending::stall) {
            held_.push_back(f); // software must learn of it: kept until there is room
        } else {
            ++counts_.events_lost;
            // 7.4: what a full queue loses toggles OVFLG, unless an overflow is unacknowledged; a disabled queue loses
            // silently
            const std::uint64_t producer = bank.get(reg::EVENTQ_PROD), consumer = bank.get(reg::EVENTQ_CONS);
            const bool overflowed = queue_index::OVFLG.of(producer) != queue_index::OVACKFLG.of(consumer);
            if (bank.get(reg::CR0, cr0::EVENTQEN) && !error_is_active(gerror::EVENTQ_ABT_ERR) && !overflowed) {
                bank.set(reg::EVENTQ_PROD, producer ^ queue_index::OVFLG.make(1));
                overflow_probe_.pulse(clock().now_ps(), clock().period_ps());
            }
        }
    }
    writing_ = false;
    events_probe_.set(0, clock().now_ps());
    acknowledge_cr0();
}

walk<void> smmu::write_event(walk_context& context, const fault& f) {
    const std::uint64_t base = bank.get(reg::EVENTQ_BASE);
    const wrapping_ring ring = ring_of(base, features_.eventq_log2, record::bytes);
    const auto index = static_cast<std::uint32_t>(bank.get(reg::EVENTQ_PROD, queue_index::WR)) & ring.pointer_mask();
    const std::uint64_t address = base_of(base, ring) + ring.offset(index);
    const bool written = co_await context.write_words(time_part::fault_report, address, record::bytes, f.words);
    if (!written) {
        ++counts_.events_lost;
        raise(gerror::EVENTQ_ABT_ERR);
        co_return;
    }
    ++counts_.events;
    const auto consumer = static_cast<std::uint32_t>(bank.get(reg::EVENTQ_CONS, queue_index::RD));
    const bool was_empty = ring.empty(index, consumer);
    bank.set(reg::EVENTQ_PROD, queue_index::WR, ring.next(index));
    if (was_empty && bank.get(reg::IRQ_CTRL, irq_ctrl::EVENTQ_IRQEN)) {
        walk<void> interrupt = signal(context, wired_interrupt::eventq);
        co_await interrupt;
    }
}

/// 3.18: an MSI where one is configured, else the wire.
walk<void> smmu::signal(walk_context& context, wired_interrupt which) {
    const bool of_gerror = which == wired_interrupt::gerror;
    const std::uint64_t address = irq_cfg::ADDR.of(bank.get(of_gerror ? reg::GERROR_IRQ_CFG0 : reg::EVENTQ_IRQ_CFG0));
    if (!features_.msi || address == 0) {
        pulse_interrupt(static_cast<std::size_t>(which));
        co_return;
    }
    const auto data = static_cast<std::uint32_t>(bank.get(of_gerror ? reg::GERROR_IRQ_CFG1 : reg::EVENTQ_IRQ_CFG1));
    walk<void> message =
        send_message(context, address, data, of_gerror ? gerror::MSI_GERROR_ABT_ERR : gerror::MSI_EVENTQ_ABT_ERR);
    co_await message;
}

walk<void> smmu::signal_gerror(walk_context& context) {
    walk<void> interrupt = signal(context, wired_interrupt::gerror);
    co_await interrupt;
}

walk<void> smmu::send_message(walk_context& context, std::uint64_t address, std::uint32_t data,
                              const bit_field& on_abort) {
    std::array<std::uint64_t, 8> words{};
    words[0] = data;
    ++counts_.messages;
    const bool written = co_await context.write_words(time_part::fault_report, address, 4, words);
    if (!written)
        raise(on_abort);
}

bool smmu::error_is_active(const bit_field& error) const {
    return bank.get(reg::GERROR, error) != bank.get(reg::GERRORN, error);
}

/// 7.5: an error that is active already changes nothing. The failure of GERROR's own message has no message.
void smmu::raise(const bit_field& error) {
    if (error_is_active(error))
        return;
    bank.set(reg::GERROR, error, bank.get(reg::GERROR, error) ^ 1);
    if (error.lsb == gerror::MSI_GERROR_ABT_ERR.lsb || !bank.get(reg::IRQ_CTRL, irq_ctrl::GERROR_IRQEN))
        return;
    if (features_.msi && irq_cfg::ADDR.of(bank.get(reg::GERROR_IRQ_CFG0)) != 0)
        spawn<smmu, &smmu::signal_gerror>();
    else
        pulse_interrupt(static_cast<std::size_t>(wired_interrupt::gerror));
}

} // namespace iommulab::smmu_v3
