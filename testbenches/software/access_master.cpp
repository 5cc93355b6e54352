// SPDX-License-Identifier: Apache-2.0
#include "testbenches/software/access_master.h"

#include <algorithm>

namespace iommulab::software {

using sc_core::sc_time;

namespace {
std::uint64_t now_ps() {
    return static_cast<std::uint64_t>(sc_core::sc_time_stamp() / sc_time(1, sc_core::SC_PS));
}
} // namespace

access_master::access_master(sc_core::sc_module_name name, bool loosely_timed)
    : sc_core::sc_module(name), loosely_timed_(loosely_timed) {
    initiator.bind(*this);
}

access_result access_master::read(const requester& who, std::uint64_t address, unsigned bytes) {
    return access(tlm::TLM_READ_COMMAND, who, address, std::vector<std::uint8_t>(bytes));
}

access_result access_master::write(const requester& who, std::uint64_t address, const std::vector<std::uint8_t>& data) {
    return access(tlm::TLM_WRITE_COMMAND, who, address, data);
}

access_result access_master::access(tlm::tlm_command command, const requester& who, std::uint64_t address,
                                    const std::vector<std::uint8_t>& data) {
    flight f;
    auto& p = pool_.acquire(data.size(), &f);
    p.set_command(command);
    p.set_address(address);
    static_cast<requester&>(p.side) = who;
    std::copy(data.begin(), data.end(), p.get_data_ptr());
    access_result result;
    result.begin_ps = now_ps();
    sc_time delay;
    if (loosely_timed_) {
        initiator->b_transport(p, delay);
        sc_core::wait(delay);
    } else {
        tlm::tlm_phase phase = tlm::BEGIN_REQ;
        const tlm::tlm_sync_enum answer = initiator->nb_transport_fw(p, phase, delay);
        if (answer == tlm::TLM_COMPLETED)
            f.done = true;
        else if (answer == tlm::TLM_UPDATED)
            static_cast<void>(nb_transport_bw(p, phase, delay));
        while (!f.done)
            sc_core::wait(changed_);
    }
    result.end_ps = now_ps();
    result.status = p.get_response_status();
    result.ok = p.is_response_ok();
    if (command == tlm::TLM_READ_COMMAND)
        result.data.assign(p.get_data_ptr(), p.get_data_ptr() + data.size());
    p.release();
    return result;
}

tlm::tlm_sync_enum access_master::nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase, sc_time& delay) {
    flight& f = *static_cast<pooled_payload<flight>&>(p).owner;
    if (phase != tlm::BEGIN_RESP)
        return tlm::TLM_ACCEPTED; // END_REQ: there is no other access that waits for it
    f.done = true;
    changed_.notify(delay);
    phase = tlm::END_RESP;
    return tlm::TLM_COMPLETED;
}

} // namespace iommulab::software
