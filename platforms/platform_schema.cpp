// SPDX-License-Identifier: Apache-2.0
#include "platforms/platform_schema.h"

#include "platforms/settings/error_list.h"
#include "platforms/settings/keys.h"
#include "platforms/settings/settings_units.h"
#include "traces/names.h"
#include "traces/number.h"

#include <algorithm>
#include <filesystem>

namespace iommulab::platforms {

using settings::key;
using settings::place;
using settings::schema;
using settings::section;
using settings::time_text;
using settings::value_kind;
using traces::hex;

using namespace settings::keys;

namespace {

constexpr std::uint64_t bus_bits = 52; // the widest physical address of the architectures modelled
constexpr std::uint64_t bus_end = std::uint64_t{1} << bus_bits;
constexpr std::uint64_t longest_latency_ps = 1'000'000'000; // 1 ms: beyond any memory

std::vector<std::string> timing_choices() {
    std::vector<std::string> all{"fixed"};
    for (const std::string_view name : dram_preset_names())
        all.emplace_back(name);
    return all;
}

const schema& range_schema() {
    static const schema s{"range",
                          "A stretch of physical addresses.",
                          {
                              bytes("base", "first address").needed().to(bus_end - 1),
                              bytes("size", "how much").needed().from(1).to(bus_end),
                          }};
    return s;
}

const schema& memory_schema() {
    static const memory_parameters d;
    static const schema s{
        "memory",
        "A memory with timing. Everything outside the ranges of all memories answers with an address error.",
        {
            list_of("ranges", "the addresses that exist", range_schema()).needed(),
            choice("timing", "banked DRAM, or fixed latencies", timing_choices()).otherwise("fixed"),
            time("read_latency", "of `fixed`: from acceptance to data")
                .otherwise(time_text(d.read_latency_ps))
                .to(longest_latency_ps),
            time("write_latency", "of `fixed`").otherwise(time_text(d.write_latency_ps)).to(longest_latency_ps),
            bytes("data_width", "of `fixed`: bytes that the data path moves at a time")
                .otherwise(settings::bytes_text(d.data_width_bytes))
                .from(1)
                .to(4096),
            time("beat", "of `fixed`: time for one width; 0: unlimited")
                .otherwise(time_text(d.beat_ps))
                .to(longest_latency_ps),
            time("accept_interval", "from a request to its acceptance")
                .otherwise(time_text(d.accept_interval_ps))
                .from(1)
                .to(longest_latency_ps),
            count("queue_depth", "requests accepted and not yet answered")
                .otherwise(std::to_string(d.queue_depth))
                .from(1)
                .to(65536),
            flag("dmi", "of `fixed`: direct memory access, loosely timed").otherwise(d.allow_dmi ? "true" : "false"),
        }};
    return s;
}

const schema& iommu_schema() {
    static const iommu_description d;
    static const schema s{"iommu",
                          "An IOMMU. `iommulab models NAME` lists the presets and parameters of a model.",
                          {
                              text("model", "which one, as `iommulab models` names it").needed(),
                              text("preset", "sizes and latencies of a piece of silicon"),
                              bytes("registers", "physical address of its registers").needed().to(bus_end - 1),
                              count("ports", "for devices, each with its own micro-TLB")
                                  .otherwise(std::to_string(d.ports))
                                  .from(1)
                                  .to(64),
                              elsewhere("parameters", "over the preset, by the names of the model's parameters"),
                          }};
    return s;
}

const schema& interconnect_schema() {
    static const interconnect_parameters d;
    static const schema s{"interconnect",
                          "Between IOMMUs, the CPU, memories and registers.",
                          {
                              time("request_latency", "on the way to memory")
                                  .otherwise(time_text(d.request_latency_ps))
                                  .to(longest_latency_ps),
                              time("response_latency", "on the way back")
                                  .otherwise(time_text(d.response_latency_ps))
                                  .to(longest_latency_ps),
                          }};
    return s;
}

struct taken_range {
    std::uint64_t first, last;
    std::string what;
};

void take_range(std::vector<taken_range>& taken, std::uint64_t base, std::uint64_t size, const std::string& what,
                const place& where) {
    if (size > bus_end - base)
        where.fail(settings::bytes_text(size) + " from " + hex(base) + ", which end beyond " +
                       std::to_string(bus_bits) + " address bits",
                   "a range below " + hex(bus_end));
    const std::uint64_t last = base + (size - 1);
    for (const taken_range& t : taken)
        if (base <= t.last && last >= t.first)
            where.fail("range " + hex(base) + " to " + hex(last) + " of " + what + ", which overlaps " + hex(t.first) +
                           " to " + hex(t.last) + " of " + t.what,
                       "ranges that do not overlap");
    taken.push_back({base, last, what});
}

memory_description read_memory(const section::member& m, std::vector<taken_range>& taken) {
    const section& s = *m.value;
    memory_description out;
    out.name = m.name;
    memory_parameters& p = out.parameters;
    if (s.members("ranges").empty())
        s.where("ranges").fail("no ranges in memory " + m.name, "at least one range");
    for (const section::member& r : s.members("ranges")) {
        const std::uint64_t base = r.value->number("base"), size = r.value->number("size");
        take_range(taken, base, size, "memory '" + m.name + "'", r.value->where("base"));
        p.ranges.push_back({base, size, m.name});
    }
    p.dram = dram_preset(s.text("timing"));
    p.read_latency_ps = s.number("read_latency");
    p.write_latency_ps = s.number("write_latency");
    p.data_width_bytes = static_cast<unsigned>(s.number("data_width"));
    p.beat_ps = s.number("beat");
    p.accept_interval_ps = s.number("accept_interval");
    p.queue_depth = static_cast<unsigned>(s.number("queue_depth"));
    p.allow_dmi = s.flag("dmi");
    if (p.dram)
        for (const char* name : {"read_latency", "write_latency", "data_width", "beat", "dmi"})
            if (s.has(name))
                s.where(name).fail("'" + std::string(name) + "' of a memory with timing " + s.text("timing"),
                                   "timing: fixed, or no such key");
    return out;
}

std::vector<std::string> model_names() {
    std::vector<std::string> all;
    for (const iommu_model* m : iommu_models())
        all.emplace_back(m->name());
    return all;
}

/// Of the last parameter given that the refusal is about: "tlb: ..." is about all of tlb.
const place& place_of_refusal(const section& iommu, const section& parameters, const std::string& text) {
    const place* where = &iommu.where("parameters");
    const std::string subject = text.substr(0, text.find(':'));
    std::size_t best = 0;
    for (const key& k : parameters.declaration().keys) {
        std::size_t named = k.name == subject || k.name.starts_with(subject + '.') ? 3 : text.find(k.name) != text.npos;
        named += named != 0 && parameters.where(k.name).line == 0; // an override came last
        if (parameters.has(k.name) && named >= std::max<std::size_t>(best, 1)) {
            best = named;
            where = &parameters.where(k.name);
        }
    }
    return *where;
}

iommu_description read_iommu(const section::member& m, std::vector<taken_range>& taken) {
    const section& s = *m.value;
    iommu_description out;
    out.name = m.name;
    const iommu_model* model = find_iommu_model(s.text("model"));
    if (!model)
        s.where("model").fail("unknown model " + iommulab::quoted(s.text("model")),
                              one_of(s.text("model"), model_names()));
    out.model = model->name();
    if (s.has("preset")) {
        std::vector<std::string> presets;
        for (const preset& p : model->presets())
            presets.emplace_back(p.name);
        out.preset = s.text("preset");
        if (std::find(presets.begin(), presets.end(), out.preset) == presets.end())
            s.where("preset").fail("unknown preset " + iommulab::quoted(out.preset) + " of " + out.model,
                                   one_of(out.preset, presets));
    }
    out.registers_base = s.number("registers");
    take_range(taken, out.registers_base, model->register_space_bytes(), "the registers of '" + m.name + "'",
               s.where("registers"));
    out.ports = static_cast<unsigned>(s.number("ports"));
    const section parameters = s.declared("parameters", parameters_schema(*model));
    for (const model_parameter& p : model->parameters())
        if (!parameters.declaration().keys.empty() && parameters.has(p.name))
            out.parameters.emplace_back(p.name, parameters.number(p.name));
    try {
        model->check({out.preset, out.parameters, {}, out.ports, simulation_mode::cycle_approximate});
    } catch (const parameter_error& e) {
        place_of_refusal(s, parameters, e.what())
            .fail("parameters that the model refuses (" + std::string(e.what()) + ")",
                  "a set that it can be built with");
    }
    return out;
}

/// Parameters that a platform has other words for.
bool has_own_key(const model_parameter& p) {
    return p.name == "ports" || p.name == "mode";
}

} // namespace

void name_list::take(const std::string& name, const char* what, const place& where) {
    const auto [at, fresh] = taken_.emplace(name, what);
    if (!fresh)
        where.fail(iommulab::quoted(name) + " for " + what + ", which is the name of " + at->second, "each name once");
}

const schema& parameters_schema(const iommu_model& model) {
    static std::map<std::string, schema> all;
    const auto [at, fresh] = all.try_emplace(model.name());
    if (!fresh)
        return at->second;
    at->second.title = std::string("parameters of ") + model.name();
    at->second.help = std::string("What can be set of ") + model.title() + ", and where the defaults come from.";
    for (const model_parameter& p : model.parameters()) {
        if (has_own_key(p))
            continue;
        key k = count(p.name, p.source).from(p.minimum).to(p.maximum);
        if (!p.choices.empty()) {
            k.kind = value_kind::choice;
            for (const std::string_view c : p.choices)
                k.choices.emplace_back(c);
            k.default_text = p.text_of(p.default_value);
        } else if (p.unit == "ps") {
            k.kind = value_kind::time;
            k.default_text = time_text(p.default_value);
        } else {
            k.default_text = std::to_string(p.default_value);
            k.unit = p.unit == "1" ? "" : p.unit;
        }
        at->second.keys.push_back(std::move(k));
    }
    return at->second;
}

const schema& platform_schema() {
    static const schema s{
        "platform",
        "A machine: memories, IOMMUs, and the interconnect between them. A scenario has it in place, or names its "
        "file.",
        {
            text("description", "for people"),
            named("memories", "by name", memory_schema()).needed(),
            named("iommus", "by name", iommu_schema()),
            map_of("interconnect", "its latencies", interconnect_schema()),
            map_of("doorbell",
                   "where interrupt messages go: a write of 32 bits there is an interrupt; without it IOMMUs have "
                   "wires",
                   range_schema()),
        }};
    return s;
}

platform_description read_platform(const settings::node& map, name_list& names) {
    const section s(map, platform_schema());
    platform_description out;
    out.name = std::filesystem::path(*map.where.file).stem().string();
    out.text = s.text("description");
    std::vector<taken_range> taken;
    if (s.members("memories").empty())
        s.where("memories").fail("a platform without memory", "at least one memory");
    settings::error_list errors;
    for (const section::member& m : s.members("memories"))
        errors.keep([&] {
            names.take(m.name, "a memory", m.where);
            out.memories.push_back(read_memory(m, taken));
        });
    for (const section::member& m : s.members("iommus"))
        errors.keep([&] {
            names.take(m.name, "an IOMMU", m.where);
            out.iommus.push_back(read_iommu(m, taken));
        });
    if (s.has("doorbell"))
        errors.keep([&] {
            const section& d = s.child("doorbell");
            out.doorbell = doorbell_description{d.number("base"), d.number("size")};
            take_range(taken, out.doorbell->base, out.doorbell->size_bytes, "the doorbell", d.where("base"));
        });
    errors.raise();
    if (s.has("interconnect")) {
        out.interconnect.request_latency_ps = s.child("interconnect").number("request_latency");
        out.interconnect.response_latency_ps = s.child("interconnect").number("response_latency");
    }
    return out;
}

void check_source_id(const iommu_description& i, std::uint64_t source_id, const settings::place& where) {
    const iommu_model* model = find_iommu_model(i.model);
    if (model && source_id >> model->source_id_bits())
        where.fail("source " + hex(source_id) + " behind '" + i.name + "'",
                   "at most " + std::to_string(model->source_id_bits()) + " bits, as a source id of " +
                       std::string(model->title()) + " has");
}

bool is_platform_file(const std::string& path) {
    const settings::node root = settings::read_yaml_file(path);
    return root.find("memories") && !root.find("platform");
}

platform_description read_platform_file(const std::string& path) {
    name_list names;
    return read_platform(settings::read_yaml_file(path), names);
}

} // namespace iommulab::platforms
