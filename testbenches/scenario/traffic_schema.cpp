// SPDX-License-Identifier: Apache-2.0
#include "models/dma/generators.h"
#include "models/dma/random.h"
#include "models/dma/ring_traffic.h"
#include "platforms/data_files.h"
#include "platforms/settings/keys.h"
#include "platforms/settings/settings_units.h"
#include "testbenches/scenario/scenario_schema.h"
#include "traces/access_trace.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <stdexcept>

namespace iommulab::scenarios {

using settings::key;
using settings::schema;
using settings::section;
using namespace settings::keys;

namespace {

constexpr std::uint64_t longest_request_bytes = 4 << 20;
constexpr std::uint64_t most_chase_nodes = 1 << 20;

/// The keys that all generators have, then `more`.
std::vector<key> window_keys(std::vector<key> more) {
    static const traffic_window d;
    std::vector<key> keys{
        bytes("base", "first input address").needed(),
        bytes("size", "of the window").needed().from(1),
        bytes("length", "of a request")
            .otherwise(settings::bytes_text(d.length_bytes))
            .from(1)
            .to(longest_request_bytes),
        count("write_percent", "share of writes, drawn at random").otherwise(std::to_string(d.write_percent)).to(100),
    };
    keys.insert(keys.end(), more.begin(), more.end());
    return keys;
}

const schema& sequential_schema() {
    static const schema s{"sequential", "One request after the other through the window, and again.", window_keys({})};
    return s;
}

const schema& strided_schema() {
    static const schema s{"strided", "A request every stride.",
                          window_keys({
                              bytes("stride", "from one to the next").needed().from(1),
                              bytes("shift", "each round begins so much later").otherwise("0B"),
                          })};
    return s;
}

const schema& uniform_schema() {
    static const schema s{
        "uniform", "Uniformly random places.",
        window_keys({bytes("grain", "requests begin at multiples of it; 0: of the length").otherwise("0B")})};
    return s;
}

const schema& zipf_schema() {
    static const schema s{
        "zipf", "Blocks whose popularity follows Zipf's law, and a random place in the block.",
        window_keys({
            bytes("block", "what is popular").otherwise("4KiB").from(1),
            count("exponent_percent", "100 times the exponent").otherwise("100").to(400),
            flag("scatter", "popular blocks lie anywhere; else the first are the most popular").otherwise("true"),
        })};
    return s;
}

const schema& pointer_chase_schema() {
    static const schema s{
        "pointer_chase",
        "Reads a node, takes the address of the next from it, one at a time. The nodes are one random cycle, which is "
        "put "
        "into memory before the start.",
        {
            bytes("base", "first input address").needed(),
            bytes("size", "of the window").needed().from(8),
            bytes("length", "of a request").otherwise("64B").from(8).to(longest_request_bytes),
            bytes("node", "from one node to the next in the window").otherwise("4KiB").from(8),
        }};
    return s;
}

const schema& ring_schema() {
    static const ring_parameters d;
    static const schema s{
        "ring",
        "A descriptor ring, as a NIC's or an NVMe queue's: reads a descriptor, moves the buffer, writes a completion.",
        {
            bytes("ring", "input address of the descriptors").needed(),
            bytes("completions", "input address of the completion entries").otherwise("0B"),
            count("entries", "of the ring").otherwise(std::to_string(d.entries)).from(1).to(1 << 20),
            bytes("completion_length", "of a completion entry; 0: none is written")
                .otherwise(settings::bytes_text(d.completion_bytes))
                .to(4096),
            count("depth", "entries worked on at one time").otherwise(std::to_string(d.depth)).from(1).to(4096),
            bytes("buffers", "input address of the first buffer").needed(),
            bytes("buffer_length", "moved for an entry").otherwise("1536B").from(1).to(longest_request_bytes),
            bytes("buffer_stride", "from one buffer to the next")
                .otherwise(settings::bytes_text(d.buffer_stride_bytes)),
            choice("direction", "the device writes the buffers, or reads them", {"receive", "transmit"})
                .otherwise("receive"),
        }};
    return s;
}

const schema& trace_schema() {
    static const schema s{
        "trace",
        "Accesses from a file: comma-separated values, plain or gzip, with the columns source_id (not needed with "
        "source: own), address, size_bytes, rw, and optionally time_ns and pasid. A timeline of a run is one.",
        {
            text("file", "relative to the scenario").needed(),
            choice("source", "whose accesses they are: the master's own source_id and PASID, or those of the rows",
                   {"own", "recorded"})
                .otherwise("own"),
        }};
    return s;
}

void add_window(traffic_description& d, std::uint64_t base, std::uint64_t size_bytes) {
    if (size_bytes != 0)
        d.windows.emplace_back(base, std::max(base, base + (size_bytes - 1)));
}

/// Where a trace goes, as ranges of whole pages; so many that a file cannot make them grow for ever.
class touched_pages {
  public:
    void add(std::uint64_t address, std::uint64_t bytes) {
        constexpr std::uint64_t offset_mask = 4095;
        std::uint64_t first = address & ~offset_mask;
        std::uint64_t last = std::max(address, address + (std::max<std::uint64_t>(bytes, 1) - 1)) | offset_mask;
        auto next = ranges_.upper_bound(first);
        if (next != ranges_.begin())
            if (const auto before = std::prev(next); before->second >= first - (first != 0)) {
                first = before->first;
                last = std::max(last, before->second);
                next = ranges_.erase(before);
            }
        while (next != ranges_.end() && next->first <= last + (last != ~std::uint64_t{0})) {
            last = std::max(last, next->second);
            next = ranges_.erase(next);
        }
        if (ranges_.size() < most_ranges)
            ranges_.emplace(first, last);
    }
    [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& ranges() const { return ranges_; }

  private:
    static constexpr std::size_t most_ranges = 4096;
    std::map<std::uint64_t, std::uint64_t> ranges_; // first to last
};

traffic_window window_of(const section& s, std::uint64_t seed) {
    return {s.number("base"), s.number("size"), static_cast<std::uint32_t>(s.number("length")),
            static_cast<std::uint32_t>(s.number("write_percent")), seed};
}

traffic_description read_chase(const section& s, std::uint64_t seed) {
    const traffic_window window{s.number("base"), s.number("size"), static_cast<std::uint32_t>(s.number("length")), 0,
                                seed};
    const std::uint64_t node = s.number("node"), nodes = window.size_bytes / node;
    if (nodes == 0 || nodes > most_chase_nodes)
        s.where("node").fail(std::to_string(nodes) + " nodes",
                             "1 to " + std::to_string(most_chase_nodes) + " nodes in the window");
    if (window.length_bytes > node)
        s.where("length").fail("a request longer than a node", "at most " + settings::bytes_text(node));
    traffic_description d;
    add_window(d, window.base, window.size_bytes);
    d.make = [window] { return std::make_unique<pointer_chase_traffic>(window); };
    d.words = [window, node, nodes] {
        // one cycle through all nodes (Sattolo's algorithm)
        std::vector<std::uint64_t> next(nodes);
        for (std::uint64_t n = 0; n < nodes; ++n)
            next[n] = n;
        random_generator random(window.seed);
        for (std::uint64_t n = nodes; n-- > 1;)
            std::swap(next[n], next[random.below(n)]);
        initial_words words;
        for (std::uint64_t n = 0; n < nodes; ++n)
            words.emplace_back(window.base + n * node, window.base + next[n] * node);
        return words;
    };
    return d;
}

traffic_description read_ring(const section& s) {
    ring_parameters p;
    p.ring_base = s.number("ring");
    p.completion_base = s.number("completions");
    p.entries = static_cast<std::uint32_t>(s.number("entries"));
    p.completion_bytes = static_cast<std::uint32_t>(s.number("completion_length"));
    p.depth = static_cast<std::uint32_t>(s.number("depth"));
    p.buffer = {s.number("buffers"), static_cast<std::uint32_t>(s.number("buffer_length")),
                s.text("direction") == "receive" ? ring_descriptor::device_writes : 0};
    p.buffer_stride_bytes = s.number("buffer_stride");
    if (p.completion_bytes != 0 && !s.has("completions"))
        s.where().fail("no 'completions' in ring", "an input address, or completion_length: 0");
    traffic_description d;
    add_window(d, p.ring_base, std::uint64_t{p.entries} * ring_descriptor::size_bytes);
    if (p.completion_bytes != 0)
        add_window(d, p.completion_base, std::uint64_t{p.entries} * p.completion_bytes);
    touched_pages buffers;
    for (std::uint64_t n = 0; n < p.entries; ++n)
        buffers.add(p.buffer.address + n * p.buffer_stride_bytes, p.buffer.length_bytes);
    d.windows.insert(d.windows.end(), buffers.ranges().begin(), buffers.ranges().end());
    d.make = [p] { return std::make_unique<ring_traffic>(p); };
    return d;
}

/// Reads a trace row by row; times count from the master's start.
class trace_traffic final : public traffic {
  public:
    trace_traffic(const std::string& path, traces::trace_sources sources) : reader_(path, sources), sources_(sources) {}
    std::optional<dma_request> next() override {
        traces::traced_access row;
        if (!reader_.next(row))
            return {};
        dma_request r;
        r.address = row.address;
        r.length_bytes = static_cast<std::uint32_t>(row.size_bytes);
        r.write = row.write;
        if (sources_ == traces::trace_sources::recorded) {
            r.source_id = row.source_id;
            r.pasid = row.pasid;
        }
        r.not_before_ps = row.time_ps.value_or(0);
        return r;
    }

    /// What there is to say of the trace; empty: nothing.
    [[nodiscard]] std::string note() const {
        std::string names;
        for (const std::string& name : reader_.ignored_columns())
            names += (names.empty() ? "" : ", ") + name;
        return names.empty() ? "" : "of its trace these columns are ignored: " + names;
    }

  private:
    traces::access_trace_reader reader_;
    traces::trace_sources sources_;
};

traffic_description read_trace(const section& s) {
    const std::string path = platforms::find_beside(*s.where("file").file, s.text("file"), "traces");
    const auto sources = s.text("source") == "own" ? traces::trace_sources::own : traces::trace_sources::recorded;
    trace_traffic all(path, sources); // the whole file, so that nothing runs when a row is wrong
    touched_pages touched;
    while (const std::optional<dma_request> r = all.next())
        touched.add(r->address, r->length_bytes);
    traffic_description d;
    if (sources == traces::trace_sources::own)
        d.windows.assign(touched.ranges().begin(), touched.ranges().end());
    d.make = [path, sources] { return std::make_unique<trace_traffic>(path, sources); };
    d.ends = true;
    if (const std::string note = all.note(); !note.empty())
        d.notes.push_back(note);
    return d;
}

} // namespace

const std::vector<const schema*>& traffic_schemas() {
    static const std::vector<const schema*> all{&sequential_schema(), &strided_schema(),       &uniform_schema(),
                                                &zipf_schema(),       &pointer_chase_schema(), &ring_schema(),
                                                &trace_schema()};
    return all;
}

traffic_description read_traffic(const section& s, std::uint64_t seed) {
    const std::string& type = s.declaration().title;
    traffic_description d;
    try {
        if (type == "pointer_chase") {
            d = read_chase(s, seed);
        } else if (type == "ring") {
            d = read_ring(s);
        } else if (type == "trace") {
            d = read_trace(s);
        } else {
            const traffic_window w = window_of(s, seed);
            add_window(d, w.base, w.size_bytes);
            if (type == "sequential")
                d.make = [w] { return std::make_unique<sequential_traffic>(w); };
            else if (type == "strided")
                d.make = [w, stride = s.number("stride"), shift = s.number("shift")] {
                    return std::make_unique<strided_traffic>(w, stride, shift);
                };
            else if (type == "uniform")
                d.make = [w, grain = s.number("grain")] { return std::make_unique<uniform_traffic>(w, grain); };
            else
                d.make = [w, block = s.number("block"), exponent = static_cast<unsigned>(s.number("exponent_percent")),
                          scatter = s.flag("scatter")] {
                    return std::make_unique<zipf_traffic>(w, block, exponent, scatter);
                };
        }
        if (type != "trace")
            d.make(); // generators check their windows
    } catch (const std::invalid_argument& e) {
        s.where().fail(e.what(), "traffic that fits its window");
    }
    d.type = type;
    return d;
}

} // namespace iommulab::scenarios
