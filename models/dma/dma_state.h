// SPDX-License-Identifier: Apache-2.0
// What a DMA master keeps of a request and of a burst under way; private to its implementation.
#pragma once

#include "models/dma/dma_master.h"

namespace iommulab {

struct dma_master::job {
    std::optional<dma_request> from_source;
    std::vector<unsigned char> buffer; // grows to the longest request it has carried
    std::uint32_t bytes = 0;           // on the bus: at least 1
    std::uint32_t outstanding = 0;     // bursts issued and not retired
    bool issued = false;               // all of it
    dma_status status = dma_status::ok;
    std::uint64_t begin_ps = 0, end_ps = 0;

    [[nodiscard]] const dma_request& request() const { return *from_source; }
    [[nodiscard]] std::span<unsigned char> data() { return {buffer.data(), request().length_bytes}; }
};

struct dma_master::burst {
    dma_master* owner = nullptr;
    job* work = nullptr;
    payload* bus = nullptr;
    std::uint64_t end_ps = 0;
    bool posted = false;            // its place among the outstanding was, or will be, given back at END_REQ
    bool was_accepted = false;      // END_REQ seen
    bool was_responded = false;     // its response has arrived and is held
    bool owes_end_response = false; // BEGIN_RESP came as a return value: END_RESP needs a call

    void arrived() { owner->arrived(*this); }
    void landed() { owner->landed(*this); }
};

struct dma_master::direct_region {
    std::uint64_t first = 1, last = 0; // addresses, inclusive
    unsigned char* memory = nullptr;
    sc_core::sc_time read_latency, write_latency;
    std::uint32_t source_id = 0, pasid = 0;
    bool has_pasid = false, privileged = false, readable = false, writable = false;
};

} // namespace iommulab
