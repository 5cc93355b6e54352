// SPDX-License-Identifier: Apache-2.0
// One port of an IOMMU: devices in front, memory behind, a micro-TLB between. Internal to core.
#pragma once

#include "models/core/fifo.h"
#include "models/core/payload_pool.h"
#include "models/core/request_channel.h"
#include "models/core/statistics.h"
#include "models/core/tlb.h"
#include "models/core/transaction.h"
#include "models/core/waveform.h"

#include <systemc>
#include <tlm>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace iommulab {

class iommu;

class upstream_port : public sc_core::sc_module, public tlm::tlm_fw_transport_if<>, public tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_target_socket<64> from_device{"from_device"};
    tlm::tlm_initiator_socket<64> to_memory{"to_memory"};

    upstream_port(sc_core::sc_module_name name, iommu& owner, engine_state& engine, std::size_t number);
    ~upstream_port() override;

    /// Drops what an invalidation covers from the micro-TLB, and takes back direct memory pointers.
    std::uint32_t invalidate(const invalidation& i);
    void invalidate_direct(const invalidation& i);
    /// A synchronisation began: what is translated but not issued must be translated again.
    void renew_waiting();
    void reset();
    /// An observer has come or gone.
    void observed();
    void trace(waveform_writer& writer, const std::string& scope);
    [[nodiscard]] unsigned outstanding() const { return outstanding_; }
    [[nodiscard]] std::uint64_t accesses() const { return accesses_; }
    [[nodiscard]] std::uint64_t refused_requests() const { return backpressure_; }
    [[nodiscard]] bool waits_for_room() const { return requesting_ != nullptr; }

  private:
    friend class transaction;
    using piece_payload = pooled_payload<transaction>;

    // tlm_fw_transport_if
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) override;
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) override;
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override;
    // tlm_bw_transport_if
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override {
        return bus_.backward(p, phase, delay);
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override;

    /// The response to what goes no further than the port, or TLM_OK_RESPONSE.
    [[nodiscard]] tlm::tlm_response_status objection_to(const tlm::tlm_generic_payload& p, const access& a) const;
    /// The byte enables that a piece from `offset` on has of a whole with these; in `room` if they must be turned.
    static void enable_bytes(tlm::tlm_generic_payload& piece, unsigned char* enables, unsigned length,
                             std::uint32_t offset, std::vector<unsigned char>& room);

    // cycle-approximate: upstream_port.cpp
    void take(tlm::tlm_generic_payload& p, std::uint64_t begun_ps, std::uint64_t taken);
    [[nodiscard]] bool has_room_for(const tlm::tlm_generic_payload& p) const;
    void take_waiting();
    void look_up(transaction& t, std::uint64_t cycle);
    static void looked_up(void* t);
    void start_walk(transaction& t);
    void refused(transaction& t);
    void translated(transaction& t);
    void issue_in_order();
    bool may_issue(const transaction& t) const;
    void issue(transaction& t);
    void retire(transaction& t);
    void unlink(transaction& t);
    friend class request_channel<piece_payload, upstream_port>;
    void sending(piece_payload& p);
    void answered(piece_payload& p, const sc_core::sc_time& delay);
    void answer_later(transaction& t, const sc_core::sc_time& delay);
    static void answer(void* t);
    void answer_next();
    void send_response(transaction& t);
    void response_ended();
    void leave(transaction& t);
    void renew(transaction& t);
    transaction& acquire();

    // loosely timed, direct and debug: upstream_port_loose.cpp
    void transport_by_look_up(tlm::tlm_generic_payload& p, sc_core::sc_time& delay, const requester& who);
    void forward_hit(tlm::tlm_generic_payload& p, sc_core::sc_time& delay, const requester& who, std::uint64_t address,
                     std::uint64_t distance, latency_profile& profile);
    void transport_slowly(tlm::tlm_generic_payload& p, sc_core::sc_time& delay, access& left, tlb_owner owner,
                          const translation* hit, tlm::tlm_response_status wrong);
    struct loose_result {
        translation page;
        access_outcome how = access_outcome::miss;
        bool refused = false, ignored = false;
    };
    void resolve(const access& a, tlb_owner owner, const translation* hit, time_sheet& sheet,
                 std::vector<walk_reads>* walks, loose_result& r);
    void resolve_as_read(access a, tlb_owner owner, time_sheet& sheet, std::vector<walk_reads>* walks, loose_result& r);
    bool forward_piece(tlm::tlm_generic_payload& p, std::uint32_t offset, std::uint32_t bytes, std::uint64_t output,
                       sc_core::sc_time& delay);
    [[nodiscard]] std::optional<translation> probe_access(access a);

    iommu& model_;
    engine_state& engine_;
    std::size_t number_;
    translation_lookaside_buffer micro_tlb_;
    structure_port micro_port_;
    sc_core::sc_time micro_tlb_time_;
    std::uint64_t micro_tlb_ps_, request_ps_;

    /// The entry that the last loosely timed access hit. Hitting it again changes nothing in any replacement order, so
    /// that a run of accesses to one page need not look it up again. Forgotten at every other use of the micro-TLB.
    struct {
        std::array<std::uint64_t, 2> who{};
        std::uint64_t first = 1, last = 0; // input addresses
        std::uint64_t distance = 0;        // from input to output address
        std::array<bool, 3> may{};         // by tlm_command: read, write; what is neither is looked at more closely
        latency_profile* profile = nullptr;
    } again_;
    void remember(const requester& who, const access& a, const translation& hit, latency_profile& profile);
    void forget() { again_.first = 1, again_.last = 0; }
    void keep(tlb_owner owner, const translation& t) {
        forget();
        micro_tlb_.insert(owner, t);
    }

    // the request channel
    tlm::tlm_generic_payload* requesting_ = nullptr; // its END_REQ is owed
    std::uint64_t requested_ps_ = 0, next_accept_ = 0;
    bool take_pending_ = false;
    unsigned outstanding_ = 0, reads_ = 0;
    std::uint64_t accesses_ = 0, backpressure_ = 0;
    // arrival order, until issued
    transaction* oldest_ = nullptr;
    transaction** newest_ = &oldest_;
    // the bus behind
    request_channel<piece_payload, upstream_port> bus_;
    payload_pool<transaction> pieces_;
    // the response channel
    fifo<transaction*> to_answer_;
    transaction* answering_ = nullptr;
    std::uint64_t answer_free_ = 0;

    std::vector<std::unique_ptr<transaction>> all_;
    std::vector<transaction*> idle_;

    struct direct_grant {
        std::uint64_t first, last;
        tlb_owner owner;
        translation page;
    };
    std::vector<direct_grant> grants_;

    probe outstanding_probe_, hit_probe_, miss_probe_;
};

} // namespace iommulab
