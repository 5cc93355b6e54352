// SPDX-License-Identifier: Apache-2.0
// Raw SystemC/TLM-2.0 speed baselines: models and a small in-process harness.
// Every benchmark is a sc_module derived from bench_base. A controller thread runs
// them one after the other, R rounds, interleaved, in one simulation, and reports
// the median operations per user-CPU-second and the ratio to a reference row.
#pragma once
#ifndef SC_INCLUDE_DYNAMIC_PROCESSES
#define SC_INCLUDE_DYNAMIC_PROCESSES
#endif
#include <systemc>
#include <tlm>
#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <tlm_utils/tlm_quantumkeeper.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <sys/resource.h>
#include <time.h>
#include <vector>

namespace rawbench {
using sc_core::sc_event;
using sc_core::sc_module;
using sc_core::sc_module_name;
using sc_core::sc_time;

struct times {
    double user, sys, wall;
};
inline times now_times() {
    rusage r;
    getrusage(RUSAGE_SELF, &r);
    timespec w;
    clock_gettime(CLOCK_MONOTONIC, &w);
    return {r.ru_utime.tv_sec + 1e-6 * r.ru_utime.tv_usec, r.ru_stime.tv_sec + 1e-6 * r.ru_stime.tv_usec,
            w.tv_sec + 1e-9 * w.tv_nsec};
}

// ---- harness -------------------------------------------------------------
struct bench_base : sc_module {
    std::string label;
    uint64_t ops; // operations in one round
    sc_event start, done;
    bench_base(sc_module_name nm, std::string l, uint64_t n) : sc_module(nm), label(std::move(l)), ops(n) {}
    virtual void before_round() {}
};

// Each sample of each benchmark is preceded and followed by a short sample of the reference benchmark;
// the ratio is taken against those two, so that a change of the host's speed (a busy sibling thread)
// between samples does not show up in it.
struct controller : sc_module {
    std::vector<bench_base*> list;
    int rounds;
    std::string reference;
    uint64_t ref_ops = 4000000;
    SC_HAS_PROCESS(controller);
    controller(sc_module_name nm, int r, std::string ref) : sc_module(nm), rounds(r), reference(std::move(ref)) {
        SC_THREAD(run);
        set_stack_size(1 << 20);
    }
    static double median(std::vector<double> v) {
        std::sort(v.begin(), v.end());
        return v[v.size() / 2];
    }
    double sample(bench_base* b) { // operations per user-CPU-second
        b->before_round();
        times t0 = now_times();
        b->start.notify(sc_core::SC_ZERO_TIME);
        wait(b->done);
        times t1 = now_times();
        return b->ops / (t1.user - t0.user);
    }
    double sample_ref(bench_base* r) {
        uint64_t keep = r->ops;
        r->ops = ref_ops;
        double v = sample(r);
        r->ops = keep;
        return v;
    }
    void run() {
        wait(sc_core::SC_ZERO_TIME);
        bench_base* ref = nullptr;
        for (auto* b : list)
            if (b->label == reference)
                ref = b;
        std::vector<std::vector<double>> rate(list.size()), ratio(list.size());
        std::vector<double> refs;
        for (int r = -1; r < rounds; r++) // round -1 warms up
            for (size_t i = 0; i < list.size(); i++) {
                double before = ref ? sample_ref(ref) : 1, v = sample(list[i]), after = ref ? sample_ref(ref) : 1;
                if (r < 0)
                    continue;
                rate[i].push_back(v);
                ratio[i].push_back(v / (0.5 * (before + after)));
                refs.push_back(before);
                refs.push_back(after);
            }
        if (ref)
            std::printf("reference %s: median %.4g, min %.4g, max %.4g ops/user-s over %zu samples\n",
                        reference.c_str(), median(refs), *std::min_element(refs.begin(), refs.end()),
                        *std::max_element(refs.begin(), refs.end()), refs.size());
        std::printf("%-40s %11s %9s %9s %9s %9s %9s %11s\n", "benchmark", "med ops/s", "med ns", "best ns", "ratio",
                    "ratio.min", "ratio.max", "ref/this");
        for (size_t i = 0; i < list.size(); i++) {
            double m = median(rate[i]), q = median(ratio[i]);
            std::printf("%-40s %11.4g %9.2f %9.2f %9.5f %9.5f %9.5f %11.2f\n", list[i]->label.c_str(), m, 1e9 / m,
                        1e9 / *std::max_element(rate[i].begin(), rate[i].end()), q,
                        *std::min_element(ratio[i].begin(), ratio[i].end()),
                        *std::max_element(ratio[i].begin(), ratio[i].end()), 1 / q);
        }
        std::fflush(stdout);
        sc_core::sc_stop();
    }
};

// constants made once: the sc_time constructor from double is not free
struct consts {
    sc_time ns1{1, sc_core::SC_NS}, ns10{10, sc_core::SC_NS}, ns50{50, sc_core::SC_NS}, us1{1, sc_core::SC_US};
};
inline const consts& constants() {
    static consts c;
    return c;
}

// ---- LT ------------------------------------------------------------------
constexpr uint64_t MEM_SIZE = 1 << 20;

struct lt_memory : sc_module, tlm::tlm_fw_transport_if<> {
    tlm::tlm_target_socket<64> t{"t"};
    std::vector<unsigned char> mem;
    explicit lt_memory(sc_module_name nm) : sc_module(nm), mem(MEM_SIZE) { t.bind(*this); }
    void b_transport(tlm::tlm_generic_payload& p, sc_time& d) override {
        uint64_t a = p.get_address();
        unsigned n = p.get_data_length();
        if (a + n > MEM_SIZE) {
            p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
            return;
        }
        if (p.get_byte_enable_ptr() || p.get_streaming_width() < n) {
            p.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
            return;
        }
        if (p.is_read())
            std::memcpy(p.get_data_ptr(), &mem[a], n);
        else if (p.is_write())
            std::memcpy(&mem[a], p.get_data_ptr(), n);
        d += constants().ns10;
        p.set_dmi_allowed(true);
        p.set_response_status(tlm::TLM_OK_RESPONSE);
    }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_time&) override {
        return tlm::TLM_COMPLETED;
    }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi& d) override {
        d.allow_read_write();
        d.set_start_address(0);
        d.set_end_address(MEM_SIZE - 1);
        d.set_dmi_ptr(mem.data());
        d.set_read_latency(constants().ns10);
        d.set_write_latency(constants().ns10);
        return true;
    }
    unsigned transport_dbg(tlm::tlm_generic_payload&) override { return 0; }
};

struct lt_memory_simple : sc_module { // same, with the convenience socket
    tlm_utils::simple_target_socket<lt_memory_simple, 64> t{"t"};
    std::vector<unsigned char> mem;
    explicit lt_memory_simple(sc_module_name nm) : sc_module(nm), mem(MEM_SIZE) {
        t.register_b_transport(this, &lt_memory_simple::b_transport);
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_time& d) {
        uint64_t a = p.get_address();
        unsigned n = p.get_data_length();
        if (a + n > MEM_SIZE) {
            p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
            return;
        }
        if (p.is_read())
            std::memcpy(p.get_data_ptr(), &mem[a], n);
        else if (p.is_write())
            std::memcpy(&mem[a], p.get_data_ptr(), n);
        d += constants().ns10;
        p.set_response_status(tlm::TLM_OK_RESPONSE);
    }
};

struct passthrough : sc_module, tlm::tlm_fw_transport_if<>, tlm::tlm_bw_transport_if<> {
    tlm::tlm_target_socket<64> t{"t"};
    tlm::tlm_initiator_socket<64> i{"i"};
    explicit passthrough(sc_module_name nm) : sc_module(nm) {
        t.bind(*this);
        i.bind(*this);
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_time& d) override { i->b_transport(p, d); }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        return i->nb_transport_fw(p, ph, d);
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        return t->nb_transport_bw(p, ph, d);
    }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& d) override {
        return i->get_direct_mem_ptr(p, d);
    }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override { return i->transport_dbg(p); }
    void invalidate_direct_mem_ptr(sc_dt::uint64 s, sc_dt::uint64 e) override { t->invalidate_direct_mem_ptr(s, e); }
};

struct passthrough_simple : sc_module {
    tlm_utils::simple_target_socket<passthrough_simple, 64> t{"t"};
    tlm_utils::simple_initiator_socket<passthrough_simple, 64> i{"i"};
    explicit passthrough_simple(sc_module_name nm) : sc_module(nm) {
        t.register_b_transport(this, &passthrough_simple::b);
    }
    void b(tlm::tlm_generic_payload& p, sc_time& d) { i->b_transport(p, d); }
};

// Floor for an IOMMU on the LT path: stream id from an ignorable extension, one lookup in a
// direct-mapped TLB keyed by (stream, page), address rewritten and restored. No walk, no statistics.
struct stream_ext : tlm::tlm_extension<stream_ext> {
    uint32_t stream = 0;
    tlm::tlm_extension_base* clone() const override {
        auto* e = new stream_ext;
        e->stream = stream;
        return e;
    }
    void copy_from(const tlm::tlm_extension_base& o) override { stream = static_cast<const stream_ext&>(o).stream; }
};
struct xlate : sc_module, tlm::tlm_fw_transport_if<>, tlm::tlm_bw_transport_if<> {
    tlm::tlm_target_socket<64> t{"t"};
    tlm::tlm_initiator_socket<64> i{"i"};
    struct entry {
        uint64_t tag = ~0ull, pa = 0;
    };
    std::vector<entry> tlb;
    uint64_t misses = 0;
    bool in_place_restore;
    explicit xlate(sc_module_name nm, bool restore = true) : sc_module(nm), tlb(256), in_place_restore(restore) {
        t.bind(*this);
        i.bind(*this);
    }
    bool translate(tlm::tlm_generic_payload& p) {
        auto* e = p.get_extension<stream_ext>();
        uint64_t sid = e ? e->stream : 0, va = p.get_address(), tag = (sid << 40) ^ (va >> 12);
        entry& x = tlb[tag & 255];
        if (x.tag != tag) {
            misses++;
            x.tag = tag;
            x.pa = va & ~4095ull;
        } // identity, "walked" for free
        if (((va & 4095) + p.get_data_length()) > 4096)
            return false;
        p.set_address(x.pa | (va & 4095));
        return true;
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_time& d) override {
        uint64_t va = p.get_address();
        if (!translate(p)) {
            p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
            return;
        }
        d += constants().ns1;
        i->b_transport(p, d);
        p.set_address(va);
    }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        if (ph == tlm::BEGIN_REQ && !translate(p))
            std::abort();
        return i->nb_transport_fw(p, ph, d);
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        return t->nb_transport_bw(p, ph, d);
    }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& d) override {
        return i->get_direct_mem_ptr(p, d);
    }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override { return i->transport_dbg(p); }
    void invalidate_direct_mem_ptr(sc_dt::uint64 s, sc_dt::uint64 e) override { t->invalidate_direct_mem_ptr(s, e); }
};

// Floor for a miss: every access reads `levels` dependent 8-byte entries by b_transport through the
// module's own walk port before it is forwarded. Tables are built by build() in the target memory.
struct xlate_walk : sc_module, tlm::tlm_fw_transport_if<>, tlm::tlm_bw_transport_if<> {
    tlm::tlm_target_socket<64> t{"t"};
    tlm::tlm_initiator_socket<64> i{"i"}, w{"w"};
    unsigned levels;
    tlm::tlm_generic_payload wp;
    uint64_t pte = 0;
    static constexpr uint64_t root = 0xF0000;
    xlate_walk(sc_module_name nm, unsigned l) : sc_module(nm), levels(l) {
        t.bind(*this);
        i.bind(*this);
        w.bind(*this);
    }
    static void build(lt_memory& m) { // Sv39-like, identity over the first 512 KiB; 3 tables
        auto put = [&](uint64_t a, uint64_t v) { std::memcpy(&m.mem[a], &v, 8); };
        put(root, (root + 0x1000) | 1);
        put(root + 0x1000, (root + 0x2000) | 1);
        for (uint64_t k = 0; k < 128; k++)
            put(root + 0x2000 + 8 * k, (k << 12) | 0xdf);
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_time& d) override {
        uint64_t va = p.get_address(), base = root;
        for (unsigned l = 0; l < levels; l++) {
            wp.set_command(tlm::TLM_READ_COMMAND);
            wp.set_address(base + 8 * ((va >> (12 + 9 * (levels - 1 - l))) & 511));
            wp.set_data_ptr((unsigned char*)&pte);
            wp.set_data_length(8);
            wp.set_streaming_width(8);
            wp.set_byte_enable_ptr(nullptr);
            wp.set_dmi_allowed(false);
            wp.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
            w->b_transport(wp, d);
            if (wp.get_response_status() != tlm::TLM_OK_RESPONSE || !(pte & 1)) {
                p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
                return;
            }
            base = pte & ~0xfffull;
        }
        p.set_address(base | (va & 4095));
        i->b_transport(p, d);
        p.set_address(va);
    }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_time&) override {
        return tlm::TLM_COMPLETED;
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_time&) override {
        return tlm::TLM_COMPLETED;
    }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
    unsigned transport_dbg(tlm::tlm_generic_payload&) override { return 0; }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

enum class lt_mode { nosync, quantum, wait_each, dmi };

// address stream: walks `span` bytes in `stride` steps (both powers of two)
struct addr_walk {
    uint64_t base = 0, span = 64 * 4096, stride = 64;
    uint64_t operator()(uint64_t k) const { return base + ((k * stride) & (span - 1)); }
};

struct lt_initiator : bench_base, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> i{"i"};
    lt_mode mode;
    unsigned len;
    addr_walk walk;
    tlm_utils::tlm_quantumkeeper qk;
    uint64_t errors = 0;
    std::function<void(tlm::tlm_generic_payload&)> prepare; // e.g. add a sideband extension, once
    SC_HAS_PROCESS(lt_initiator);
    lt_initiator(sc_module_name nm, std::string l, uint64_t n, lt_mode m, unsigned len_ = 64)
        : bench_base(nm, std::move(l), n), mode(m), len(len_) {
        i.bind(*this);
        SC_THREAD(run);
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_time&) override {
        return tlm::TLM_COMPLETED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
    void run() {
        std::vector<unsigned char> buf(4096);
        tlm::tlm_generic_payload p;
        if (prepare)
            prepare(p);
        for (;;) {
            wait(start);
            sc_time d = sc_core::SC_ZERO_TIME;
            if (mode == lt_mode::dmi) {
                tlm::tlm_dmi dmi;
                p.set_address(0);
                p.set_read();
                if (!i->get_direct_mem_ptr(p, dmi))
                    SC_REPORT_FATAL("rawbench", "no DMI");
                for (uint64_t k = 0; k < ops; k++) {
                    uint64_t a = walk(k);
                    if (a < dmi.get_start_address() || a + len - 1 > dmi.get_end_address()) {
                        errors++;
                        continue;
                    }
                    std::memcpy(buf.data(), dmi.get_dmi_ptr() + (a - dmi.get_start_address()), len);
                    d += dmi.get_read_latency();
                    asm volatile("" : : "r"(buf.data()) : "memory");
                }
            } else {
                if (mode == lt_mode::quantum)
                    qk.reset();
                for (uint64_t k = 0; k < ops; k++) {
                    p.set_command(tlm::TLM_READ_COMMAND);
                    p.set_address(walk(k));
                    p.set_data_ptr(buf.data());
                    p.set_data_length(len);
                    p.set_streaming_width(len);
                    p.set_byte_enable_ptr(nullptr);
                    p.set_dmi_allowed(false);
                    p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
                    if (mode == lt_mode::quantum) {
                        sc_time q = qk.get_local_time();
                        i->b_transport(p, q);
                        qk.set(q);
                        if (qk.need_sync())
                            qk.sync();
                    } else {
                        i->b_transport(p, d);
                        if (mode == lt_mode::wait_each) {
                            wait(d);
                            d = sc_core::SC_ZERO_TIME;
                        }
                    }
                    if (p.get_response_status() != tlm::TLM_OK_RESPONSE)
                        errors++;
                }
                if (mode == lt_mode::quantum)
                    qk.sync();
            }
            if (d != sc_core::SC_ZERO_TIME)
                wait(d);
            if (errors) {
                std::fprintf(stderr, "%s: %llu errors\n", label.c_str(), (unsigned long long)errors);
                std::abort();
            }
            done.notify();
        }
    }
};

struct lt_initiator_simple : bench_base {
    tlm_utils::simple_initiator_socket<lt_initiator_simple, 64> i{"i"};
    addr_walk walk;
    unsigned len = 64;
    SC_HAS_PROCESS(lt_initiator_simple);
    lt_initiator_simple(sc_module_name nm, std::string l, uint64_t n) : bench_base(nm, std::move(l), n) {
        SC_THREAD(run);
    }
    void run() {
        std::vector<unsigned char> buf(4096);
        tlm::tlm_generic_payload p;
        for (;;) {
            wait(start);
            sc_time d = sc_core::SC_ZERO_TIME;
            for (uint64_t k = 0; k < ops; k++) {
                p.set_command(tlm::TLM_READ_COMMAND);
                p.set_address(walk(k));
                p.set_data_ptr(buf.data());
                p.set_data_length(len);
                p.set_streaming_width(len);
                p.set_byte_enable_ptr(nullptr);
                p.set_dmi_allowed(false);
                p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
                i->b_transport(p, d);
                if (p.get_response_status() != tlm::TLM_OK_RESPONSE)
                    std::abort();
            }
            wait(d);
            done.notify();
        }
    }
};

// ---- AT ------------------------------------------------------------------
struct pool_mm : tlm::tlm_mm_interface {
    struct slot {
        tlm::tlm_generic_payload p;
        unsigned char data[64];
    };
    std::vector<std::unique_ptr<slot>> all;
    std::vector<tlm::tlm_generic_payload*> idle;
    std::function<void(tlm::tlm_generic_payload&)> prepare; // e.g. add a sideband extension, once
    tlm::tlm_generic_payload* alloc() {
        if (idle.empty()) {
            all.emplace_back(new slot);
            slot* s = all.back().get();
            s->p.set_mm(this);
            s->p.set_data_ptr(s->data);
            if (prepare)
                prepare(s->p);
            return &s->p;
        }
        auto* p = idle.back();
        idle.pop_back();
        return p;
    }
    void free(tlm::tlm_generic_payload* p) override {
        p->reset();
        idle.push_back(p);
    }
};

// PEQ 1: the standard utility
template <typename OWNER>
struct peq_std {
    tlm_utils::peq_with_cb_and_phase<OWNER> q;
    peq_std(OWNER* o, void (OWNER::*cb)(tlm::tlm_generic_payload&, const tlm::tlm_phase&)) : q(o, cb) {}
    void notify(tlm::tlm_generic_payload& p, const tlm::tlm_phase& ph, const sc_time& t) { q.notify(p, ph, t); }
};

// PEQ 2: one sc_event, one SC_METHOD, one binary heap keyed by (time, order of arrival)
template <typename OWNER>
struct peq_heap : sc_module {
    struct item {
        uint64_t t, seq;
        tlm::tlm_generic_payload* p;
        tlm::tlm_phase ph;
        bool operator<(const item& o) const { return t != o.t ? t > o.t : seq > o.seq; }
    };
    std::priority_queue<item> q;
    sc_event e;
    uint64_t seq = 0;
    OWNER* o;
    void (OWNER::*cb)(tlm::tlm_generic_payload&, const tlm::tlm_phase&);
    SC_HAS_PROCESS(peq_heap);
    peq_heap(OWNER* o_, void (OWNER::*cb_)(tlm::tlm_generic_payload&, const tlm::tlm_phase&),
             sc_module_name nm = sc_core::sc_gen_unique_name("peq_heap"))
        : sc_module(nm), o(o_), cb(cb_) {
        SC_METHOD(fire);
        sensitive << e;
        dont_initialize();
    }
    void notify(tlm::tlm_generic_payload& p, const tlm::tlm_phase& ph, const sc_time& t) {
        uint64_t at = sc_core::sc_time_stamp().value() + t.value();
        bool first = q.empty() || at < q.top().t;
        q.push({at, seq++, &p, ph});
        if (first)
            e.notify(t);
    }
    void fire() {
        uint64_t now = sc_core::sc_time_stamp().value();
        while (!q.empty() && q.top().t <= now) {
            item x = q.top();
            q.pop();
            (o->*cb)(*x.p, x.ph);
        }
        if (!q.empty())
            e.notify(sc_time::from_value(q.top().t - now));
    }
};

template <template <typename> class PEQ>
struct at_memory : sc_module, tlm::tlm_fw_transport_if<> { // 4-phase target
    tlm::tlm_target_socket<64> t{"t"};
    std::vector<unsigned char> mem;
    PEQ<at_memory> peq;
    explicit at_memory(sc_module_name nm) : sc_module(nm), mem(MEM_SIZE), peq(this, &at_memory::cb) { t.bind(*this); }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        if (ph == tlm::BEGIN_REQ) {
            p.acquire();
            peq.notify(p, tlm::END_REQ, d + constants().ns1);
            return tlm::TLM_ACCEPTED;
        }
        if (ph == tlm::END_RESP) {
            p.release();
            return tlm::TLM_COMPLETED;
        }
        std::abort();
    }
    void cb(tlm::tlm_generic_payload& p, const tlm::tlm_phase& ph0) {
        tlm::tlm_phase ph = ph0;
        sc_time z = sc_core::SC_ZERO_TIME;
        if (ph == tlm::END_REQ) {
            peq.notify(p, tlm::BEGIN_RESP, constants().ns50);
            t->nb_transport_bw(p, ph, z);
            return;
        }
        uint64_t a = p.get_address();
        unsigned n = p.get_data_length();
        if (a + n > MEM_SIZE)
            std::abort();
        std::memcpy(p.get_data_ptr(), &mem[a], n);
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        if (t->nb_transport_bw(p, ph, z) == tlm::TLM_COMPLETED)
            p.release();
    }
    void b_transport(tlm::tlm_generic_payload&, sc_time&) override {}
    bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
    unsigned transport_dbg(tlm::tlm_generic_payload&) override { return 0; }
};

// shortest legal AT exchange: BEGIN_REQ answered TLM_UPDATED/END_REQ, BEGIN_RESP answered TLM_COMPLETED
template <template <typename> class PEQ>
struct at_memory_short : sc_module, tlm::tlm_fw_transport_if<> {
    tlm::tlm_target_socket<64> t{"t"};
    std::vector<unsigned char> mem;
    PEQ<at_memory_short> peq;
    explicit at_memory_short(sc_module_name nm) : sc_module(nm), mem(MEM_SIZE), peq(this, &at_memory_short::cb) {
        t.bind(*this);
    }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        p.acquire();
        peq.notify(p, tlm::BEGIN_RESP, d + constants().ns50);
        ph = tlm::END_REQ;
        d += constants().ns1;
        return tlm::TLM_UPDATED;
    }
    void cb(tlm::tlm_generic_payload& p, const tlm::tlm_phase& ph0) {
        tlm::tlm_phase ph = ph0;
        sc_time z = sc_core::SC_ZERO_TIME;
        std::memcpy(p.get_data_ptr(), &mem[p.get_address() & (MEM_SIZE - 1)], p.get_data_length());
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        t->nb_transport_bw(p, ph, z);
        p.release();
    }
    void b_transport(tlm::tlm_generic_payload&, sc_time&) override {}
    bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
    unsigned transport_dbg(tlm::tlm_generic_payload&) override { return 0; }
};

// pass-through that holds every phase in a PEQ for 1 ns (what a timed pipeline stage must do)
template <template <typename> class PEQ>
struct at_stage : sc_module, tlm::tlm_fw_transport_if<>, tlm::tlm_bw_transport_if<> {
    tlm::tlm_target_socket<64> t{"t"};
    tlm::tlm_initiator_socket<64> i{"i"};
    PEQ<at_stage> fw, bw;
    explicit at_stage(sc_module_name nm) : sc_module(nm), fw(this, &at_stage::on_fw), bw(this, &at_stage::on_bw) {
        t.bind(*this);
        i.bind(*this);
    }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        fw.notify(p, ph, d + constants().ns1);
        return tlm::TLM_ACCEPTED;
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        bw.notify(p, ph, d + constants().ns1);
        return tlm::TLM_ACCEPTED;
    }
    void on_fw(tlm::tlm_generic_payload& p, const tlm::tlm_phase& ph0) {
        tlm::tlm_phase ph = ph0;
        sc_time z = sc_core::SC_ZERO_TIME;
        i->nb_transport_fw(p, ph, z);
    }
    void on_bw(tlm::tlm_generic_payload& p, const tlm::tlm_phase& ph0) {
        tlm::tlm_phase ph = ph0;
        sc_time z = sc_core::SC_ZERO_TIME;
        t->nb_transport_bw(p, ph, z);
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_time& d) override { i->b_transport(p, d); }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& d) override {
        return i->get_direct_mem_ptr(p, d);
    }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override { return i->transport_dbg(p); }
    void invalidate_direct_mem_ptr(sc_dt::uint64 s, sc_dt::uint64 e) override { t->invalidate_direct_mem_ptr(s, e); }
};

template <template <typename> class PEQ>
struct at_initiator : bench_base, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> i{"i"};
    PEQ<at_initiator> peq; // carries bw phases and the next-issue tick
    pool_mm mm;
    addr_walk walk;
    unsigned window;
    unsigned len = 64;
    uint64_t issued = 0, finished = 0;
    unsigned outstanding = 0;
    bool req_busy = false;
    tlm::tlm_generic_payload tick;
    SC_HAS_PROCESS(at_initiator);
    at_initiator(sc_module_name nm, std::string l, uint64_t n, unsigned w = 16)
        : bench_base(nm, std::move(l), n), peq(this, &at_initiator::cb), window(w) {
        i.bind(*this);
        SC_METHOD(go);
        sensitive << start;
        dont_initialize();
    }
    void go() {
        issued = finished = 0;
        pump();
    }
    void pump() {
        while (!req_busy && outstanding < window && issued < ops) {
            auto* p = mm.alloc();
            p->acquire();
            p->set_command(tlm::TLM_READ_COMMAND);
            p->set_address(walk(issued));
            p->set_data_length(len);
            p->set_streaming_width(len);
            p->set_byte_enable_ptr(nullptr);
            p->set_dmi_allowed(false);
            p->set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
            issued++;
            outstanding++;
            req_busy = true;
            tlm::tlm_phase ph = tlm::BEGIN_REQ;
            sc_time d = sc_core::SC_ZERO_TIME;
            tlm::tlm_sync_enum s = i->nb_transport_fw(*p, ph, d);
            if (s == tlm::TLM_UPDATED)
                peq.notify(*p, ph, d);
        }
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time& d) override {
        peq.notify(p, ph, d);
        return tlm::TLM_ACCEPTED;
    }
    void cb(tlm::tlm_generic_payload& p, const tlm::tlm_phase& ph0) {
        if (ph0 == tlm::END_REQ) {
            req_busy = false;
            pump();
            return;
        }
        if (ph0 != tlm::BEGIN_RESP || p.get_response_status() != tlm::TLM_OK_RESPONSE)
            std::abort();
        tlm::tlm_phase ph = tlm::END_RESP;
        sc_time z = sc_core::SC_ZERO_TIME;
        i->nb_transport_fw(p, ph, z);
        finished++;
        outstanding--;
        p.release();
        if (finished == ops) {
            done.notify();
            return;
        }
        pump();
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

// as at_initiator, but answers BEGIN_RESP with TLM_COMPLETED in the call itself
template <template <typename> class PEQ>
struct at_initiator_short : bench_base, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> i{"i"};
    pool_mm mm;
    addr_walk walk;
    unsigned window;
    unsigned len = 64;
    uint64_t issued = 0, finished = 0;
    unsigned outstanding = 0;
    bool tick_armed = false;
    sc_time free_at;
    sc_event tick;
    SC_HAS_PROCESS(at_initiator_short);
    at_initiator_short(sc_module_name nm, std::string l, uint64_t n, unsigned w = 16)
        : bench_base(nm, std::move(l), n), window(w) {
        i.bind(*this);
        SC_METHOD(go);
        sensitive << start;
        dont_initialize();
        SC_METHOD(pump);
        sensitive << tick;
        dont_initialize();
    }
    void go() {
        issued = finished = 0;
        pump();
    }
    void pump() { // one request per ns; the request channel is busy until END_REQ's annotated time
        tick_armed = false;
        if (outstanding >= window || issued >= ops)
            return;
        const sc_time& now = sc_core::sc_time_stamp();
        if (now < free_at) {
            tick_armed = true;
            tick.notify(free_at - now);
            return;
        }
        auto* p = mm.alloc();
        p->acquire();
        p->set_command(tlm::TLM_READ_COMMAND);
        p->set_address(walk(issued));
        p->set_data_length(len);
        p->set_streaming_width(len);
        p->set_byte_enable_ptr(nullptr);
        p->set_dmi_allowed(false);
        p->set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
        issued++;
        outstanding++;
        tlm::tlm_phase ph = tlm::BEGIN_REQ;
        sc_time d = sc_core::SC_ZERO_TIME;
        if (i->nb_transport_fw(*p, ph, d) != tlm::TLM_UPDATED || ph != tlm::END_REQ)
            std::abort();
        free_at = now + d;
        if (outstanding < window && issued < ops) {
            tick_armed = true;
            tick.notify(d);
        }
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_time&) override {
        if (ph != tlm::BEGIN_RESP)
            std::abort();
        finished++;
        outstanding--;
        p.release();
        ph = tlm::END_RESP;
        if (finished == ops)
            done.notify(sc_core::SC_ZERO_TIME);
        else if (!tick_armed)
            pump();
        return tlm::TLM_COMPLETED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

// ---- kernel limits ---------------------------------------------------------
struct k_method_timed : bench_base { // one SC_METHOD renotifying its own event
    sc_event e;
    uint64_t n = 0;
    bool delta;
    SC_HAS_PROCESS(k_method_timed);
    k_method_timed(sc_module_name nm, std::string l, uint64_t ops_, bool delta_)
        : bench_base(nm, std::move(l), ops_), delta(delta_) {
        SC_METHOD(step);
        sensitive << e << start;
        dont_initialize();
    }
    void step() {
        if (n++ == ops) {
            n = 0;
            done.notify(sc_core::SC_ZERO_TIME);
            return;
        }
        if (delta)
            e.notify(sc_core::SC_ZERO_TIME);
        else
            e.notify(constants().ns1);
    }
};
struct k_method_many : bench_base { // W methods, each on its own period: heap W deep, distinct times
    struct one : sc_module {
        sc_event e;
        k_method_many* o;
        sc_time per;
        SC_HAS_PROCESS(one);
        one(sc_module_name nm, k_method_many* o_, sc_time p) : sc_module(nm), o(o_), per(p) {
            SC_METHOD(step);
            sensitive << e;
            dont_initialize();
        }
        void step() {
            if (o->n >= o->ops)
                return;
            if (++o->n == o->ops) {
                o->done.notify(sc_core::SC_ZERO_TIME);
                return;
            }
            e.notify(per);
        }
    };
    std::vector<std::unique_ptr<one>> v;
    uint64_t n = 0;
    SC_HAS_PROCESS(k_method_many);
    k_method_many(sc_module_name nm, std::string l, uint64_t ops_, unsigned w) : bench_base(nm, std::move(l), ops_) {
        for (unsigned k = 0; k < w; k++)
            v.emplace_back(new one(("m" + std::to_string(k)).c_str(), this, sc_time(1000 + 37 * k, sc_core::SC_PS)));
        SC_METHOD(go);
        sensitive << start;
        dont_initialize();
    }
    void go() {
        n = 0;
        for (auto& x : v)
            x->e.notify(x->per);
    }
};
struct k_thread : bench_base { // W threads, each wait(1 ns) (or a delta) in a loop
    unsigned w;
    bool delta;
    unsigned running = 0;
    SC_HAS_PROCESS(k_thread);
    k_thread(sc_module_name nm, std::string l, uint64_t ops_, unsigned w_, bool delta_ = false)
        : bench_base(nm, std::move(l), ops_), w(w_), delta(delta_) {
        for (unsigned k = 0; k < w; k++) {
            sc_core::sc_spawn([this] { loop(); }, sc_core::sc_gen_unique_name("th"));
        }
    }
    void loop() {
        for (;;) {
            sc_core::wait(start);
            running++;
            uint64_t n = ops / w;
            if (delta)
                for (uint64_t k = 0; k < n; k++)
                    sc_core::wait(sc_core::SC_ZERO_TIME);
            else
                for (uint64_t k = 0; k < n; k++)
                    sc_core::wait(constants().ns1);
            if (--running == 0)
                done.notify(sc_core::SC_ZERO_TIME);
        }
    }
};
} // namespace rawbench
