// SPDX-License-Identifier: Apache-2.0
#include "testbenches/bench/worlds.h"

#include "models/core/iommu_module.h"

namespace iommulab::bench {

namespace {

memory_parameters table_memory() {
    memory_parameters p;
    p.ranges = {{tables_base, tables_bytes, "tables"}};
    p.read_latency_ps = p.write_latency_ps = 10'000; // as the baselines' memory
    return p;
}

} // namespace

struct translating_world::register_writer : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> socket{"socket"};
    explicit register_writer(sc_core::sc_module_name name) : sc_core::sc_module(name) { socket.bind(*this); }
    void write(const register_declaration& r, std::uint64_t value) {
        tlm::tlm_generic_payload p;
        p.set_command(tlm::TLM_WRITE_COMMAND);
        p.set_address(r.offset);
        p.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
        p.set_data_length(r.bytes);
        p.set_streaming_width(r.bytes);
        sc_core::sc_time delay;
        socket->b_transport(p, delay);
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override {
        return tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

translating_world::translating_world(const std::string& name)
    : tables_(std::make_unique<memory>((name + "_tables").c_str(), table_memory())),
      writer_(std::make_unique<register_writer>((name + "_writer").c_str())) {}

translating_world::~translating_world() = default;

void translating_world::connect() {
    model().tables().bind(tables_->target);
    writer_->socket.bind(model().registers_socket());
}

void translating_world::write(const register_declaration& r, std::uint64_t value) {
    writer_->write(r, value);
}

void translating_world::identify(tlm::tlm_generic_payload& payload) {
    auto* side = new sideband;
    side->source_id = stream;
    payload.set_extension(side);
}

} // namespace iommulab::bench
