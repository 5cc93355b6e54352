// SPDX-License-Identifier: Apache-2.0
#include "sw/cpu/simulated_cpu.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace iommulab::sw {

using sc_core::sc_time;

namespace {

constexpr unsigned line_bytes = 64;
std::uint64_t ps_of(const sc_time& t) {
    return static_cast<std::uint64_t>(t / sc_time(1, sc_core::SC_PS));
}
sc_time time_of(std::uint64_t ps) {
    return sc_time(static_cast<double>(ps), sc_core::SC_PS);
}

void fill(tlm::tlm_generic_payload& p, bool write, std::uint64_t address, void* data, unsigned bytes) {
    p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    p.set_address(address);
    p.set_data_ptr(static_cast<unsigned char*>(data));
    p.set_data_length(bytes);
    p.set_streaming_width(bytes);
    p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
}

} // namespace

/// One CPU: a process that runs what it is given, and a socket.
class simulated_cpus::core : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  public:
    SC_HAS_PROCESS(core);
    tlm::tlm_initiator_socket<64> bus{"bus"};
    std::deque<std::function<void()>> work;
    sc_core::sc_event given;
    sc_core::sc_process_b* process = nullptr;
    std::uint64_t owed_ps = 0;
    bool running = false, serving = false;

    core(sc_core::sc_module_name name, simulated_cpus& owner, unsigned n)
        : sc_core::sc_module(name), number(n), owner_(owner) {
        bus.bind(*this);
        SC_THREAD(live);
    }
    const unsigned number;

  private:
    void live() {
        process = sc_core::sc_get_current_process_b();
        for (;;) {
            while (work.empty())
                wait(given);
            const std::function<void()> software = std::move(work.front());
            work.pop_front();
            running = true;
            try {
                software();
                owner_.settle();
            } catch (const sc_core::sc_unwind_exception&) {
                throw; // the simulation ends
            } catch (const std::exception&) {
                owner_.failed_ = std::current_exception();
                sc_core::sc_stop();
            }
            running = false;
        }
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_time&) override {
        return tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

    simulated_cpus& owner_;
};

struct simulated_cpus::line : sc_core::sc_module {
    SC_HAS_PROCESS(line);
    sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS> wire{"wire"};
    simulated_cpus& owner;
    int number;
    bool level, pending = false;

    line(sc_core::sc_module_name name, simulated_cpus& o, int n, bool by_level)
        : sc_core::sc_module(name), owner(o), number(n), level(by_level) {
        SC_METHOD(rise);
        sensitive << wire.posedge_event();
        dont_initialize();
    }
    void rise() { owner.raise(number); }
};

simulated_cpus::simulated_cpus(sc_core::sc_module_name name, const simulated_cpu_parameters& parameters,
                               log_stream& log)
    : sc_core::sc_module(name), p_(parameters), log_(log) {
    if (p_.cpus == 0)
        throw std::invalid_argument(std::string(this->name()) + ": there must be a CPU");
    p_.interrupt_cpu = std::min(p_.interrupt_cpu, p_.cpus - 1);
    for (unsigned n = 0; n < p_.cpus; ++n)
        cores_.push_back(std::make_unique<core>(("cpu" + std::to_string(n)).c_str(), *this, n));
    for (const auto& region : p_.memory)
        memory_.push_back({region_allocator(region.base, region.bytes), region.node});
}

simulated_cpus::~simulated_cpus() = default;

tlm::tlm_initiator_socket<64>& simulated_cpus::bus(unsigned n) {
    return cores_.at(n)->bus;
}

int simulated_cpus::add_interrupt(const std::string& name, bool level) {
    const int n = static_cast<int>(lines_.size());
    lines_.push_back(std::make_unique<line>((name + "_line").c_str(), *this, n, level));
    return n;
}

sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS>& simulated_cpus::wire(int n) {
    return lines_.at(static_cast<std::size_t>(n))->wire;
}

void simulated_cpus::message(std::uint32_t data) {
    if (data < lines_.size())
        raise(static_cast<int>(data));
}

void simulated_cpus::run(unsigned n, std::function<void()> software) {
    core& c = *cores_.at(n);
    c.work.push_back(std::move(software));
    c.given.notify(sc_core::SC_ZERO_TIME);
}

bool simulated_cpus::idle() const {
    return std::all_of(cores_.begin(), cores_.end(),
                       [](const auto& c) { return c->serving || (!c->running && c->work.empty()); });
}

bool simulated_cpus::interrupts_served() const {
    const bool serving = std::any_of(cores_.begin(), cores_.end(), [](const auto& c) { return c->serving; });
    return pending_.empty() && (serving || p_.interrupt_cpu == 0);
}

void simulated_cpus::rethrow() const {
    if (failed_)
        std::rethrow_exception(failed_);
}

simulated_cpus::core* simulated_cpus::calling() const {
    sc_core::sc_process_b* const now = sc_core::sc_get_current_process_b();
    for (const auto& c : cores_)
        if (now && c->process == now)
            return c.get();
    return nullptr;
}

void simulated_cpus::spend(std::uint64_t ps) {
    core* const c = calling();
    (c ? c->owed_ps : outside_ps_) += ps;
}

void simulated_cpus::settle() {
    core* const c = calling();
    if (!c || c->owed_ps == 0 || sc_core::sc_is_unwinding())
        return;
    const std::uint64_t ps = c->owed_ps;
    c->owed_ps = 0;
    sc_core::wait(time_of(ps));
}

bool simulated_cpus::transport(bool write, std::uint64_t address, void* data, unsigned bytes) {
    core* const c = calling();
    tlm::tlm_generic_payload p;
    fill(p, write, address, data, bytes);
    if (!c || sc_core::sc_is_unwinding())
        return cores_[0]->bus->transport_dbg(p) == bytes;
    settle();
    sc_time delay;
    c->bus->b_transport(p, delay);
    c->owed_ps += ps_of(delay);
    if (!p.is_response_ok())
        ++counted_.bus_errors;
    return p.is_response_ok();
}

std::uint64_t simulated_cpus::mmio_read(std::uint64_t address, unsigned bytes) {
    ++counted_.mmio_reads;
    std::uint64_t value = 0;
    if (!transport(false, address, &value, bytes))
        value = ~std::uint64_t{0} >> (64 - 8 * bytes);
    spend(p_.mmio_read_ps);
    settle();
    return value;
}

void simulated_cpus::mmio_write(std::uint64_t address, std::uint64_t value, unsigned bytes) {
    ++counted_.mmio_writes;
    transport(true, address, &value, bytes);
    spend(p_.mmio_write_ps);
    settle();
}

std::uint64_t simulated_cpus::allocate(std::uint64_t bytes, std::uint64_t alignment, unsigned node, memory_kind kind) {
    for (const bool near : {true, false})
        for (owned_region& region : memory_) {
            if ((region.node == node) != near)
                continue;
            const std::uint64_t address = region.allocator.allocate(bytes, alignment);
            if (address == 0)
                continue;
            zero(address, bytes);
            if (kind == memory_kind::uncached)
                uncached_.emplace(address, bytes);
            return address;
        }
    return 0;
}

void simulated_cpus::release(std::uint64_t address, std::uint64_t bytes) {
    uncached_.erase(address);
    for (owned_region& region : memory_)
        if (region.allocator.contains(address))
            return region.allocator.release(address, bytes);
    throw std::logic_error("memory released that is not there");
}

std::uint64_t simulated_cpus::allocated_bytes() const {
    std::uint64_t sum = 0;
    for (const owned_region& region : memory_)
        sum += region.allocator.used_bytes();
    return sum;
}

bool simulated_cpus::is_uncached(std::uint64_t address) const {
    auto place = uncached_.upper_bound(address);
    return place != uncached_.begin() && address - std::prev(place)->first < std::prev(place)->second;
}

void simulated_cpus::touch(bool write, std::uint64_t address, void* data, std::uint64_t bytes) {
    for (auto* at = static_cast<unsigned char*>(data); bytes != 0;) {
        const auto part = static_cast<unsigned>(std::min<std::uint64_t>(bytes, line_bytes - address % line_bytes));
        bool done = false;
        if (is_uncached(address) && calling()) {
            ++counted_.uncached_accesses;
            done = transport(write, address, at, part);
        } else {
            ++counted_.memory_accesses;
            tlm::tlm_generic_payload p;
            fill(p, write, address, at, part);
            done = cores_[0]->bus->transport_dbg(p) == part;
            if (!done)
                ++counted_.bus_errors;
            spend(p_.cached_access_ps * ((part + 7) / 8));
        }
        if (!done && !write)
            std::memset(at, 0xff, part);
        at += part;
        address += part;
        bytes -= part;
    }
}

std::uint64_t simulated_cpus::read(std::uint64_t address, unsigned bytes) {
    std::uint64_t value = 0;
    touch(false, address, &value, bytes);
    return value;
}

void simulated_cpus::write(std::uint64_t address, std::uint64_t value, unsigned bytes) {
    touch(true, address, &value, bytes);
}

void simulated_cpus::read_block(std::uint64_t address, void* data, std::uint64_t bytes) {
    touch(false, address, data, bytes);
}

void simulated_cpus::write_block(std::uint64_t address, const void* data, std::uint64_t bytes) {
    touch(true, address, const_cast<void*>(data), bytes); // a payload's data pointer is never const
}

void simulated_cpus::zero(std::uint64_t address, std::uint64_t bytes) {
    std::array<unsigned char, 4096> zeros{};
    spend(p_.streamed_line_ps * ((bytes + line_bytes - 1) / line_bytes));
    while (bytes != 0) {
        const auto part = static_cast<unsigned>(std::min<std::uint64_t>(bytes, zeros.size() - address % zeros.size()));
        tlm::tlm_generic_payload p;
        fill(p, true, address, zeros.data(), part);
        if (cores_[0]->bus->transport_dbg(p) != part)
            ++counted_.bus_errors;
        address += part;
        bytes -= part;
    }
}

void simulated_cpus::clean(std::uint64_t address, std::uint64_t bytes) {
    if (bytes != 0)
        spend(p_.clean_line_ps * ((address + bytes - 1) / line_bytes - address / line_bytes + 1));
}

void simulated_cpus::barrier() {
    spend(p_.barrier_ps);
    settle();
}

std::uint64_t simulated_cpus::now_ns() {
    const core* const c = calling();
    return (ps_of(sc_core::sc_time_stamp()) + (c ? c->owed_ps : outside_ps_)) / 1'000;
}

void simulated_cpus::delay_ns(std::uint64_t time_ns) {
    spend(time_ns * 1'000);
    settle();
}

void simulated_cpus::raise(int n) {
    line& l = *lines_.at(static_cast<std::size_t>(n));
    if (l.pending)
        return;
    l.pending = true;
    pending_.push_back(n);
    interrupted_.notify(sc_core::SC_ZERO_TIME);
}

int simulated_cpus::wait_interrupt(std::uint64_t timeout_ns) {
    core* const c = calling();
    settle();
    if (pending_.empty()) // a level that is still high asks again
        for (const auto& l : lines_)
            if (l->level && l->wire.read())
                raise(l->number);
    if (pending_.empty() && c && c->number == p_.interrupt_cpu && timeout_ns != 0 && !sc_core::sc_is_unwinding()) {
        c->serving = timeout_ns == ~std::uint64_t{0};
        if (c->serving)
            sc_core::wait(interrupted_);
        else
            sc_core::wait(time_of(timeout_ns * 1'000), interrupted_);
        c->serving = false;
    }
    if (pending_.empty() || (c && c->number != p_.interrupt_cpu)) {
        if (c && c->number != p_.interrupt_cpu && timeout_ns != ~std::uint64_t{0})
            delay_ns(timeout_ns); // no interrupt ever comes here
        return -1;
    }
    const int n = pending_.front();
    pending_.pop_front();
    lines_[static_cast<std::size_t>(n)]->pending = false;
    ++counted_.interrupts;
    return n;
}

unsigned simulated_cpus::id() {
    const core* const c = calling();
    return c ? c->number : 0;
}

void simulated_cpus::log(log_level level, const char* device, const char* message) {
    log_.add({now_ns(), id(), level, device, message});
}

} // namespace iommulab::sw
