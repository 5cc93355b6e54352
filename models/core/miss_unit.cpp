// SPDX-License-Identifier: Apache-2.0
#include "models/core/miss_unit.h"

#include "models/core/engine_state.h"

namespace iommulab {

namespace {
// A read that was unlucky so often queues after all: assumption, so that others cannot keep it out for ever.
constexpr unsigned most_retries = 64;

void append(timed_context**& end, timed_context& c) {
    c.next_waiter = nullptr;
    *end = &c;
    end = &c.next_waiter;
}
} // namespace

miss_unit::miss_unit(engine_state& engine, const cache_parameters& tlb, unsigned walkers)
    : engine_(engine), port_(tlb), slots_(walkers) {
    for (unsigned n = walkers; n-- > 0;) {
        slots_[n].owner = this;
        slots_[n].walker = static_cast<int>(n);
        free_.push_back(static_cast<int>(n));
    }
}

std::uint64_t miss_unit::look_up_cycles() const {
    return engine_.tlb.exists() ? port_.cost(engine_.tlb.probes()) : 0;
}

const translation* miss_unit::find(const translation_request& r) {
    if (!engine_.tlb.exists())
        return nullptr;
    ++counts.lookups;
    const translation* t = engine_.tlb.find(r.tag, r.address);
    if (!t || !(t->allowed & r.needed))
        return nullptr;
    ++counts.hits;
    return t;
}

void miss_unit::look_up(timed_context& context) {
    const std::uint64_t now = engine_.clock.cycle_after(sc_core::SC_ZERO_TIME);
    const std::uint64_t answered = engine_.tlb.exists() ? port_.reserve(now, engine_.tlb.probes()) : now;
    // the answer is looked for at its cycle: what is filled or invalidated meanwhile counts
    engine_.clock.at(answered, task::of<&timed_context::looked_up>(context));
}

void miss_unit::looked_up(timed_context& context) {
    context.charge(time_part::tlb);
    if (queue_ && engine_.parameters.blocking_misses && !may_retry(context)) {
        ++counts.waited;
        append(queue_end_, context);
        return;
    }
    if (const translation* t = find(*context.request)) {
        engine_.probes.tlb_hit.pulse(engine_.now_ps(), engine_.clock.period_ps());
        context.hit = true;
        answer(context, *t, time_part::tlb);
        return;
    }
    engine_.probes.tlb_miss.pulse(engine_.now_ps(), engine_.clock.period_ps());
    context.missed = true;
    need_walk(context);
}

miss_unit::slot* miss_unit::walk_of(const translation_request& r) {
    const std::uint64_t page = r.address >> log2_smallest_page;
    for (slot& s : slots_)
        if (s.open && s.page == page && s.tag == r.tag)
            return &s;
    return nullptr;
}

void miss_unit::need_walk(timed_context& context) {
    if (slot* s = walk_of(*context.request)) {
        ++counts.merged;
        engine_.probes.tlb_merged.pulse(engine_.now_ps(), engine_.clock.period_ps());
        context.missed = true;
        append(s->end, context);
        return;
    }
    if (free_.empty()) {
        counts.waited += context.retries == 0;
        if (may_retry(context)) {
            ++context.retries;
            engine_.clock.after(retry_pause(), task::of<&timed_context::look_up_again>(context));
        } else {
            append(queue_end_, context);
        }
        return;
    }
    give_walker(context);
}

/// Half to one and a half times `read_retry_cycles`: what retries at a fixed pace falls in step with the walks.
std::uint64_t miss_unit::retry_pause() {
    const std::uint64_t mean = engine_.parameters.read_retry_cycles;
    random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17; // xorshift64 (Marsaglia 2003)
    return mean - mean / 2 + (random_ >> 32) % (mean + 1);
}

bool miss_unit::may_retry(const timed_context& context) const {
    return engine_.parameters.read_retry_cycles != 0 && !(context.request->needed & rights::writes) &&
           context.retries < most_retries;
}

void miss_unit::give_walker(timed_context& context) {
    ++counts.walks;
    context.walker = free_.back();
    free_.pop_back();
    engine_.probes.walkers.set(busy_walkers(), engine_.now_ps());
    slot& s = slots_[static_cast<std::size_t>(context.walker)];
    s.open = true;
    s.tag = context.request->tag;
    s.page = context.request->address >> log2_smallest_page;
    s.waiters = nullptr;
    s.end = &s.waiters;
    if (engine_.parameters.tlb_reserves)
        engine_.tlb.reserve(s.tag, s.page << log2_smallest_page);
    context.resume_soon(time_part::walker_wait);
}

void miss_unit::answer(timed_context& context, const translation& t, time_part part) {
    context.request->found = true;
    *context.request->page = t;
    context.resume_soon(part);
}

void miss_unit::finish(timed_context& context, const translation* result) {
    if (context.walker >= 0 && engine_.parameters.tlb_reserves) {
        const slot& s = slots_[static_cast<std::size_t>(context.walker)];
        engine_.tlb.release(s.tag, s.page << log2_smallest_page);
    }
    if (result && result->cacheable && context.walker >= 0 && context.may_fill(*result))
        fill(*result);
    if (context.walker < 0)
        return;
    slot& s = slots_[static_cast<std::size_t>(context.walker)];
    s.open = false;
    timed_context* waiter = s.waiters;
    context.walker = -1;
    const std::uint32_t later = engine_.parameters.walker_release_cycles;
    if (later == 0)
        free(s);
    while (waiter) {
        timed_context& w = *std::exchange(waiter, waiter->next_waiter);
        if (result && result->covers(w.request->address) && (result->allowed & w.request->needed)) {
            w.hit = true;
            answer(w, *result, time_part::merge_wait);
        } else {
            w.charge(time_part::merge_wait); // another page, or a fault: it must see for itself
            need_walk(w);
        }
    }
    if (later == 0)
        serve_queue();
    else
        engine_.clock.after(later, task::of<&slot::released>(s));
}

void miss_unit::serve_queue() {
    // without a walker, the first in a queue of look-ups may still hit, or join a walk
    while (queue_ && (!free_.empty() || engine_.parameters.blocking_misses)) {
        timed_context& w = *queue_;
        const translation* found = find(*w.request); // a walk that ended meanwhile may have found it
        if (!found && free_.empty() && !walk_of(*w.request))
            return;
        queue_ = w.next_waiter;
        if (!queue_)
            queue_end_ = &queue_;
        if (found) {
            w.hit = true;
            answer(w, *found, time_part::walker_wait);
        } else {
            w.charge(time_part::walker_wait);
            need_walk(w);
        }
    }
}

void miss_unit::fill(const translation& t) {
    engine_.tlb.insert(t);
}

void miss_unit::free(const slot& s) {
    free_.push_back(s.walker);
    engine_.probes.walkers.set(busy_walkers(), engine_.now_ps());
}

void miss_unit::release(const slot& s) {
    free(s);
    serve_queue();
}

void miss_unit::close() {
    for (slot& s : slots_)
        s.open = false;
}

} // namespace iommulab
