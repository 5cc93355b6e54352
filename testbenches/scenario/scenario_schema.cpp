// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/scenario_schema.h"

#include "models/dma/random.h"
#include "platforms/data_files.h"
#include "platforms/platform_schema.h"
#include "platforms/settings/keys.h"
#include "platforms/settings/settings_units.h"
#include "testbenches/scenario/comparison.h"
#include "testbenches/scenario/software_schema.h"
#include "testbenches/scenario/story_schema.h"
#include "testbenches/scenario/sweep.h"
#include "traces/names.h"
#include "traces/number.h"
#include "traces/recording.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

namespace iommulab::scenarios {

using firmware::mapping;
using firmware::translation_kind;
using settings::bytes_text;
using settings::key;
using settings::node;
using settings::place;
using settings::schema;
using settings::section;
using settings::time_text;
using traces::hex;

using namespace settings::keys;

namespace {

constexpr std::uint64_t longest_run_ps = 3'600'000'000'000'000; // an hour: far beyond what can be simulated
constexpr std::uint64_t longest_latency_ps = 1'000'000'000'000; // a second: beyond any link
constexpr std::uint64_t most_source_id = 0xffffff;              // 24 bits of StreamID; PCIe segments and requesters fit
constexpr std::uint64_t usual_tables_bytes = 64 << 20;

const schema& map_schema() {
    static const schema s{"map",
                          "A range that the firmware maps before the master starts.",
                          {
                              bytes("iova", "first input address").needed(),
                              bytes("pa", "first physical address").needed(),
                              bytes("size", "how much").needed().from(1),
                              bytes("page", "the leaf size; without it the largest that the alignment allows"),
                              choice("permissions", "what the master may do", {"r", "w", "rw"}).otherwise("rw"),
                          }};
    return s;
}

const schema& link_schema() {
    static const schema s{
        "link",
        "What lies between a device and its IOMMU, as PCIe does: requests and write data share one direction, read "
        "data the other.",
        {
            rate("rate", "of each direction, line coding taken off; 0: no limit")
                .otherwise("0B/s")
                .to(1'000'000'000'000),
            bytes("overhead", "of a packet beside its data").otherwise("0B").to(4096),
            time("round_trip", "time of flight, both ways together").otherwise("0").to(longest_latency_ps),
        }};
    return s;
}

const schema& master_schema() {
    static const dma_parameters d;
    static const schema s{
        "master",
        "A device that does DMA.",
        {
            text("iommu", "what it sits behind; without it: the interconnect"),
            count("port", "of the IOMMU; masters may share one").otherwise("0"),
            count("source_id", "StreamID, requester id").otherwise("0").to(most_source_id),
            count("pasid", "SubstreamID; without it: none is sent").from(1).to(65535),
            choice("translation", "what the firmware sets up: `stage1` when there are maps, else `bypass`",
                   {"bypass", "stage1", "stage2", "nested"}),
            choice("granule", "of its page tables", {"4KiB", "16KiB", "64KiB"}).otherwise("4KiB"),
            list_of("map", "what it may reach", map_schema()),
            variant("traffic", "what it does", traffic_schemas()).needed(),
            time("start", "after the firmware is done").otherwise("0").to(longest_run_ps),
            time("interval", "least time from one request to the next; 0: as fast as the bus")
                .otherwise("0")
                .to(longest_run_ps),
            time("gap", "least time from the end of a request's last packet on the link to the next request")
                .otherwise("0")
                .to(longest_run_ps),
            map_of("link", "to the host", link_schema()),
            count("outstanding", "bursts under way at one time")
                .otherwise(std::to_string(d.outstanding))
                .from(1)
                .to(4096),
            bytes("burst", "longer requests are split at multiples of it")
                .otherwise(bytes_text(d.burst_bytes))
                .from(1)
                .to(1 << 20),
            flag("in_order", "responses keep the order of the requests").otherwise("false"),
            flag("posted_writes", "a write is done when it is accepted").otherwise("false"),
            count("requests", "ends after so many; 0: does not").otherwise("0"),
            bytes("bytes", "ends after so much; 0: does not").otherwise("0B"),
            choice("verify", "`shadow`: what it reads must be what it wrote there", {"none", "shadow"})
                .otherwise("none"),
            time("quantum", "mode `lt`: how far it may run ahead")
                .otherwise(time_text(d.quantum_ps))
                .to(longest_run_ps),
            flag("dmi", "mode `lt`: direct memory access where it is granted").otherwise("false"),
        }};
    return s;
}

const schema& invalidation_schema() {
    static const schema s{
        "invalidation",
        "The firmware invalidates a range of a master's translations, and waits until that is done, again and again.",
        {
            text("master", "whose").needed(),
            bytes("iova", "first input address").needed(),
            bytes("size", "of the range").needed().from(1),
            time("start", "after the firmware is done").otherwise("0").to(longest_run_ps),
            time("every", "from one to the next").needed().from(1).to(longest_run_ps),
            count("count", "how often; 0: until the masters have finished").otherwise("0"),
        }};
    return s;
}

const schema& recording_schema() {
    static const recording_description d;
    static const schema s{
        "recording",
        "What a real kernel did with its IOMMU, in motion: its tables, commands and accesses in their order, instead "
        "of masters "
        "and firmware. Every translation is checked.",
        {
            text("folder", "of the recording, relative to the scenario").needed(),
            text("iommu", "of the platform; without it the first"),
            count("outstanding", "accesses under way for a source")
                .otherwise(std::to_string(d.outstanding))
                .from(1)
                .to(4096),
            bytes("burst", "recorded accesses are cut into pieces of it")
                .otherwise(bytes_text(d.largest_burst_bytes))
                .from(64)
                .to(1 << 20),
            rate("link",
                 "how fast the devices behind a port ask for data; 0: as fast as their outstanding accesses allow")
                .otherwise("0B/s")
                .to(1'000'000'000'000),
        }};
    return s;
}

const schema& firmware_schema() {
    static const schema s{"firmware",
                          "Where the firmware has its page tables and queues.",
                          {
                              bytes("tables", "first address; without it: at the end of the first memory"),
                              bytes("tables_size", "how much").otherwise(bytes_text(usual_tables_bytes)).from(1 << 20),
                          }};
    return s;
}

const schema& limits_schema() {
    static const schema s{
        "limits",
        "When the run ends at the latest.",
        {
            time("time", "simulated, after the firmware is done; 0: no limit").otherwise("0").to(longest_run_ps),
        }};
    return s;
}

const schema& expect_schema() {
    static const schema s{"expect",
                          "What must be true at the end; the exit status is 1 when it is not.",
                          {
                              count("max_faults", "accesses that an IOMMU refused"),
                              count("min_faults", "accesses that an IOMMU refused"),
                              count("max_errors", "requests that a master got an error for"),
                              count("max_wrong_reads", "reads that `verify` found wrong"),
                              time("max_mean_latency", "of all accesses through IOMMUs"),
                              count("min_requests", "of all masters together"),
                          }};
    return s;
}

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
        read_firmware();
        std::uint64_t state = seed;
        for (const section::member& m : s_.members("masters"))
            read_master(m, splitmix64(state));
        for (const section::member& m : s_.members("invalidations"))
            read_invalidation(m);
        if (s_.has("recording"))
            read_recording(s_.child("recording"));
        else if (s_.has("software"))
            read_drivers(s_.child("software"));
        else if (out_.masters.empty())
            s_.where().fail("neither masters nor a recording nor software", "one of them");
        if (s_.has("expect"))
            read_expectations(s_.child("expect"));
    }

  private:
    void read_firmware() {
        const memory_range& first = out_.platform.memories.front().parameters.ranges.front();
        out_.tables_bytes = std::min(usual_tables_bytes, first.size_bytes / 4);
        const bool given = s_.has("firmware");
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
        if (!there && given)
            s_.where("firmware")
                .fail(bytes_text(out_.tables_bytes) + " for tables at " + hex(out_.tables_base), "a range of memory");
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
        d.requests = read_traffic(s.child("traffic"), seed);
        if (!d.requests.ends && p.max_requests == 0 && p.max_bytes == 0 && out_.limit_ps == 0)
            m.where.fail("master '" + m.name + "', which never ends", "requests, bytes, or limits: {time: ...}");
        place_master(s, d);
        read_maps(s, d);
        out_.masters.push_back(std::move(d));
    }

    void place_master(const section& s, master_description& d) {
        if (!s.has("iommu")) {
            for (const char* name : {"map", "translation", "port", "pasid"})
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
        for (const master_description& other : out_.masters)
            if (other.iommu == d.iommu && other.parameters.source_id == d.parameters.source_id &&
                other.parameters.pasid == d.parameters.pasid)
                s.where("source_id")
                    .fail("source " + hex(d.parameters.source_id) + " for '" + d.name + "', which '" + other.name +
                              "' has too",
                          "a source_id (or pasid) of its own");
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
        for (const section::member& m : s.members("map")) {
            const section& v = *m.value;
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
                if (out.iova < other.iova + other.size_bytes && other.iova < out.iova + out.size_bytes)
                    v.where("iova").fail("range " + hex(out.iova) + " to " + hex(out.iova + out.size_bytes - 1) +
                                             ", which overlaps " + hex(other.iova) + " to " +
                                             hex(other.iova + other.size_bytes - 1) + " of the same master",
                                         "ranges that do not overlap");
            if (out.address < out_.tables_base + out_.tables_bytes && out_.tables_base < out.address + out.size_bytes)
                v.where("pa").fail("range " + hex(out.address) + " to " + hex(out.address + out.size_bytes - 1) +
                                       ", which overlaps the firmware's tables at " + hex(out_.tables_base) + " to " +
                                       hex(out_.tables_base + out_.tables_bytes - 1),
                                   "memory of its own");
            d.maps.push_back(out);
        }
        d.translation = s.has("translation") ? kinds[s.number("translation")]
                                             : (d.maps.empty() ? translation_kind::bypass : translation_kind::stage1);
        if (d.translation == translation_kind::bypass && !d.maps.empty())
            s.where("translation").fail("bypass with maps", "another translation, or no map");
    }

    void read_invalidation(const section::member& m) {
        const section& s = *m.value;
        names_.take(m.name, "an invalidation", m.where);
        invalidation_description d{m.name,           s.text("master"),  s.number("iova"),
                                   s.number("size"), s.number("start"), s.number("every"),
                                   s.number("count")};
        std::vector<std::string> translated;
        for (const master_description& master : out_.masters)
            if (master.translation != translation_kind::bypass)
                translated.push_back(master.name);
        if (std::find(translated.begin(), translated.end(), d.master) == translated.end())
            s.where("master").fail(iommulab::quoted(d.master) + " for master",
                                   "a master with a map: " + one_of(d.master, translated));
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
};

} // namespace

const schema& scenario_schema() {
    static const schema s{
        "scenario",
        "One file of `testbenches/scenarios/`, or your own: `iommulab run FILE`.",
        {
            text("description", "for people"),
            elsewhere("platform", "the name of a platform's file, or the map itself: [platform](#platform)").needed(),
            choice("mode", "cycle-approximate, or loosely timed", {"at", "lt"}).otherwise("at"),
            count("seed", "of everything random").otherwise("1"),
            map_of("limits", "when it ends", limits_schema()),
            map_of("firmware", "its memory", firmware_schema()),
            named("masters", "by name", master_schema()),
            named("invalidations", "by name", invalidation_schema()),
            map_of("recording", "instead of masters", recording_schema()),
            map_of("software", "instead of masters", software_schema()),
            map_of("expect", "what must be true at the end", expect_schema()),
        }};
    return s;
}

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
    const section s(root, scenario_schema());
    scenario out;
    out.file = path;
    out.name = std::filesystem::path(path).stem().string();
    platforms::name_list names;
    for (const char* taken : {"bus", "cpu"})
        names.take(taken, "a part of every platform", s.where());
    out.platform = platforms::read_platform(*root.find("platform"), names);
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
    for (sweep::curve& c : swept->curves)
        for (const std::string& value : swept->values) {
            read_options point = options;
            // the command line has the last word, but for what is varied
            point.overrides.insert(point.overrides.begin(), c.settings.begin(), c.settings.end());
            point.overrides.push_back(swept->vary + '=' + value);
            c.points.push_back(read_scenario_tree(base, path, point));
            check_measurable(*swept, c.points.back(), root.find("sweep")->where);
        }
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

std::string scenario_reference() {
    return "# Scenarios and platforms\n\n"
           "Generated by `iommulab reference` from the declarations that the program reads with; a test keeps it "
           "so.\n\n"
           "Numbers are decimal or hexadecimal (`0x...`). Bytes and addresses may have a unit: `B`, `KiB`, `MiB`, "
           "`GiB`, `TiB`. "
           "Times have one: `ps`, `ns`, `us`, `ms`, `s`. Names are letters, digits and underscores, and stand for one "
           "thing in a "
           "scenario. `--set KEY=VALUE` of the command line replaces a value: `--set masters.nic.outstanding=4`.\n\n" +
           settings::reference({&scenario_schema(), &platforms::platform_schema(), &sweep_schema(),
                                &comparison_schema(), &story_schema()});
}

} // namespace iommulab::scenarios
