// SPDX-License-Identifier: Apache-2.0
#include "platforms/settings/schema.h"

#include "platforms/settings/error_list.h"
#include "platforms/settings/settings_units.h"
#include "traces/names.h"
#include "traces/number.h"

#include <algorithm>
#include <stdexcept>

namespace iommulab::settings {

namespace {

std::vector<std::string> names_of(const schema& s) {
    std::vector<std::string> names;
    for (const key& k : s.keys)
        names.push_back(k.name);
    return names;
}

std::vector<std::string> types_of(const key& k) {
    std::vector<std::string> names;
    for (const schema* s : k.variants)
        names.push_back(s->title);
    return names;
}

std::string amount(const key& k, std::uint64_t value, bool with_unit = true) {
    if (k.kind == value_kind::bytes)
        return bytes_text(value);
    if (k.kind == value_kind::time)
        return time_text(value);
    if (k.kind == value_kind::rate)
        return rate_text(value);
    return std::to_string(value) + (with_unit && !k.unit.empty() ? " " + k.unit : "");
}

std::string what_is_expected(const key& k) {
    switch (k.kind) {
    case value_kind::text:
        return "a text";
    case value_kind::boolean:
        return "true or false";
    case value_kind::number:
        return "a whole number" + (!k.unit.empty() ? " (" + k.unit + ")" : "");
    case value_kind::bytes:
        return "bytes with B, KiB, MiB, GiB or TiB, such as 4KiB";
    case value_kind::time:
        return "a time in ps, ns, us, ms or s, such as 50ns";
    case value_kind::rate:
        return "a rate in B/s, kB/s, MB/s or GB/s, such as 4GB/s";
    case value_kind::choice:
        return "one of its words";
    case value_kind::list:
        return "a list";
    case value_kind::values:
        return "a list of plain values";
    default:
        return "a map";
    }
}

[[noreturn]] void unknown_key(const node& found, const std::string& in, const std::vector<std::string>& names) {
    found.where.fail("unknown key " + iommulab::quoted(found.text) + " in " + in,
                     names.empty() ? "no keys" : one_of(found.text, names));
}

void need_map(const node& value, const std::string& name) {
    if (value.is != node::kind::map && value.is != node::kind::nothing)
        value.where.fail(value.describe() + " for " + name, "a map");
}

/// The members of maps in `from` under dotted names.
void flatten(const node& from, const std::string& prefix, node& into) {
    for (const auto& [key, value] : from.members) {
        node name = key;
        name.text = prefix + key.text;
        if (value.is == node::kind::map) {
            flatten(value, name.text + '.', into);
            continue;
        }
        if (into.find(name.text))
            key.where.fail(iommulab::quoted(name.text) + " a second time", "each name once");
        into.members.emplace_back(std::move(name), value);
    }
}

} // namespace

section::section(const node& map, const schema& s) : schema_(&s), where_(map.where) {
    need_map(map, s.title);
    for (const key& k : s.keys) {
        entry& e = entries_[k.name];
        e.declaration = &k;
        e.where = map.where;
        read_default(e);
    }
    error_list errors;
    for (const auto& member : map.members)
        errors.keep([&] {
            const auto& [name, value] = member;
            const auto found = entries_.find(name.text);
            if (found == entries_.end())
                unknown_key(name, s.title, names_of(s));
            entry& e = found->second;
            e.given = true;
            e.where = value.where;
            read(e, value);
        });
    for (const key& k : s.keys)
        if (k.required && !entries_.find(k.name)->second.given)
            errors.keep([&] { where_.fail("no " + iommulab::quoted(k.name) + " in " + s.title, what_is_expected(k)); });
    errors.raise();
}

void section::read_default(entry& e) {
    if (e.declaration->default_text.empty())
        return;
    node n;
    n.is = node::kind::scalar;
    n.text = e.declaration->default_text;
    n.where = {std::make_shared<const std::string>("the default of " + e.declaration->name), 0, 0};
    read_scalar(e, n);
}

void section::read(entry& e, const node& value) {
    const key& k = *e.declaration;
    error_list errors; // of the elements
    switch (k.kind) {
    case value_kind::map:
        need_map(value, k.name);
        e.child = std::make_shared<const section>(value, *k.child);
        break;
    case value_kind::named:
        need_map(value, k.name);
        for (const auto& m : value.members)
            errors.keep([&] {
                check_name(m.first);
                e.members.push_back({m.first.text, m.first.where, std::make_shared<const section>(m.second, *k.child)});
            });
        break;
    case value_kind::list:
        if (value.is != node::kind::list && value.is != node::kind::nothing)
            value.where.fail(value.describe() + " for " + k.name, "a list");
        for (const node& element : value.elements)
            errors.keep([&] {
                e.members.push_back({{}, element.where, std::make_shared<const section>(element, *k.child)});
            });
        break;
    case value_kind::values:
        if (value.is != node::kind::list)
            value.where.fail(value.describe() + " for " + k.name, what_is_expected(k));
        for (const node& element : value.elements) {
            if (element.is != node::kind::scalar)
                element.where.fail(element.describe() + " in " + k.name, "a plain value");
            e.values.push_back({element.text, element.where});
        }
        break;
    case value_kind::variant: {
        need_map(value, k.name);
        const node* type = value.find("type");
        if (!type)
            value.where.fail("no 'type' in " + k.name, "one of its types");
        if (type->is != node::kind::scalar)
            type->where.fail(type->describe() + " for type", "a word");
        const schema* chosen = nullptr;
        for (const schema* v : k.variants)
            if (v->title == type->text)
                chosen = v;
        if (!chosen)
            type->where.fail(iommulab::quoted(type->text) + " for type of " + k.name, one_of(type->text, types_of(k)));
        node rest = value;
        std::erase_if(rest.members, [](const auto& m) { return m.first.text == "type"; });
        e.child = std::make_shared<const section>(rest, *chosen);
        break;
    }
    case value_kind::elsewhere:
        need_map(value, k.name);
        e.raw = value;
        break;
    default:
        read_scalar(e, value);
    }
    errors.raise();
}

void section::read_scalar(entry& e, const node& value) {
    const key& k = *e.declaration;
    if (value.is != node::kind::scalar)
        value.where.fail(value.describe() + " for " + k.name, what_is_expected(k));
    std::optional<std::uint64_t> number;
    e.text = value.text;
    switch (k.kind) {
    case value_kind::text:
        return;
    case value_kind::boolean:
        if (value.text != "true" && value.text != "false")
            value.where.fail(iommulab::quoted(value.text) + " for " + k.name, what_is_expected(k));
        e.number = value.text == "true";
        return;
    case value_kind::choice: {
        const auto found = std::find(k.choices.begin(), k.choices.end(), value.text);
        if (found == k.choices.end())
            value.where.fail(iommulab::quoted(value.text) + " for " + k.name, one_of(value.text, k.choices));
        e.number = static_cast<std::uint64_t>(found - k.choices.begin());
        return;
    }
    case value_kind::bytes:
        number = parse_bytes(value.text);
        break;
    case value_kind::time:
        number = parse_time_ps(value.text);
        break;
    case value_kind::rate:
        number = parse_rate(value.text);
        break;
    default:
        number = traces::parse_number(value.text);
    }
    if (!number)
        value.where.fail(iommulab::quoted(value.text) + " for " + k.name, what_is_expected(k));
    if (*number < k.minimum || *number > k.maximum)
        value.where.fail(iommulab::quoted(value.text) + " for " + k.name,
                         amount(k, k.minimum, false) + " to " + amount(k, k.maximum));
    e.number = *number;
}

const section::entry& section::find(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end())
        throw std::logic_error("the schema of " + schema_->title + " has no key " + std::string(name));
    return found->second;
}

std::uint64_t section::number(std::string_view name) const {
    return find(name).number;
}
bool section::flag(std::string_view name) const {
    return find(name).number != 0;
}
const std::string& section::text(std::string_view name) const {
    return find(name).text;
}
bool section::has(std::string_view name) const {
    return find(name).given;
}
const place& section::where(std::string_view name) const {
    return find(name).where;
}
std::string section::written(std::string_view name) const {
    return find(name).text;
}
const std::vector<section::member>& section::members(std::string_view name) const {
    return find(name).members;
}
const std::vector<section::plain_value>& section::values(std::string_view name) const {
    return find(name).values;
}
const section& section::child(std::string_view name) const {
    const entry& e = find(name);
    if (!e.child)
        throw std::logic_error(schema_->title + " has no map " + std::string(name));
    return *e.child;
}
section section::declared(std::string_view name, const schema& s) const {
    const entry& e = find(name);
    if (e.given) {
        node flat = e.raw;
        flat.members.clear();
        flatten(e.raw, "", flat);
        return {flat, s};
    }
    node none;
    none.where = where_;
    return {none, s};
}

void section::check_name(const node& name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto rest = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
    if (name.text.empty() || name.text.size() > 64 || !letter(name.text[0]) ||
        !std::all_of(name.text.begin(), name.text.end(), rest))
        name.where.fail(iommulab::quoted(name.text),
                        "a name: a letter, then letters, digits and underscores, at most 64");
}

} // namespace iommulab::settings
