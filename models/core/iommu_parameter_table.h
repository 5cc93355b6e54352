// SPDX-License-Identifier: Apache-2.0
// The declarations of the parameters that every IOMMU has. Only for the files in which a model declares its own.
#pragma once

#include "models/core/bit_field.h"
#include "models/core/iommu_parameters.h"

#include <deque>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace iommulab {

namespace detail {

/// A name that lives as long as the program.
inline const char* keep(std::string text) {
    static std::deque<std::string> kept;
    return kept.emplace_back(std::move(text)).c_str();
}

} // namespace detail

/// Declares the six parameters of the cache that `get(Struct&)` refers to: name.entries, name.ways, ...
template <class Struct, class Get>
void declare_cache(std::vector<parameter<Struct>>& table, const std::string& name, Get get, const char* source) {
    const auto add = [&](const char* part, const char* unit, auto member, std::uint64_t least, std::uint64_t most,
                         std::vector<std::string_view> choices = {}) {
        table.push_back(
            {detail::keep(name + "." + part), unit, least, most, source,
             [get, member](const Struct& s) { return static_cast<std::uint64_t>(get(const_cast<Struct&>(s)).*member); },
             [get, member](Struct& s, std::uint64_t v) {
                 auto& field = get(s).*member;
                 field = static_cast<std::remove_reference_t<decltype(field)>>(v);
             },
             std::move(choices)});
    };
    add("entries", "entries", &cache_parameters::entries, 0, 65536);
    add("ways", "ways", &cache_parameters::ways, 0, 64);
    add("policy", "choice", &cache_parameters::policy, 0, 3, {"lru", "pseudo_lru", "round_robin", "random"});
    add("latency_cycles", "cycles", &cache_parameters::latency_cycles, 0, 1000);
    add("initiation_cycles", "cycles", &cache_parameters::initiation_cycles, 1, 1000);
    add("ports", "ports", &cache_parameters::ports, 1, 64);
}

/// Declares a field of a register that is a parameter: `word(Struct&)` refers to the register.
template <class Struct, class Word>
void declare_field(std::vector<parameter<Struct>>& table, const char* name, Word word, const bit_field& field,
                   const char* source) {
    table.push_back({name, "1", 0, field.mask(), source,
                     [word, field](const Struct& s) { return field.of(word(const_cast<Struct&>(s))); },
                     [word, field](Struct& s, std::uint64_t v) {
                         auto& whole = word(s);
                         whole = static_cast<std::remove_reference_t<decltype(whole)>>(field.put(whole, v));
                     }});
}

/// The parameters of a preset; throws parameter_error that lists the presets when there is no such name.
template <class Struct>
Struct parameters_of_preset(std::span<const parameter<Struct>> table, std::span<const preset> presets,
                            std::string_view name) {
    std::string names;
    for (const preset& p : presets) {
        if (name == p.name) {
            Struct result;
            apply(table, result, p);
            return result;
        }
        names += names.empty() ? p.name : std::string(", ") + p.name;
    }
    throw parameter_error("preset: found " + std::string(name) + ", expected one of " + names);
}

template <class Struct>
std::vector<parameter<Struct>> declare_iommu_parameters() {
    using p = iommu_parameters;
    std::vector<parameter<Struct>> t;
    const auto add = [&](const char* name, const char* unit, auto p::*member, std::uint64_t least, std::uint64_t most,
                         const char* source, std::vector<std::string_view> choices = {}) {
        t.push_back(declare<Struct, p>(name, unit, member, least, most, source, std::move(choices)));
    };
    add("clock_period_ps", "ps", &p::clock_period_ps, 1, 1'000'000, "assumption: 1 GHz");
    add("port_outstanding", "accesses", &p::port_outstanding, 1, 4096, "assumption");
    add("port_reads", "accesses", &p::port_reads, 0, 4096,
        "assumption: 0, as many as port_outstanding; of these, how many may be reads");
    add("port_accept_cycles", "cycles", &p::port_accept_cycles, 1, 1000, "assumption: one look-up a cycle");
    add("order", "choice", &p::order, 0, 1,
        "assumption: in order; PCIe Base 2.4 asks for it within a requester's posted writes",
        {"in_order", "per_requester"});
    declare_cache(
        t, "micro_tlb", [](Struct& s) -> cache_parameters& { return s.micro_tlb; }, "assumption");
    declare_cache(
        t, "tlb", [](Struct& s) -> cache_parameters& { return s.tlb; }, "assumption");
    add("tlb_reserves", "1", &p::tlb_reserves, 0, 1,
        "assumption: 0, a walk takes its entry of the TLB when it ends; 1: when it begins");
    add("request_cycles", "cycles", &p::request_cycles, 0, 10000, "assumption; from a port to the shared part");
    add("walkers", "walkers", &p::walkers, 1, 4096, "assumption");
    add("walker_release_cycles", "cycles", &p::walker_release_cycles, 0, 10000,
        "assumption: none; from a walk's answer until its walker takes the next");
    add("blocking_misses", "1", &p::blocking_misses, 0, 1,
        "assumption: 0; 1: a miss without a walker holds up the look-ups behind it");
    add("read_retry_cycles", "cycles", &p::read_retry_cycles, 0, 10000,
        "assumption: 0, a read that finds no walker queues for one; else it looks up again after so long");
    add("table_outstanding", "reads", &p::table_outstanding, 1, 4096, "assumption: as many as walkers");
    add("register_cycles", "cycles", &p::register_cycles, 0, 10000, "assumption: an access on a peripheral bus");
    add("posted_writes", "writes", &p::posted_writes, 0, 64,
        "assumption: none; register writes that a bridge holds while the writer goes on, until a read pushes them");
    add("response_cycles", "cycles", &p::response_cycles, 0, 10000, "assumption: one register stage");
    add("stall_entries", "accesses", &p::stall_entries, 0, 4096, "assumption");
    add("invalidate_cycles", "cycles", &p::invalidate_cycles, 0, 100000, "assumption: one pass over a set of ways");
    add("dmi_run_pages", "pages", &p::dmi_run_pages, 0, 65536,
        "host speed alone: how far a direct memory pointer looks for neighbours");
    return t;
}

/// Says where the default of an engine's parameter comes from in a model whose default is another. `name` may be that
/// of a cache ("tlb"): all its parameters. Throws std::logic_error for a name that there is not.
template <class Struct>
void default_comes_from(std::vector<parameter<Struct>>& table, std::string_view name, const char* source) {
    bool found = false;
    for (parameter<Struct>& p : table) {
        const std::string_view known = p.name;
        if (known == name || (known.starts_with(name) && known.substr(name.size()).starts_with('.'))) {
            p.source = source;
            found = true;
        }
    }
    if (!found)
        throw std::logic_error("no engine parameter " + std::string(name));
}

} // namespace iommulab
