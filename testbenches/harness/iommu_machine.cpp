// SPDX-License-Identifier: Apache-2.0
#include "testbenches/harness/iommu_machine.h"

namespace iommulab::harness {

namespace {

memory_parameters shape(std::vector<memory_range> ranges, std::uint64_t latency_ps) {
    memory_parameters p;
    p.ranges = std::move(ranges);
    p.read_latency_ps = p.write_latency_ps = latency_ps;
    return p;
}

} // namespace

iommu_machine::iommu_machine(sc_core::sc_module_name name, const maker& make, unsigned ports,
                             std::vector<memory_range> ranges, std::uint64_t memory_latency_ps)
    : sc_core::sc_module(name),
      model_(make("iommu")),
      ddr("ddr", shape(std::move(ranges), memory_latency_ps)),
      bus("bus", {.request_latency_ps = 3'000, .response_latency_ps = 3'000}, ports + 1U, {{.windows = {{}}}}) {
    for (unsigned n = 0; n < ports; ++n) {
        const std::string number = std::to_string(n);
        devices.push_back(std::make_unique<traffic_device>(("device" + number).c_str()));
        taps.push_back(std::make_unique<memory_tap>(("tap" + number).c_str()));
        devices[n]->socket.bind(check("device_side" + number).target);
        checkers.back()->initiator.bind(model.upstream(n));
        model.downstream(n).bind(taps[n]->target);
        taps[n]->initiator.bind(check("memory_side" + number).target);
        checkers.back()->initiator.bind(bus.input(n));
    }
    model.tables().bind(check("tables").target);
    checkers.back()->initiator.bind(bus.input(ports));
    cpu.bind(*this);
    cpu.bind(check("registers").target);
    checkers.back()->initiator.bind(model.registers_socket());
    bus.output(0).bind(ddr.target);
    for (std::size_t n = 0; n < model.interrupt_names().size(); ++n) {
        wires.push_back(std::make_unique<sc_core::sc_signal<bool>>(("wire" + std::to_string(n)).c_str()));
        model.interrupt(n).bind(*wires.back());
    }
}

iommu_machine::~iommu_machine() = default;

void iommu_machine::clear() {
    model.reset();
    for (const memory_range& r : ddr.parameters().ranges) // pages stay where they are: direct pointers lead there
        for (std::uint64_t at = r.base; at < r.base + r.size_bytes; at += sparse_store::page_bytes)
            if (ddr.store().find_page_of(at))
                std::memset(ddr.store().page_of(at), 0, sparse_store::page_bytes);
}

bool iommu_machine::idle() const {
    bool all = model.idle() && bus.idle();
    for (const auto& d : devices)
        all = all && d->idle();
    return all;
}

std::uint64_t iommu_machine::counted(std::string_view name) const {
    for (const counter& c : model.counters())
        if (name == c.name)
            return *c.value;
    return 0;
}

protocol_checker& iommu_machine::check(const std::string& name) {
    return *checkers.emplace_back(std::make_unique<protocol_checker>(name.c_str()));
}

} // namespace iommulab::harness
