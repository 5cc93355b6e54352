// SPDX-License-Identifier: Apache-2.0
// Payloads for one initiator: taken from a free list, each with its sideband and a data buffer of its own.
#pragma once

#include "models/core/sideband.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace iommulab {

/// A generic payload that lives in a pool. `Owner` is whatever the initiator wants to find again when the payload comes
/// back.
template <class Owner>
struct pooled_payload : tlm::tlm_generic_payload {
    pooled_payload() {
        side.pooled = true;
        set_extension(&side);
    }
    ~pooled_payload() override { clear_extension<sideband>(); } // the base class would free a member already gone
    sideband side;
    Owner* owner = nullptr;
    std::vector<unsigned char> buffer; ///< grows to the largest access it has carried, never shrinks
};

/// Grows on demand, never shrinks; acquire() of a warm pool allocates nothing. Must outlive its payloads.
template <class Owner>
class payload_pool : public tlm::tlm_mm_interface {
  public:
    payload_pool() = default;
    payload_pool(const payload_pool&) = delete;
    payload_pool& operator=(const payload_pool&) = delete;

    /// A payload with reference count 1, response incomplete, no byte enables, and `data_bytes` of its own buffer
    /// attached.
    pooled_payload<Owner>& acquire(std::size_t data_bytes, Owner* owner = nullptr) {
        if (idle_.empty())
            grow();
        auto* p = idle_.back();
        idle_.pop_back();
        if (p->buffer.size() < data_bytes)
            p->buffer.resize(data_bytes);
        p->owner = owner;
        p->set_data_ptr(p->buffer.data());
        p->set_data_length(static_cast<unsigned>(data_bytes));
        p->set_streaming_width(static_cast<unsigned>(data_bytes));
        p->set_byte_enable_ptr(nullptr);
        p->set_byte_enable_length(0);
        p->set_dmi_allowed(false);
        p->set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
        p->acquire();
        return *p;
    }
    void free(tlm::tlm_generic_payload* payload) override {
        payload->reset(); // drops what others attached for the length of the transaction
        idle_.push_back(static_cast<pooled_payload<Owner>*>(payload));
    }
    /// Payloads that are out; 0 when every access has come back.
    [[nodiscard]] std::size_t outstanding() const { return all_.size() - idle_.size(); }

  private:
    void grow() {
        all_.push_back(std::make_unique<pooled_payload<Owner>>());
        auto* p = all_.back().get();
        p->set_mm(this);
        idle_.reserve(all_.size());
        idle_.push_back(p);
    }
    std::vector<std::unique_ptr<pooled_payload<Owner>>> all_;
    std::vector<pooled_payload<Owner>*> idle_;
};

} // namespace iommulab
