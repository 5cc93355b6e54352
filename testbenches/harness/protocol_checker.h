// SPDX-License-Identifier: Apache-2.0
// A module that sits on a TLM-2.0 connection, passes everything on unchanged, and records each breach of the base
// protocol.
#pragma once

#include <systemc>
#include <tlm>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace iommulab {

/// What was broken; sections of IEEE 1666-2011.
enum class protocol_rule : std::uint8_t {
    phase_order,        ///< 15.2.3, 15.2.4: phases of a transaction in their order, each in its direction
    return_value,       ///< 15.2.4: what a call may answer
    request_exclusion,  ///< 15.2.6: no BEGIN_REQ before the END_REQ of the request before it
    response_exclusion, ///< 15.2.6: no BEGIN_RESP before the END_RESP of the response before it
    timing,             ///< 11.1.3, 15.2.7: annotated times of a transaction never go back
    payload_lifetime,   ///< 14.5: memory manager and reference count
    initial_attributes, ///< 14.8 to 14.17: what an initiator must have set
    changed_attribute,  ///< 14.7: what nobody may change while the transaction lasts
    response_status,    ///< 14.17: set by the time of the response, once
    mixed_transport,    ///< 15.2.10: one payload in blocking and non-blocking transport at a time
    blocking,           ///< this project: nothing behind the checker waits; b_transport only annotates its time
    reentrance,         ///< this project: no call on one path from within a call on the other
    direct_memory,      ///< 11.2: what a grant or an invalidation may say
    debug               ///< 11.3: no time passes, no more bytes than asked for, status consistent with the count
};
const char* name_of(protocol_rule rule);

struct protocol_violation {
    protocol_rule rule;
    sc_core::sc_time when;
    std::string text; ///< the call, what was found, what was expected
};

class protocol_checker : public sc_core::sc_module,
                         private tlm::tlm_fw_transport_if<>,
                         private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_target_socket<64> target{"target"};          ///< towards the initiator
    tlm::tlm_initiator_socket<64> initiator{"initiator"}; ///< towards the target

    explicit protocol_checker(sc_core::sc_module_name name);

    [[nodiscard]] const std::vector<protocol_violation>& violations() const { return violations_; }
    [[nodiscard]] std::size_t count(protocol_rule rule) const;
    /// All violations, a line each: empty when there are none. Meant for EXPECT_EQ(checker.report(), "").
    [[nodiscard]] std::string report() const;
    /// Transactions that have begun in non-blocking transport and not ended.
    [[nodiscard]] std::size_t in_flight() const { return transactions_.size(); }
    /// Transactions seen, blocking and non-blocking; so that a test knows that its checker was on the way.
    [[nodiscard]] std::uint64_t transactions() const { return begun_; }

    bool raise = false; ///< also SC_REPORT_ERROR at each violation

  private:
    struct attributes {
        tlm::tlm_command command;
        unsigned char* data;
        unsigned length, streaming_width, enable_length;
        unsigned char* enable;
        std::uint64_t written; // digest of the data of a write
    };
    struct transaction {
        unsigned phase = tlm::UNINITIALIZED_PHASE;
        sc_core::sc_time time; // annotated time of the last phase
        attributes begin{};
        tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE; // as the response began
    };

    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) override;
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override;

    void violated(protocol_rule rule, const std::string& text);
    static attributes attributes_of(const tlm::tlm_generic_payload& p);
    void check_initial(const tlm::tlm_generic_payload& p, const char* call);
    void check_unchanged(const attributes& before, const tlm::tlm_generic_payload& p, const char* call);
    void check_alive(const tlm::tlm_generic_payload& p, const char* call);
    void check_time(transaction& t, const sc_core::sc_time& delay, const char* call);
    void begin_request(tlm::tlm_generic_payload& p, const sc_core::sc_time& delay);
    void end_request(tlm::tlm_generic_payload& p, transaction& t, const sc_core::sc_time& delay, const char* call);
    void begin_response(tlm::tlm_generic_payload& p, transaction& t, const sc_core::sc_time& delay, const char* call);
    void end_response(tlm::tlm_generic_payload& p, transaction& t, const sc_core::sc_time& delay, const char* call);
    void target_says(tlm::tlm_generic_payload& p, const tlm::tlm_phase& phase, const sc_core::sc_time& delay,
                     const char* call);

    std::vector<protocol_violation> violations_;
    std::unordered_map<const tlm::tlm_generic_payload*, transaction> transactions_;
    std::unordered_map<const tlm::tlm_generic_payload*, unsigned> blocking_; // in b_transport
    const tlm::tlm_generic_payload* requesting_ = nullptr;
    const tlm::tlm_generic_payload* responding_ = nullptr;
    sc_core::sc_time request_end_, response_end_; // annotated times at which the channels fell free
    unsigned forward_depth_ = 0, backward_depth_ = 0;
    std::uint64_t begun_ = 0;
};

} // namespace iommulab
