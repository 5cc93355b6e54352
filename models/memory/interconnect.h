// SPDX-License-Identifier: Apache-2.0
// Between several initiators and several targets: decodes addresses, arbitrates, and takes time.
//
// Models: a latency each way; a buffer per input whose back-pressure is a late END_REQ; one request at a time on the
// wire to each target, round robin between the inputs; one response at a time on the wire to each initiator; addresses
// that lead nowhere. Does not: reorder the requests of one input, split or merge, limit what is under way behind it.
#pragma once

#include "models/core/fifo.h"
#include "models/core/scheduler.h"
#include "models/core/statistics.h"

#include <systemc>
#include <tlm>

#include <cstdint>
#include <memory>
#include <vector>

namespace iommulab {

struct interconnect_parameters {
    std::uint64_t request_latency_ps = 10'000;  ///< from an input to a target's wire; assumption: ten cycles at 1 GHz
    std::uint64_t response_latency_ps = 10'000; ///< and back; assumption
    std::uint64_t interval_ps = 1'000; ///< from one request or response on a wire to the next; assumption: 1 GHz
    unsigned buffer_depth = 8;         ///< requests per input, accepted and not yet passed on; assumption
};

class interconnect : public sc_core::sc_module {
  public:
    /// Addresses that lead to a target: all unless said otherwise.
    struct window {
        std::uint64_t first = 0, last = ~std::uint64_t{0}; ///< inclusive
    };
    struct output_description {
        std::vector<window> windows;
        bool relative = false; ///< the target sees offsets from the first address of the window
    };
    struct statistics {
        std::uint64_t requests = 0;
        std::uint64_t address_errors = 0; ///< requests to nothing
        std::uint64_t wait_ps = 0;        ///< from the end of the request latency to the target's wire, added up
        std::uint64_t buffer_full = 0;    ///< requests that found their buffer full
    };

    /// Throws std::invalid_argument for windows that end before they begin or overlap, and for a depth of 0.
    interconnect(sc_core::sc_module_name name, const interconnect_parameters& parameters, std::size_t inputs,
                 const std::vector<output_description>& outputs);
    ~interconnect() override;

    tlm::tlm_target_socket<64>& input(std::size_t n);
    tlm::tlm_initiator_socket<64>& output(std::size_t n);

    [[nodiscard]] const statistics& counted() const { return counted_; }
    [[nodiscard]] std::vector<counter> counters() const;
    /// Nothing on its way.
    [[nodiscard]] bool idle() const { return under_way_ == 0; }

  private:
    struct flight;
    struct input_port;
    struct output_port;
    struct route {
        std::uint64_t first, last;
        std::size_t output;
        bool relative;
    };

    [[nodiscard]] const route* find(std::uint64_t address, std::uint64_t bytes) const;
    flight& acquire();
    void release(flight& f);
    void arbitrate(output_port& o);
    void heard(flight& f, std::uint64_t at_ps);
    [[nodiscard]] flight* under_way(const tlm::tlm_generic_payload& p, std::size_t output) const;

    interconnect_parameters p_;
    scheduler clock_;           // its cycle is 1 ps
    std::vector<route> routes_; // by address
    std::vector<std::unique_ptr<input_port>> inputs_;
    std::vector<std::unique_ptr<output_port>> outputs_;
    std::vector<std::unique_ptr<flight>> flights_;
    std::vector<flight*> idle_;
    std::size_t under_way_ = 0;
    statistics counted_;
};

} // namespace iommulab
