// SPDX-License-Identifier: Apache-2.0
#include "platforms/machine_builder.h"

#include "models/core/iommu_module.h"
#include "platforms/iommu_model.h"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace iommulab::platforms {

namespace {

/// Binds a port of an IOMMU that has no master.
struct silent_master : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> socket{"socket"};
    explicit silent_master(sc_core::sc_module_name name) : sc_core::sc_module(name) { socket.bind(*this); }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override {
        return tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

} // namespace

platform::platform(sc_core::sc_module_name name, const platform_description& description, simulation_mode mode,
                   const std::vector<attachment>& masters)
    : platform(name, description, mode, masters, tap_factory()) {}

platform::platform(sc_core::sc_module_name name, const platform_description& description, simulation_mode mode,
                   const std::vector<attachment>& masters, const tap_factory& taps)
    : sc_core::sc_module(name), description_(description), mode_(mode) {
    for (const memory_description& m : description_.memories)
        memories_.push_back(std::make_unique<iommulab::memory>(m.name.c_str(), m.parameters));
    make_iommus();
    make_bus(static_cast<std::size_t>(
        std::count_if(masters.begin(), masters.end(), [](const attachment& a) { return a.iommu.empty(); })));
    bind_iommus(taps);
    attach(masters);
}

platform::~platform() = default;

void platform::make_iommus() {
    for (const iommu_description& d : description_.iommus) {
        const iommu_model* model = find_iommu_model(d.model);
        if (!model)
            throw std::invalid_argument("unknown model " + d.model);
        iommus_.push_back(model->create(d.name.c_str(), {d.preset, d.parameters, d.reset_values, d.ports, mode_,
                                                         description_.doorbell.has_value()}));
    }
}

void platform::make_bus(std::size_t direct_masters) {
    std::size_t inputs = direct_masters;
    std::vector<interconnect::output_description> outputs;
    for (const memory_description& m : description_.memories) {
        interconnect::output_description& o = outputs.emplace_back();
        for (const memory_range& r : m.parameters.ranges)
            o.windows.push_back({r.base, r.base + (r.size_bytes - 1)});
    }
    for (std::size_t n = 0; n < iommus_.size(); ++n) {
        const iommu_description& d = description_.iommus[n];
        const std::uint64_t bytes = find_iommu_model(d.model)->register_space_bytes();
        outputs.push_back({{{d.registers_base, d.registers_base + (bytes - 1)}}, true});
        inputs += d.ports + 1; // and its table walkers
    }
    if (const auto& d = description_.doorbell) {
        outputs.push_back({{{d->base, d->base + (d->size_bytes - 1)}}, true});
        doorbell_ = std::make_unique<message_doorbell>("doorbell");
    }
    bus_ = std::make_unique<interconnect>("bus", description_.interconnect, inputs, outputs);
    for (std::size_t n = 0; n < memories_.size(); ++n)
        bus_->output(n).bind(memories_[n]->target);
    for (std::size_t n = 0; n < iommus_.size(); ++n)
        bus_->output(memories_.size() + n).bind(iommus_[n]->registers_socket());
    if (doorbell_)
        bus_->output(memories_.size() + iommus_.size()).bind(doorbell_->target);
}

void platform::bind_iommus(const tap_factory& taps) {
    for (std::size_t n = 0; n < iommus_.size(); ++n) {
        iommu_module& i = *iommus_[n];
        for (unsigned port = 0; port < description_.iommus[n].ports; ++port) {
            if (std::unique_ptr<tap> t = taps ? taps(n, port) : nullptr) {
                i.downstream(port).bind(t->from_iommu());
                t->to_memory().bind(bus_->input(next_input_++));
                taps_.push_back(std::move(t));
            } else {
                i.downstream(port).bind(bus_->input(next_input_++));
            }
        }
        i.tables().bind(bus_->input(next_input_++));
    }
}

void platform::attach(const std::vector<attachment>& masters) {
    std::map<std::pair<std::size_t, unsigned>, std::vector<std::size_t>> behind; // by IOMMU and port
    inlets_.resize(masters.size());
    for (std::size_t m = 0; m < masters.size(); ++m) {
        const attachment& a = masters[m];
        if (a.iommu.empty()) {
            inlets_[m] = &bus_->input(next_input_++);
            continue;
        }
        const std::size_t n = iommu_number(a.iommu);
        if (a.port >= description_.iommus[n].ports)
            throw std::invalid_argument(a.iommu + " has no port " + std::to_string(a.port));
        behind[{n, a.port}].push_back(m);
    }
    for (std::size_t n = 0; n < iommus_.size(); ++n)
        for (unsigned port = 0; port < description_.iommus[n].ports; ++port) {
            const auto& here = behind[{n, port}];
            const std::string suffix = description_.iommus[n].name + "_port" + std::to_string(port);
            auto& inlet = iommus_[n]->upstream(port);
            if (here.empty()) {
                auto silent = std::make_unique<silent_master>((suffix + "_unused").c_str());
                silent->socket.bind(inlet);
                unused_.push_back(std::move(silent));
            } else if (here.size() == 1) {
                inlets_[here[0]] = &inlet;
            } else {
                // all addresses lead to the port; the way to it is part of the master's, so it takes no time of its own
                interconnect_parameters p = description_.interconnect;
                p.request_latency_ps = p.response_latency_ps = 0;
                shared_.push_back(std::make_unique<interconnect>(
                    (suffix + "_shared").c_str(), p, here.size(),
                    std::vector<interconnect::output_description>{{{interconnect::window{}}, false}}));
                shared_.back()->output(0).bind(inlet);
                for (std::size_t k = 0; k < here.size(); ++k)
                    inlets_[here[k]] = &shared_.back()->input(k);
            }
        }
}

tlm::tlm_target_socket<64>& platform::inlet(std::size_t n) {
    return *inlets_.at(n);
}

std::size_t platform::iommu_number(std::string_view name) const {
    for (std::size_t n = 0; n < iommus_.size(); ++n)
        if (description_.iommus[n].name == name)
            return n;
    throw std::out_of_range("no IOMMU " + std::string(name));
}

iommulab::memory* platform::memory_at(std::uint64_t address, std::uint64_t bytes) {
    for (auto& m : memories_)
        if (m->range_of(address, bytes))
            return m.get();
    return nullptr;
}

bool platform::idle() const {
    return bus_->idle() && std::all_of(shared_.begin(), shared_.end(), [](const auto& s) { return s->idle(); }) &&
           std::all_of(iommus_.begin(), iommus_.end(), [](const auto& i) { return i->idle(); });
}

} // namespace iommulab::platforms
