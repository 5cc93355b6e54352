// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/replay_master.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace iommulab::conformance {

struct replay_master::entry {
    std::uint64_t token = 0;
    payload* carried = nullptr; // null: idle
    std::optional<std::uint64_t> output;
    std::uint64_t begin_ps = 0;
    std::vector<std::vector<traces::table_read>> walks;
};

replay_master::replay_master(sc_core::sc_module_name name, bool loosely_timed, std::uint64_t link_bytes_per_second)
    : sc_core::sc_module(name),
      loosely_timed_(loosely_timed),
      link_bytes_per_second_(link_bytes_per_second),
      clock_("clock", sc_core::sc_time(1, sc_core::SC_PS)) {
    socket.bind(*this);
    if (loosely_timed_) {
        SC_HAS_PROCESS(replay_master);
        SC_THREAD(run);
    }
}

replay_master::~replay_master() = default;

replay_master::payload& replay_master::prepare(const dma_access& access, entry* owner) {
    payload& p = pool_.acquire(std::max<std::uint64_t>(1, access.size_bytes), owner);
    const auto bytes = static_cast<unsigned>(access.size_bytes);
    p.set_data_length(bytes);
    p.set_streaming_width(bytes);
    p.set_command(access.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    p.set_address(access.iova);
    if (access.write)
        std::copy_n(access.data.begin(), std::min<std::uint64_t>(access.data.size(), bytes), p.buffer.begin());
    sideband s;
    s.source_id = access.source_id;
    p.side.copy_from(s);
    return p;
}

void replay_master::start(std::uint64_t token, const dma_access& access) {
    if (idle_.empty()) {
        entries_.push_back(std::make_unique<entry>());
        idle_.push_back(entries_.back().get());
    }
    entry& e = *idle_.back();
    idle_.pop_back();
    e.token = token;
    e.output.reset();
    e.carried = &prepare(access, &e);
    ++active_;
    to_send_.push_back(&e);
    if (loosely_timed_)
        wake_.notify(sc_core::SC_ZERO_TIME);
    else
        send_soon();
}

dma_response replay_master::look(const dma_access& access) {
    payload& p = prepare(access, nullptr);
    dma_response r;
    r.ok = socket->transport_dbg(p) == p.get_data_length();
    if (r.ok && !access.write)
        r.data.assign(p.buffer.begin(), p.buffer.begin() + static_cast<std::ptrdiff_t>(access.size_bytes));
    p.release();
    return r;
}

bool replay_master::observe(const unsigned char* data, std::uint64_t address) {
    for (const auto& e : entries_)
        if (e->carried && data == e->carried->get_data_ptr()) {
            e->output = address;
            return true;
        }
    return false;
}

void replay_master::send_soon() {
    if (send_due_ || requesting_ || to_send_.empty())
        return;
    send_due_ = true;
    clock_.at(std::max(clock_.now_ps(), link_free_ps_), task::of<&replay_master::send>(*this));
}

void replay_master::take_link(const payload& p) {
    constexpr double ps_per_second = 1e12;
    if (link_bytes_per_second_ != 0)
        link_free_ps_ = clock_.now_ps() + static_cast<std::uint64_t>(p.get_data_length() * ps_per_second /
                                                                     static_cast<double>(link_bytes_per_second_));
}

void replay_master::send() {
    send_due_ = false;
    requesting_ = to_send_.front();
    to_send_.pop_front();
    payload& p = *requesting_->carried;
    requesting_->begin_ps = clock_.now_ps();
    take_link(p);
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay;
    const auto status = socket->nb_transport_fw(p, phase, delay);
    if (status == tlm::TLM_ACCEPTED)
        return;
    requesting_ = nullptr;
    if (status == tlm::TLM_COMPLETED || phase == tlm::BEGIN_RESP) {
        answered(*p.owner);
        tlm::tlm_phase end = tlm::END_RESP;
        if (status == tlm::TLM_UPDATED)
            socket->nb_transport_fw(p, end, delay);
        finish(p);
    }
    send_soon();
}

tlm::tlm_sync_enum replay_master::nb_transport_bw(tlm::tlm_generic_payload& generic, tlm::tlm_phase& phase,
                                                  sc_core::sc_time&) {
    auto& p = static_cast<payload&>(generic);
    if (requesting_ == p.owner) { // END_REQ, or a response that implies it
        requesting_ = nullptr;
        send_soon();
    }
    if (phase != tlm::BEGIN_RESP)
        return tlm::TLM_ACCEPTED;
    answered(*p.owner);
    phase = tlm::END_RESP;
    ended_.push_back(p.owner); // the payload stays ours until the call has returned
    clock_.after(0, task::of<&replay_master::ended>(*this));
    return tlm::TLM_COMPLETED;
}

void replay_master::answered(entry& e) {
    if (on_answer)
        e.walks = on_answer();
}

void replay_master::ended() {
    entry* e = ended_.front();
    ended_.pop_front();
    finish(*e->carried);
}

void replay_master::finish(payload& p) {
    entry& e = *p.owner;
    dma_completion c;
    c.token = e.token;
    c.response.ok = p.is_response_ok();
    c.response.output_address = e.output;
    c.response.walks = std::exchange(e.walks, {});
    if (c.response.ok && p.is_read())
        c.response.data.assign(p.buffer.begin(), p.buffer.begin() + p.get_data_length());
    const std::uint64_t begin_ps = e.begin_ps;
    e.carried = nullptr;
    idle_.push_back(&e);
    --active_;
    p.release();
    on_complete(std::move(c), begin_ps);
}

void replay_master::run() {
    for (;;) {
        while (to_send_.empty())
            wait(wake_);
        payload& p = *to_send_.front()->carried;
        to_send_.pop_front();
        if (link_free_ps_ > clock_.now_ps())
            wait(clock_.to_time(link_free_ps_ - clock_.now_ps()));
        p.owner->begin_ps = clock_.now_ps();
        take_link(p);
        sc_core::sc_time delay;
        socket->b_transport(p, delay);
        answered(*p.owner);
        wait(delay);
        finish(p);
    }
}

} // namespace iommulab::conformance
