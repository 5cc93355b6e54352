// SPDX-License-Identifier: Apache-2.0
#include "models/dma/random.h"
#include "platforms/data_files.h"
#include "platforms/platform_schema.h"
#include "platforms/settings/error_list.h"
#include "platforms/settings/keys.h"
#include "platforms/settings/settings_units.h"
#include "testbenches/iommu_testbench.h"
#include "testbenches/scenario/comparison.h"
#include "testbenches/scenario/scenario_schema.h"
#include "testbenches/scenario/shared_spaces.h"
#include "testbenches/scenario/software_schema.h"
#include "testbenches/scenario/story_schema.h"
#include "testbenches/scenario/sweep.h"
#include "testbenches/scenario/warnings.h"
#include "traces/names.h"
#include "traces/number.h"
#include "traces/recording.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

namespace iommulab::scenarios {

using firmware::mapping;
using firmware::translation_kind;
using settings::bytes_text;
using settings::node;
using settings::place;
using settings::schema;
using settings::section;
using traces::hex;

using namespace settings::keys;

namespace {

constexpr std::uint64_t most_pages = 16 << 20; // of a map: what tables of 128 MiB hold
constexpr std::uint64_t largest_usual_block = 2 << 20;

/// Puts the file that `platform` names in its place.
void expand_platform(node& root, const std::string& scenario_file) {
    for (auto& [name, value] : root.members)
        if (name.text == "platform" && value.is == node::kind::scalar) {
            const std::string path = platforms::find_beside(scenario_file, value.text, "platforms");
            if (!std::filesystem::exists(path))
                value.where.fail("no file " + iommulab::quoted(value.text),
                                 platforms::expected_file("platforms", value.text, "the name of a platform's file") +
                                     ", or a map");
            value = settings::read_yaml_file(path);
        }
}

class reader {
  public:
    reader(const section& s, scenario& into, platforms::name_list& names) : s_(s), out_(into), names_(names) {}

    void read(std::uint64_t seed) {
        out_.text = s_.text("description");
        out_.mode = s_.text("mode") == "lt" ? simulation_mode::loosely_timed : simulation_mode::cycle_approximate;
        out_.seed = seed;
        if (s_.has("limits"))
            out_.limit_ps = s_.child("limits").number("time");
        errors_.keep([&] { read_firmware(); });
        std::uint64_t state = seed;
        for (const section::member& m : s_.members("masters"))
            errors_.keep([&] { read_master(m, splitmix64(state)); });
        const bool complete = errors_.empty();
        if (complete)
            errors_.keep([&] { share_spaces(out_.masters); });
        for (const section::member& m : s_.members("invalidations"))
            errors_.keep([&] { read_invalidation(m, complete); });
        if (s_.has("recording"))
            errors_.keep([&] { read_recording(s_.child("recording")); });
        else if (s_.has("software"))
            errors_.keep([&] { read_drivers(s_.child("software")); });
        else if (s_.members("masters").empty())
            errors_.keep([&] { s_.where().fail("neither masters nor a recording nor software", "one of them"); });
        if (s_.has("expect"))
            read_expectations(s_.child("expect"));
        errors_.raise();
        warn_of_ignored_settings(s_, out_);
        warn_of_addresses(out_);
    }

  private:
    void read_firmware() {
        const memory_range& first = out_.platform.memories.front().parameters.ranges.front();
        out_.tables_bytes = std::min(usual_tables_bytes, first.size_bytes / 4);
        const bool given = s_.has("firmware");
        out_.where_tables = given ? s_.where("firmware") : s_.where();
        if (given && s_.child("firmware").has("tables_size"))
            out_.tables_bytes = s_.child("firmware").number("tables_size");
        if (given && s_.child("firmware").has("tables")) {
            out_.tables_base = s_.child("firmware").number("tables");
            if (out_.tables_base % 65536 != 0)
                s_.child("firmware").where("tables").fail(hex(out_.tables_base), "a multiple of 64KiB");
        } else {
            out_.tables_base =
                (first.base + first.size_bytes - std::min(out_.tables_bytes, first.size_bytes)) / 65536 * 65536;
        }
        const auto holds = [&](const memory_range& r) {
            return out_.tables_base >= r.base && out_.tables_base - r.base < r.size_bytes &&
                   out_.tables_bytes <= r.size_bytes - (out_.tables_base - r.base);
        };
        bool there = false;
        for (const auto& m : out_.platform.memories)
            there |= std::any_of(m.parameters.ranges.begin(), m.parameters.ranges.end(), holds);
        // a recording has its own memory, and without an IOMMU there is nothing to set up
        if (!there && (given || (!s_.has("recording") && !out_.platform.iommus.empty())))
            out_.where_tables.fail(bytes_text(out_.tables_bytes) + " for tables at " + hex(out_.tables_base),
                                   "a range of memory");
    }

    void read_master(const section::member& m, std::uint64_t seed) {
        const section& s = *m.value;
        names_.take(m.name, "a master", m.where);
        master_description d;
        d.name = m.name;
        d.start_ps = s.number("start");
        dma_parameters& p = d.parameters;
        p.loosely_timed = out_.mode == simulation_mode::loosely_timed;
        p.source_id = static_cast<std::uint32_t>(s.number("source_id"));
        if (s.has("pasid"))
            p.pasid = static_cast<std::uint32_t>(s.number("pasid"));
        p.issue_interval_ps = s.number("interval");
        p.gap_ps = s.number("gap");
        if (s.has("link")) {
            const section& link = s.child("link");
            p.link = {link.number("rate"), static_cast<std::uint32_t>(link.number("overhead")),
                      link.number("round_trip")};
        }
        p.outstanding = static_cast<std::uint32_t>(s.number("outstanding"));
        p.burst_bytes = static_cast<std::uint32_t>(s.number("burst"));
        p.in_order = s.flag("in_order");
        p.posted_writes = s.flag("posted_writes");
        p.max_requests = s.number("requests");
        p.max_bytes = s.number("bytes");
        p.quantum_ps = s.number("quantum");
        p.use_dmi = s.flag("dmi");
        p.verify = s.text("verify") == "shadow" ? verification::shadow : verification::none;
        p.seed = seed;
        d.where = {m.where,           s.where("iommu"),       s.where("source_id"),
                   s.where("pasid"),  s.where("translation"), s.where("granule"),
                   s.where("levels"), s.where("traffic"),     {}};
        settings::error_list errors;
        errors.keep([&] { d.requests = read_traffic(s.child("traffic"), seed); });
        errors.keep([&] {
            if (s.child("traffic").declaration().title != "trace" && p.max_requests == 0 && p.max_bytes == 0 &&
                out_.limit_ps == 0)
                m.where.fail("master '" + m.name + "', which never ends", "requests, bytes, or limits: {time: ...}");
        });
        errors.keep([&] { place_master(s, d); });
        errors.keep([&] { read_maps(s, d); });
        errors.raise();
        out_.masters.push_back(std::move(d));
    }

    void place_master(const section& s, master_description& d) {
        if (!s.has("iommu")) {
            for (const char* name : {"map", "translation", "port", "pasid", "levels"})
                if (s.has(name))
                    s.where(name).fail("'" + std::string(name) + "' of a master without an IOMMU",
                                       "the key iommu, or no such key");
            return;
        }
        d.iommu = s.text("iommu");
        d.port = static_cast<unsigned>(s.number("port"));
        const platforms::iommu_description& i = find_iommu(d.iommu, s.where("iommu"));
        if (s.number("port") >= i.ports)
            s.where("port").fail("port " + std::to_string(s.number("port")) + " of '" + i.name + "'",
                                 "a port below " + std::to_string(i.ports));
        platforms::check_source_id(i, d.parameters.source_id, s.where("source_id"));
        if (const iommu_testbench* known = find_iommu_testbench(i.model); !known || !known->make_firmware)
            s.where("iommu").fail("'" + i.name + "' of the model " + i.model + ", for which there is no firmware",
                                  "an IOMMU with one, or software: {...}");
    }

    const platforms::iommu_description& find_iommu(const std::string& name, const place& where) {
        std::vector<std::string> names;
        for (const auto& i : out_.platform.iommus) {
            if (i.name == name)
                return i;
            names.push_back(i.name);
        }
        where.fail("unknown IOMMU " + iommulab::quoted(name), one_of(name, names));
    }

    void read_maps(const section& s, master_description& d) {
        constexpr std::array<unsigned, 3> granules{12, 14, 16};
        constexpr std::array kinds{translation_kind::bypass, translation_kind::stage1, translation_kind::stage2,
                                   translation_kind::nested};
        d.granule_log2 = granules[s.number("granule")];
        const std::uint64_t granule = std::uint64_t{1} << d.granule_log2;
        d.levels = static_cast<unsigned>(s.number("levels"));
        settings::error_list errors;
        for (const section::member& m : s.members("map"))
            errors.keep([&] { read_map(*m.value, granule, d); });
        errors.raise();
        d.says_translation = s.has("translation");
        d.translation = s.has("translation") ? kinds[s.number("translation")]
                                             : (d.maps.empty() ? translation_kind::bypass : translation_kind::stage1);
        if (d.translation == translation_kind::bypass && !d.maps.empty())
            s.where("translation").fail("bypass with maps", "another translation, or no map");
    }

    void read_map(const section& v, std::uint64_t granule, master_description& d) {
        mapping out{v.number("iova"),
                    v.number("pa"),
                    v.number("size"),
                    v.number("page"),
                    v.text("permissions") != "w",
                    v.text("permissions") != "r"};
        const std::uint64_t page = out.page_bytes == 0 ? granule : out.page_bytes;
        if ((page & (page - 1)) != 0 || page < granule)
            v.where("page").fail(bytes_text(page) + " for page",
                                 "a power of two from the granule " + bytes_text(granule));
        for (const char* name : {"iova", "pa", "size"})
            if (v.number(name) % page != 0)
                v.where(name).fail(v.written(name) + " for " + name, "a multiple of " + bytes_text(page));
        if (out.iova + (out.size_bytes - 1) < out.iova || out.address + (out.size_bytes - 1) < out.address)
            v.where("size").fail(v.written("size") + " for size", "a range within 64 address bits");
        for (const mapping& other : d.maps)
            if (overlap(out, other))
                v.where("iova").fail("range " + range_text(out) + ", which overlaps " + range_text(other) +
                                         " of the same master",
                                     "ranges that do not overlap");
        if (out.address < out_.tables_base + out_.tables_bytes && out_.tables_base < out.address + out.size_bytes)
            v.where("pa").fail("range " + hex(out.address) + " to " + hex(out.address + out.size_bytes - 1) +
                                   ", which overlaps the firmware's tables at " + hex(out_.tables_base) + " to " +
                                   hex(out_.tables_base + out_.tables_bytes - 1),
                               "memory of its own");
        // entries of tables: what is mapped linearly has blocks in its middle
        const std::uint64_t alike = (out.iova ^ out.address) | largest_usual_block;
        const std::uint64_t entry = out.page_bytes != 0 ? page : std::max(granule, alike & (~alike + 1));
        if (out.size_bytes / entry > most_pages)
            v.where("size").fail(std::to_string(out.size_bytes / entry) + " pages of " + bytes_text(entry),
                                 "at most " + std::to_string(most_pages));
        d.maps.push_back(out);
        d.where.maps.emplace_back(v.where(out.page_bytes == 0 ? "iova" : "page"), v.where("pa"));
    }

    void read_invalidation(const section::member& m, bool masters_complete) {
        const section& s = *m.value;
        names_.take(m.name, "an invalidation", m.where);
        invalidation_description d{m.name,           s.text("master"),  s.number("iova"),
                                   s.number("size"), s.number("start"), s.number("every"),
                                   s.number("count")};
        std::vector<std::string> translated;
        for (const master_description& master : out_.masters)
            if (master.translation != translation_kind::bypass)
                translated.push_back(master.name);
        if (masters_complete && std::find(translated.begin(), translated.end(), d.master) == translated.end())
            s.where("master").fail(iommulab::quoted(d.master) + " for master",
                                   "a master with a map: " + one_of(d.master, translated));
        if (d.iova + (d.size_bytes - 1) < d.iova)
            s.where("size").fail(s.written("size") + " for size", "a range within 64 address bits");
        out_.invalidations.push_back(d);
    }

    void read_recording(const section& s) {
        for (const char* name : {"masters", "invalidations", "firmware", "limits", "software"})
            if (s_.has(name))
                s_.where(name).fail("'" + std::string(name) + "' beside a recording", "a recording alone");
        if (out_.platform.iommus.empty())
            s.where().fail("a platform without an IOMMU", "one for the recording");
        recording_description d;
        d.iommu =
            s.has("iommu") ? find_iommu(s.text("iommu"), s.where("iommu")).name : out_.platform.iommus.front().name;
        d.folder = platforms::find_beside(out_.file, s.text("folder"), "traces");
        d.outstanding = static_cast<unsigned>(s.number("outstanding"));
        d.largest_burst_bytes = s.number("burst");
        d.link_bytes_per_second = s.number("link");
        if (!std::filesystem::is_directory(d.folder))
            s.where("folder").fail("no folder " + iommulab::quoted(s.text("folder")), "the folder of a recording");
        const traces::recording record = traces::read_recording(d.folder);
        if (const iommu_testbench* known = find_iommu_testbench(record.iommu); !known || !known->make_dialect)
            s.where("folder").fail("a recording of " + record.iommu,
                                   "one of an IOMMU whose recordings can be replayed");
        const auto& unit = find_iommu(d.iommu, s.where());
        if (platforms::find_iommu_model(record.iommu) != platforms::find_iommu_model(unit.model))
            s.where("folder").fail("a recording of " + record.iommu,
                                   "one of the model of '" + unit.name + "', " + unit.model);
        out_.recording = d;
    }

    void read_drivers(const section& s) {
        for (const char* name : {"masters", "invalidations", "limits"})
            if (s_.has(name))
                s_.where(name).fail("'" + std::string(name) + "' beside software", "software alone");
        out_.software = read_software(s, out_.platform, out_.tables_base, out_.tables_bytes);
        for (const software_device& d : out_.software->devices)
            for (unsigned n = 0; n < d.count; ++n)
                names_.take(d.count == 1 ? d.name : d.name + std::to_string(n), "a device", s.where());
    }

    void read_expectations(const section& s) {
        const auto limit = [&](const char* name) -> std::optional<std::uint64_t> {
            return s.has(name) ? std::optional(s.number(name)) : std::nullopt;
        };
        out_.expected = {limit("max_faults"),      limit("min_faults"),       limit("max_errors"),
                         limit("max_wrong_reads"), limit("max_mean_latency"), limit("min_requests")};
    }

    const section& s_;
    scenario& out_;
    platforms::name_list& names_;
    settings::error_list errors_;
};

} // namespace

namespace {

scenario read_scenario_tree(node root, const std::string& path, const read_options& options) {
    if (is_story(root)) {
        for (const std::string& o : options.overrides)
            settings::override_value(root, o);
        auto told = std::make_shared<const story>(read_story(root, path));
        scenario out;
        out.file = path;
        out.name = told->name;
        out.text = told->text;
        out.told = std::move(told);
        return out;
    }
    expand_platform(root, path);
    for (const std::string& o : options.overrides) {
        settings::override_value(root, o);
        expand_platform(root, path); // an override may name another platform, and the next one change it
    }
    scenario out;
    out.file = path;
    out.name = std::filesystem::path(path).stem().string();
    platforms::name_list names;
    for (const char* taken : {"bus", "cpu"})
        names.take(taken, "a part of every platform", root.where);
    settings::error_list errors;
    std::optional<section> read;
    errors.keep([&] { read.emplace(root, scenario_schema()); });
    if (const node* platform = root.find("platform"); platform && platform->is == node::kind::map)
        errors.keep([&] { out.platform = platforms::read_platform(*platform, names); });
    errors.raise();
    const section& s = *read;
    reader(s, out, names).read(options.seed.value_or(s.number("seed")));
    return out;
}

/// A scenario that says nothing but what is compared.
scenario read_compared(node root, const std::string& path, const read_options& options) {
    for (const std::string& o : options.overrides)
        settings::override_value(root, o);
    static const schema around{
        "scenario", "", {text("description", ""), count("seed", "").otherwise("1"), elsewhere("compare", "")}};
    const section s(root, around);
    auto compared = std::make_shared<comparison>(read_comparison(*root.find("compare"), path));
    compared->seed = options.seed.value_or(s.number("seed"));
    scenario out;
    out.file = path;
    out.name = std::filesystem::path(path).stem().string();
    out.text = s.text("description");
    out.compared = std::move(compared);
    return out;
}

scenario read_sweep(const node& root, const std::string& path, const read_options& options) {
    scenario out;
    out.file = path;
    out.name = std::filesystem::path(path).stem().string();
    if (const node* text = root.find("description"))
        out.text = text->text;
    auto swept = std::make_shared<sweep>(read_sweep_keys(*root.find("sweep")));
    node base = root;
    std::erase_if(base.members, [](const auto& m) { return m.first.text == "sweep"; });
    settings::error_list errors;
    for (sweep::curve& c : swept->curves)
        for (const std::string& value : swept->values)
            errors.keep([&] {
                read_options point = options;
                // the command line has the last word, but for what is varied
                point.overrides.insert(point.overrides.begin(), c.settings.begin(), c.settings.end());
                point.overrides.push_back(swept->vary + '=' + value);
                c.points.push_back(read_scenario_tree(base, path, point));
                check_measurable(*swept, c.points.back(), root.find("sweep")->where);
                for (const std::string& w : c.points.back().warnings)
                    if (std::find(out.warnings.begin(), out.warnings.end(), w) == out.warnings.end())
                        out.warnings.push_back(w);
            });
    errors.raise();
    out.swept = std::move(swept);
    return out;
}

} // namespace

scenario read_scenario(const std::string& path, const read_options& options) {
    node root = settings::read_yaml_file(path);
    if (root.find("compare"))
        return read_compared(std::move(root), path, options);
    if (!root.find("sweep"))
        return read_scenario_tree(std::move(root), path, options);
    read_options others = options;
    std::erase_if(others.overrides, [&](const std::string& o) {
        const bool about_sweep = settings::override_subject(o) == "sweep";
        if (about_sweep)
            settings::override_value(root, o);
        return about_sweep;
    });
    return read_sweep(root, path, others);
}

} // namespace iommulab::scenarios
