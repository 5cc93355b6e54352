// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/simulated_machine.h"

#include "models/core/iommu_module.h"
#include "platforms/iommu_model.h"
#include "testbenches/conformance/output_tap.h"
#include "traces/number.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace iommulab::conformance {

using sc_core::sc_time;

/// Reads and writes registers.
class simulated_machine::cpu : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<64> socket{"socket"};

    explicit cpu(sc_core::sc_module_name name) : sc_core::sc_module(name) { socket.bind(*this); }

    /// Makes an access; what it takes is added to `delay`.
    bool access(bool write, std::uint64_t address, unsigned bytes, std::uint64_t& value, sc_time& delay) {
        std::array<unsigned char, 8> data{};
        std::memcpy(data.data(), &value, bytes);
        tlm::tlm_generic_payload p;
        p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(address);
        p.set_data_ptr(data.data());
        p.set_data_length(bytes);
        p.set_streaming_width(bytes);
        p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
        socket->b_transport(p, delay);
        if (!write) {
            value = 0;
            std::memcpy(&value, data.data(), bytes);
        }
        return p.is_response_ok();
    }

  private:
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_time&) override {
        return tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

namespace {

/// Where the registers lie when nobody says: near the end of 52 address bits, where no recording has memory.
constexpr std::uint64_t usual_registers_base = 0x000f'ffff'0000'0000;

platforms::platform_description plain_platform(const machine_configuration& configuration) {
    platforms::platform_description d;
    d.name = "plain";
    d.memories.push_back({"memory", {}});
    d.iommus.push_back({"iommu", configuration.iommu, "", {}, {}, usual_registers_base, 1});
    return d;
}

std::uint64_t ps_of(const sc_time& t) {
    return static_cast<std::uint64_t>(t / sc_time(1, sc_core::SC_PS));
}

/// Runs until nothing happens any more.
void simulate() {
    if (sc_core::sc_get_status() == sc_core::SC_ELABORATION || sc_core::sc_pending_activity())
        sc_core::sc_start();
}

} // namespace

simulated_machine::simulated_machine(const char* instance, const machine_configuration& configuration,
                                     const simulated_machine_options& options)
    : mode_(configuration.mode), outstanding_(std::max(1U, options.outstanding)), port_of_(options.port_of) {
    platforms::platform_description d = options.platform ? *options.platform : plain_platform(configuration);
    if (d.iommus.empty() || !platforms::find_iommu_model(configuration.iommu) ||
        platforms::find_iommu_model(d.iommus[0].model) != platforms::find_iommu_model(configuration.iommu))
        throw std::invalid_argument("no model of the IOMMU " + configuration.iommu +
                                    (options.platform ? " on platform " + d.name : ""));
    // the first memory gets the recorded ranges: software that is replayed has no others
    memory_parameters& m = d.memories.at(0).parameters;
    m.ranges.clear();
    for (const traces::memory_range& r : configuration.memory)
        m.ranges.push_back({r.base, r.size_bytes, "recorded"});
    d.memories.resize(1);
    d.doorbell.reset(); // recorded messages go to memory, where they can be looked at
    d.iommus.resize(1);
    d.iommus[0].reset_values = configuration.id_registers;
    registers_base_ = d.iommus[0].registers_base;

    std::vector<platforms::attachment> attached;
    for (unsigned port = 0; port < d.iommus[0].ports; ++port)
        attached.push_back({d.iommus[0].name, port});
    attached.push_back({}); // the CPU
    const bool loose = mode_ == machine_mode::lt;
    platform_ = std::make_unique<platforms::platform>(
        instance, d, loose ? simulation_mode::loosely_timed : simulation_mode::cycle_approximate, attached,
        [&](std::size_t, unsigned port) {
            return std::make_unique<output_tap>(("tap" + std::to_string(port)).c_str(),
                                                [this](const unsigned char* data, std::uint64_t address) {
                                                    for (auto& master : masters_)
                                                        if (master->observe(data, address))
                                                            return;
                                                });
        });
    for (unsigned port = 0; port < d.iommus[0].ports; ++port) {
        const std::string master_name = std::string(instance) + "_master" + std::to_string(port);
        auto master = std::make_unique<replay_master>(master_name.c_str(), loose, options.link_bytes_per_second);
        master->socket.bind(platform_->inlet(port));
        master->on_complete = [this](dma_completion&& c, std::uint64_t begin_ps) { completed(std::move(c), begin_ps); };
        master->on_answer = [this] { return std::exchange(walks_, {}); };
        masters_.push_back(std::move(master));
    }
    unit().on_access([this](const iommulab::answered_access& done) {
        for (const walk_reads& walk : done.walks) {
            walks_.emplace_back();
            for (const walk_read& read : walk)
                walks_.back().push_back({read.address, read.bytes});
        }
    });
    cpu_ = std::make_unique<cpu>((std::string(instance) + "_cpu").c_str());
    cpu_->socket.bind(platform_->inlet(d.iommus[0].ports));
}

simulated_machine::~simulated_machine() = default;

std::string simulated_machine::name() const {
    return platform_->name();
}

std::string simulated_machine::hardware() const {
    const platforms::iommu_description& d = platform_->description().iommus.front();
    return platforms::find_iommu_model(d.model)->name() +
           (d.preset.empty() ? " with its defaults" : ", preset " + d.preset);
}

void simulated_machine::reset() {
    settle();
    collect(false);
    unit().reset();
    for (std::size_t n = 0; n < platform_->memories(); ++n) {
        platform_->memory(n).target->invalidate_direct_mem_ptr(0, ~sc_dt::uint64{0});
        platform_->memory(n).store().clear();
    }
}

// --- memory
// --------------------------------------------------------------------------------------------------------------

template <class Do>
bool simulated_machine::for_each_piece(std::uint64_t address, std::uint64_t bytes, Do&& action) {
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t at = address + done;
        memory* m = platform_->memory_at(at, 1);
        if (!m || at < address)
            return false;
        const memory_range* range = m->range_of(at, 1);
        const std::uint64_t there = std::min(bytes - done, range->size_bytes - (at - range->base));
        action(*m, at, done, there);
        done += there;
    }
    return true;
}

bool simulated_machine::write_memory(std::uint64_t address, const std::vector<std::uint8_t>& data) {
    return for_each_piece(address, data.size(),
                          [&](memory& m, std::uint64_t at, std::uint64_t done, std::uint64_t bytes) {
                              m.store().write(at, data.data() + done, bytes);
                          });
}

bool simulated_machine::read_memory(std::uint64_t address, std::vector<std::uint8_t>& data) {
    return for_each_piece(address, data.size(),
                          [&](memory& m, std::uint64_t at, std::uint64_t done, std::uint64_t bytes) {
                              m.store().read(at, data.data() + done, bytes);
                          });
}

bool simulated_machine::fill_memory(std::uint64_t address, std::uint64_t size_bytes, std::uint8_t byte) {
    return for_each_piece(address, size_bytes, [&](memory& m, std::uint64_t at, std::uint64_t, std::uint64_t bytes) {
        m.store().fill(at, bytes, byte);
    });
}

// --- registers
// -----------------------------------------------------------------------------------------------------------

bool simulated_machine::access_register(bool write, std::uint64_t offset, unsigned bytes, std::uint64_t& value) {
    if (sc_core::sc_get_status() == sc_core::SC_ELABORATION)
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    sc_time delay;
    const bool ok = cpu_->access(write, registers_base_ + offset, bytes, value, delay);
    if (delay != sc_core::SC_ZERO_TIME)
        sc_core::sc_start(delay); // the CPU goes on when the access has ended
    return ok;
}

void simulated_machine::write_register(const std::string&, std::uint64_t offset, unsigned width_bytes,
                                       std::uint64_t value) {
    access_register(true, offset, width_bytes, value);
}

std::uint64_t simulated_machine::read_register(const std::string&, std::uint64_t offset, unsigned width_bytes) {
    std::uint64_t value = 0;
    access_register(false, offset, width_bytes, value);
    return value;
}

// --- accesses
// ------------------------------------------------------------------------------------------------------------

replay_master& simulated_machine::master_of(std::uint32_t source_id) {
    const auto known = std::find_if(ports_.begin(), ports_.end(), [&](const auto& p) { return p.first == source_id; });
    if (known != ports_.end())
        return *masters_[known->second];
    const unsigned wanted = port_of_ ? port_of_(source_id) : static_cast<unsigned>(ports_.size());
    ports_.emplace_back(source_id, wanted % static_cast<unsigned>(masters_.size()));
    return *masters_[ports_.back().second];
}

std::size_t simulated_machine::active() const {
    return under_way_.size();
}

/// What the tables say of the page, when it is the one that the access got.
void simulated_machine::describe(const dma_access& access, dma_response& response) {
    iommulab::access a;
    a.address = access.iova;
    a.length_bytes = 1;
    a.source_id = access.source_id;
    a.write = access.write;
    const std::optional<translation> found = unit().probe(a);
    if (!found || (response.output_address && found->output(access.iova) != *response.output_address))
        return;
    if (!response.output_address)
        response.output_address = found->output(access.iova);
    if (found->bypassed)
        return;
    response.page_bytes = found->log2_size < 64 ? std::uint64_t{1} << found->log2_size : 0;
    response.readable = (found->allowed & rights::read) != 0;
    response.writable = (found->allowed & rights::write) != 0;
}

void simulated_machine::completed(dma_completion&& c, std::uint64_t begin_ps) {
    const auto at =
        std::find_if(under_way_.begin(), under_way_.end(), [&](const under_way& u) { return u.token == c.token; });
    if (at != under_way_.end()) {
        if (c.response.ok)
            describe(at->access, c.response);
        if (on_access)
            on_access(at->access, c.response, begin_ps, ps_of(sc_core::sc_time_stamp()));
        under_way_.erase(at);
    }
    completed_.push_back(std::move(c));
    if (stop_at_completion_) {
        stop_at_completion_ = false;
        sc_core::sc_pause();
    }
}

std::uint64_t simulated_machine::issue(const dma_access& access) {
    if (sc_core::sc_get_status() == sc_core::SC_ELABORATION)
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    while (active() >= outstanding_) {
        const std::size_t before = active();
        simulate_until_completion();
        if (active() == before)
            break; // all wait for software
    }
    const std::uint64_t token = ++last_token_;
    if (mode_ == machine_mode::debug) {
        dma_completion c{token, master_of(access.source_id).look(access)};
        if (c.response.ok)
            describe(access, c.response);
        completed_.push_back(std::move(c));
        return token;
    }
    under_way_.push_back({token, {access.source_id, access.iova, access.write, access.size_bytes, {}}});
    master_of(access.source_id).start(token, access);
    return token;
}

void simulated_machine::simulate_until_completion() {
    stop_at_completion_ = true;
    simulate();
    stop_at_completion_ = false;
}

std::vector<dma_completion> simulated_machine::collect(bool wait) {
    if (wait && completed_.empty() && active() != 0)
        simulate_until_completion();
    return std::exchange(completed_, {});
}

dma_response simulated_machine::dma(const dma_access& access) {
    const std::uint64_t token = issue(access);
    const auto is_it = [&](const dma_completion& c) { return c.token == token; };
    auto at = std::find_if(completed_.begin(), completed_.end(), is_it);
    while (at == completed_.end()) {
        const std::size_t before = completed_.size();
        simulate_until_completion();
        at = std::find_if(completed_.begin(), completed_.end(), is_it);
        if (at == completed_.end() && completed_.size() == before)
            return {}; // it waits for software; the caller gets an error, its completion comes with collect()
    }
    dma_response response = std::move(at->response);
    completed_.erase(at);
    return response;
}

void simulated_machine::settle() {
    simulate();
}

bool simulated_machine::advance() {
    if (!sc_core::sc_pending_activity())
        return false;
    sc_core::sc_start(sc_time(1, sc_core::SC_US));
    return true;
}

machine_factory simulated_machines(const simulated_machine_options& options) {
    return [options, made = 0](const machine_configuration& configuration) mutable -> std::unique_ptr<machine> {
        const std::string instance = "machine" + std::to_string(made++);
        return std::make_unique<simulated_machine>(instance.c_str(), configuration, options);
    };
}

} // namespace iommulab::conformance
