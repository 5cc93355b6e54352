// SPDX-License-Identifier: Apache-2.0
// One access on its way through an IOMMU, cycle-approximate. Internal to core.
#pragma once

#include "models/core/contexts.h"
#include "models/core/stall_buffer.h"
#include "models/core/time_sheet.h"
#include "models/core/walk.h"

#include <tlm>

#include <cstdint>
#include <vector>

namespace iommulab {

class upstream_port;

/// Pooled by its port. An access that crosses pages goes through piece by piece; `piece` is the one being translated.
class transaction final : public stalled_access {
  public:
    enum class state : std::uint8_t {
        lookup,  ///< in the micro-TLB or behind it
        ready,   ///< translated or refused; waiting for its turn
        stalled, ///< waiting for software
        issued,  ///< its last piece has gone to memory
    };

    transaction(upstream_port& p, engine_state& e) : port(p), context(e) {}

    void walk_ended();
    void admitted(std::uint32_t tag) override;
    void decided(stall_verdict v) override;

    upstream_port& port;
    timed_context context;
    walk<bool> walking;
    std::vector<walk_reads> walks; ///< for the observer, while there is one
    tlm::tlm_generic_payload* payload = nullptr;
    time_sheet sheet;
    access piece;
    translation page;
    state where = state::lookup;
    access_outcome how = access_outcome::micro_tlb_hit; ///< the slowest of its pieces
    bool refused = false;                               ///< this piece is not going to memory
    bool ignored = false;                               ///< refused, but the master sees success
    bool stale = false; ///< translated before a synchronisation, not yet issued: translate again
    std::uint64_t generation = 0;
    bool counted = false; ///< in its generation
    unsigned pieces_out = 0;
    std::uint32_t bytes_issued = 0;
    tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;
    transaction* next = nullptr; ///< in the port's order of arrival
};

} // namespace iommulab
