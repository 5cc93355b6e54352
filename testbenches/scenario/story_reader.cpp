// SPDX-License-Identifier: Apache-2.0
#include "platforms/platform_schema.h"
#include "platforms/settings/settings_units.h"
#include "sw/iommu/core_failures.h"
#include "testbenches/scenario/story_schema.h"
#include "traces/names.h"
#include "traces/number.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

namespace iommulab::scenarios {

using settings::node;
using settings::place;
using settings::schema;
using settings::section;
using traces::hex;

namespace {

constexpr std::uint64_t first_registers = 0x09000000, registers_spacing = 0x100000;

[[noreturn]] void unknown(const place& where, const std::string& what, const std::string& name,
                          const std::vector<std::string>& names) {
    where.fail("unknown " + what + " " + iommulab::quoted(name), one_of(name, names));
}

std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> all(1);
    for (const char c : text) {
        if (c != ' ' && c != ',')
            all.back() += c;
        else if (!all.back().empty())
            all.emplace_back();
    }
    if (all.back().empty())
        all.pop_back();
    return all;
}

node scalar(const std::string& text, const place& where) {
    node n;
    n.is = node::kind::scalar;
    n.where = where;
    n.text = text;
    return n;
}
node empty_map(const place& where) {
    node n;
    n.is = node::kind::map;
    n.where = where;
    return n;
}
void put(node& map, const std::string& key, node value) {
    map.members.emplace_back(scalar(key, value.where), std::move(value));
}

/// The platform that a story's IOMMUs sit on, as a platform's file would have it: so it is read and checked as one.
node platform_of(const node& root) {
    node platform = empty_map(root.where);
    node range = empty_map(root.where);
    put(range, "base", scalar(std::to_string(story_memory), root.where));
    put(range, "size", scalar(std::to_string(story_memory_bytes), root.where));
    node ranges;
    ranges.is = node::kind::list;
    ranges.where = root.where;
    ranges.elements.push_back(std::move(range));
    node memory = empty_map(root.where), memories = empty_map(root.where);
    put(memory, "ranges", std::move(ranges));
    put(memories, "memory", std::move(memory));
    put(platform, "memories", std::move(memories));
    node units = empty_map(root.where);
    std::uint64_t registers = first_registers;
    for (const auto& [name, said] : root.find("iommus")->members) {
        node unit = empty_map(said.where);
        if (!said.find("model"))
            put(unit, "model", scalar(platforms::iommu_models().front()->name(), said.where));
        for (const auto& [key, value] : said.members)
            if (key.text == "model" || key.text == "preset" || key.text == "parameters")
                unit.members.emplace_back(key, value);
        put(unit, "registers", scalar(std::to_string(registers), said.where));
        registers += registers_spacing;
        units.members.emplace_back(name, std::move(unit));
    }
    put(platform, "iommus", std::move(units));
    return platform;
}

const schema& properties_schema(const sw::driver_description& d) {
    static std::map<std::string, schema> all;
    const auto [at, fresh] = all.try_emplace(d.name);
    if (fresh) {
        at->second.title = std::string("properties of ") + d.name;
        for (const sw::driver_property& p : d.properties)
            at->second.keys.push_back({.name = p.name,
                                       .kind = settings::value_kind::number,
                                       .help = p.text,
                                       .minimum = p.minimum,
                                       .maximum = p.maximum});
    }
    return at->second;
}

struct action_name {
    story_action action;
    const char* key;
};
constexpr action_name actions[] = {
    {story_action::domain, "domain"},
    {story_action::free, "free"},
    {story_action::attach, "attach"},
    {story_action::detach, "detach"},
    {story_action::map, "map"},
    {story_action::unmap, "unmap"},
    {story_action::translate, "translate"},
    {story_action::dma, "dma"},
    {story_action::inject, "inject"},
    {story_action::claim, "claim"},
    {story_action::release, "release"},
    {story_action::use, "use"},
    {story_action::unuse, "unuse"},
    {story_action::exhaust, "exhaust"},
    {story_action::feature, "feature"},
    {story_action::default_domain, "default_domain"},
    {story_action::probe, "probe"},
    {story_action::remove, "remove"},
    {story_action::take, "take"},
    {story_action::leave, "leave"},
};

class reader {
  public:
    reader(const section& s, story& into) : s_(s), out_(into) {}

    void read(const node& root) {
        out_.text = s_.text("description");
        read_rules();
        out_.machine.mode =
            s_.text("mode") == "lt" ? simulation_mode::loosely_timed : simulation_mode::cycle_approximate;
        if (s_.has("kernel")) {
            constexpr unsigned shifts[] = {12, 14, 16};
            constexpr sw::domain_type types[] = {sw::domain_type::dma, sw::domain_type::dma_fq,
                                                 sw::domain_type::identity};
            out_.machine.kernel.page_shift = shifts[s_.child("kernel").number("page_size")];
            out_.machine.core.default_domain = types[s_.child("kernel").number("default_domain")];
        }
        out_.machine.kernel_memory_base = story_memory;
        out_.machine.kernel_memory_bytes = story_kernel_bytes;
        names_.take("cpus", "a part of every machine", s_.where());
        read_units(root);
        for (const section::member& m : s_.members("devices"))
            read_device(m);
        for (const section::member& m : s_.members("spaces"))
            read_space(m);
        for (const section::member& m : s_.members("operations"))
            read_operation(*m.value);
    }

  private:
    void read_rules() {
        std::vector<std::string> names{"all"};
        for (const sw::rule_set r : sw::all_rule_sets)
            names.emplace_back(name_of(r));
        for (const std::string& word : words(s_.text("rules"))) {
            if (word == "all") {
                out_.rules.assign(sw::all_rule_sets.begin(), sw::all_rule_sets.end());
                return;
            }
            const auto rules = sw::rule_set_named(word);
            if (!rules)
                unknown(s_.where("rules"), "set of rules", word, names);
            if (std::find(out_.rules.begin(), out_.rules.end(), *rules) == out_.rules.end())
                out_.rules.push_back(*rules);
        }
        if (out_.rules.empty())
            s_.where("rules").fail("no set of rules", one_of("", names));
    }

    void read_units(const node& root) {
        if (s_.members("iommus").empty())
            s_.where("iommus").fail("no IOMMU", "at least one");
        out_.machine.platform = platforms::read_platform(platform_of(root), names_);
        for (std::size_t n = 0; n < s_.members("iommus").size(); ++n) {
            const section& u = *s_.members("iommus")[n].value;
            const platforms::iommu_description& unit = out_.machine.platform.iommus[n];
            const sw::driver_description* const driver = sw::driver_for_model(unit.model);
            if (!driver)
                u.where("model").fail("model " + iommulab::quoted(unit.model) + ", which has no driver",
                                      "a model with a driver");
            sw::instance_firmware f;
            f.name = unit.name;
            f.dma_coherent = u.flag("coherent");
            const section properties = u.declared("properties", properties_schema(*driver));
            for (const sw::driver_property& p : driver->properties)
                if (properties.has(p.name))
                    f.properties[p.name] = properties.number(p.name);
            out_.machine.firmware.push_back(std::move(f));
            units_.push_back(unit.name);
            drivers_.insert(driver);
        }
    }

    std::vector<std::uint32_t> source_ids(const section& d) {
        if (!d.has("source_ids"))
            return {++last_source_};
        std::vector<std::uint32_t> ids;
        if (d.text("source_ids") == "none")
            return ids; // behind the IOMMU, but firmware gives no id
        for (const std::string& word : words(d.text("source_ids"))) {
            const bool hexadecimal = word.starts_with("0x");
            const char* const end = word.data() + word.size();
            std::uint32_t id = 0;
            const auto r = std::from_chars(word.data() + (hexadecimal ? 2 : 0), end, id, hexadecimal ? 16 : 10);
            if (r.ec != std::errc() || r.ptr != end)
                d.where("source_ids")
                    .fail(iommulab::quoted(word) + " for a source id", "numbers below 2^32, apart by blanks");
            ids.push_back(id);
        }
        if (ids.empty())
            d.where("source_ids").fail("no source id", "at least one, none, or no such key");
        last_source_ = ids.back();
        return ids;
    }

    void read_device(const section::member& m) {
        const section& d = *m.value;
        names_.take(m.name, "a device", m.where);
        sw::device_description out;
        out.name = m.name;
        if (d.has("iommu")) {
            const std::string& unit = d.text("iommu");
            if (std::find(units_.begin(), units_.end(), unit) == units_.end())
                unknown(d.where("iommu"), "IOMMU", unit, units_);
            out.spec = sw::firmware_spec{unit, source_ids(d), true};
        }
        out.isolation = d.text("group");
        out.ats = d.flag("ats");
        out.pci = d.flag("pci");
        out.pasid_bits = static_cast<unsigned>(d.number("pasid_bits"));
        out.pri = d.flag("pri");
        out.can_stall = d.flag("can_stall");
        out.untrusted = d.flag("untrusted");
        out.dma_coherent = d.flag("coherent");
        for (const section::member& r : d.members("regions")) {
            constexpr sw::region_type types[] = {sw::region_type::direct, sw::region_type::direct_relaxable,
                                                 sw::region_type::reserved, sw::region_type::msi};
            const sw::reserved_region region{r.value->number("start"), r.value->number("size"),
                                             types[r.value->number("type")]};
            if (region.bytes - 1 > ~region.start)
                r.value->where("size").fail(r.value->written("size") + " from " + hex(region.start),
                                            "a range within 64 address bits");
            out.regions.push_back(region);
        }
        out_.machine.devices.push_back({std::move(out), 0});
        devices_.push_back(m.name);
    }

    void read_space(const section::member& m) {
        const section& s = *m.value;
        names_.take(m.name, "an address space", m.where);
        story_space out;
        out.name = m.name;
        out.caller = sw::caller_named(s.text("caller"));
        out.options.capability_test = s.flag("capability_test");
        out.options.claim = s.flag("claim");
        out.options.interrupts_isolated = s.flag("interrupts_isolated");
        out.options.allow_unsafe_interrupts = s.flag("allow_unsafe_interrupts");
        out.options.nesting = s.flag("nesting");
        if (s.has("locked_limit"))
            out.options.locked_limit_bytes = s.number("locked_limit");
        out_.spaces.push_back(out);
        spaces_.push_back(m.name);
    }

    std::string known(const section& s, const char* key, const char* what, const std::vector<std::string>& names) {
        const std::string& name = s.text(key);
        if (std::find(names.begin(), names.end(), name) == names.end())
            unknown(s.where(key), what, name, names);
        return name;
    }

    static sw::linux_errno errno_from(const section& s, const char* key) {
        if (const auto number = sw::errno_named(s.text(key)))
            return *number;
        s.where(key).fail("unknown errno " + iommulab::quoted(s.text(key)), "a name as EINVAL, or 0");
    }

    std::string point_from(const section& s, const char* key) {
        std::vector<std::string> names;
        for (const sw::driver_description* d : drivers_)
            for (const sw::injection_point& p : d->injection_points)
                names.emplace_back(p.name);
        return known(s, key, "injection point", names);
    }

    void read_operation(const section& s) {
        story_operation o;
        o.where = s.where();
        const action_name* chosen = nullptr;
        for (const action_name& a : actions)
            if (s.has(a.key)) {
                if (chosen)
                    s.where(a.key).fail(std::string("'") + a.key + "' beside '" + chosen->key + "'",
                                        "one thing in an operation");
                chosen = &a;
            }
        if (!chosen)
            s.where().fail("an operation that does nothing", "a key as attach, map, dma");
        o.action = chosen->action;
        const section& a = s.child(chosen->key);
        o.where = a.where();
        o.text = chosen->key;
        read_subject(o, a);
        read_details(o, a);
        const story_expectation usual = s.has("expect") ? expectation(s.child("expect"), o, {}) : story_expectation{};
        o.expected.fill(usual);
        if (s.has("under"))
            for (const sw::rule_set rules : sw::all_rule_sets)
                if (s.child("under").has(name_of(rules)))
                    o.expected[static_cast<std::size_t>(rules)] =
                        expectation(s.child("under").child(name_of(rules)), o, usual);
        out_.operations.push_back(std::move(o));
    }

    /// Device, domain, space: whom it is about.
    void read_subject(story_operation& o, const section& a) {
        const auto declares = [&](const char* key) {
            const auto& keys = a.declaration().keys;
            return std::any_of(keys.begin(), keys.end(), [&](const settings::key& k) { return k.name == key; });
        };
        int subjects = 0;
        if (declares("device") && a.has("device")) {
            o.device = known(a, "device", "device", devices_);
            ++subjects;
        }
        if (declares("domain") && a.has("domain")) {
            o.domain = known(a, "domain", "domain", domains_);
            ++subjects;
        }
        if (declares("space") && a.has("space")) {
            o.space = known(a, "space", "address space", spaces_);
            ++subjects;
        }
        using enum story_action;
        if ((o.action == map || o.action == unmap || o.action == translate) && subjects != 1)
            a.where().fail(subjects == 0 ? "'" + o.text + "' of nothing" : "'" + o.text + "' of several things",
                           o.action == translate ? "one of domain, device" : "one of domain, device, space");
        for (const std::string* name : {&o.device, &o.domain, &o.space})
            if (!name->empty())
                o.text += " " + *name;
    }

    void read_details(story_operation& o, const section& a) {
        using enum story_action;
        switch (o.action) {
        case domain: {
            const std::string& name = a.text("name");
            if (std::find(domains_.begin(), domains_.end(), name) != domains_.end())
                a.where("name").fail(iommulab::quoted(name) + " for a domain, which there is already",
                                     "each name once");
            domains_.push_back(name);
            o.domain = name;
            o.way = a.text("type");
            o.count = a.has("pasids") ? a.number("pasids") : 0;
            o.text = "domain " + name + " for " + o.device;
            break;
        }
        case free:
            std::erase(domains_, o.domain);
            break;
        case probe:
            o.way = a.text("by");
            break;
        case attach:
        case detach:
            o.way = a.text("by");
            if (o.way != "device")
                o.text += " by " + o.way;
            break;
        case map:
            read_range(o, a);
            o.address = a.number("pa");
            if (o.address < story_buffers && o.address + o.bytes > story_memory)
                a.where("pa").fail(hex(o.address) + " for pa, which is the kernel's own memory",
                                   "an address from " + hex(story_buffers) + " on");
            if (o.bytes - 1 > ~o.address)
                a.where("size").fail(a.written("size") + " from pa " + hex(o.address),
                                     "a range within 64 address bits");
            o.allowed.read = a.text("permissions") == "r" || a.text("permissions") == "rw";
            o.allowed.write = a.text("permissions") == "w" || a.text("permissions") == "rw";
            o.allowed.cache = true;
            break;
        case unmap:
            read_range(o, a);
            break;
        case translate:
            o.iova = a.number("iova");
            break;
        case dma:
            o.way = a.text("access");
            o.iova = a.number("iova");
            o.bytes = a.number("bytes");
            o.text += " " + o.way + " " + hex(o.iova);
            break;
        case inject:
            o.point = point_from(a, "point");
            o.on = !a.flag("cancel");
            o.order.first = a.number("nth");
            o.order.count = a.flag("every") ? sw::injection_order::for_ever : a.number("count");
            if (a.has("errno"))
                o.order.number = errno_from(a, "errno");
            o.text += " " + o.point;
            break;
        case exhaust:
            o.count = a.number("domains");
            break;
        case feature:
            o.way = a.text("name");
            o.on = a.flag("on");
            break;
        case default_domain:
            o.way = a.text("type");
            break;
        case take:
            if (a.has("inject"))
                o.point = point_from(a, "inject");
            break;
        default:
            break;
        }
    }

    static void read_range(story_operation& o, const section& a) {
        o.iova = a.number("iova");
        o.bytes = a.number("size");
        if (o.bytes - 1 > ~o.iova)
            a.where("size").fail(a.written("size") + " from iova " + hex(o.iova), "a range within 64 address bits");
        o.text += " " + hex(o.iova);
    }

    [[nodiscard]] std::vector<std::string> row_ids() const {
        std::vector<std::string> ids{"none"};
        const auto add = [&](std::span<const sw::failure_row> rows) {
            for (const sw::failure_row& r : rows)
                ids.emplace_back(r.id);
        };
        for (const sw::driver_description* d : drivers_) {
            add(d->failures);
            add(d->page_table_failures);
        }
        add(sw::core_failures());
        for (const auto rows : sw::caller_failures())
            add(rows);
        return ids;
    }

    story_expectation expectation(const section& e, const story_operation& o, story_expectation x) {
        using enum story_action;
        const auto only = [&](const char* key, std::initializer_list<story_action> those) {
            if (e.has(key) && std::find(those.begin(), those.end(), o.action) == those.end())
                e.where(key).fail("'" + std::string(key) + "' of '" + o.text + "'",
                                  "an expectation that such an operation has");
            return e.has(key);
        };
        const auto number = [&](const char* key, std::optional<std::uint64_t>& into) {
            if (e.has(key))
                into = e.number(key);
        };
        if (e.has("errno")) {
            x.any_errno = e.text("errno") == "any";
            x.number.reset();
            if (!x.any_errno)
                x.number = errno_from(e, "errno");
        }
        if (e.has("row"))
            x.row = known(e, "row", "row", row_ids());
        if (e.has("log"))
            x.log = e.text("log");
        number("error_lines", x.error_lines);
        number("warning_lines", x.warning_lines);
        number("debug_lines", x.debug_lines);
        number("attach_calls", x.attach_calls);
        number("domains_made", x.domains_made);
        if (only("domains", {take, leave}))
            x.domains = e.number("domains");
        if (only("address_spaces", {take, leave}))
            x.address_spaces = e.number("address_spaces");
        if (only("dma", {take, dma}))
            x.dma = e.text("dma");
        if (only("lands_at", {dma})) {
            x.lands_at = e.number("lands_at");
            if (*x.lands_at < story_buffers || *x.lands_at > story_memory + story_memory_bytes - 64)
                e.where("lands_at")
                    .fail(hex(*x.lands_at) + " for lands_at",
                          "memory from " + hex(story_buffers) + " to " + hex(story_memory + story_memory_bytes - 1));
        }
        if (only("bytes", {unmap}))
            x.bytes = e.number("bytes");
        if (only("pa", {translate}))
            x.address = e.number("pa");
        if (only("at_claim", {take}))
            x.at_claim = e.flag("at_claim");
        if (only("shared", {take}))
            x.shared = e.flag("shared");
        return x;
    }

    const section& s_;
    story& out_;
    platforms::name_list names_;
    std::vector<std::string> units_, devices_, spaces_, domains_;
    std::set<const sw::driver_description*> drivers_;
    std::uint32_t last_source_ = 0;
};

} // namespace

story read_story(const node& root, const std::string& file) {
    const section s(root, story_schema());
    story out;
    out.file = file;
    out.name = std::filesystem::path(file).stem().string();
    reader(s, out).read(root);
    return out;
}

} // namespace iommulab::scenarios
