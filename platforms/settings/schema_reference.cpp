// SPDX-License-Identifier: Apache-2.0
#include "platforms/settings/schema.h"
#include "platforms/settings/settings_units.h"

#include <set>

namespace iommulab::settings {

namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

std::string anchor(const std::string& title) {
    std::string text;
    for (const char c : title)
        text += c == ' ' ? '-' : c;
    return text;
}

std::string link(const schema& s) {
    return "[" + s.title + "](#" + anchor(s.title) + ")";
}

std::string kind_text(const key& k) {
    std::string text;
    switch (k.kind) {
    case value_kind::text:
        return "text";
    case value_kind::boolean:
        return "`true` or `false`";
    case value_kind::number:
        return !k.unit.empty() ? "number, " + k.unit : "number";
    case value_kind::bytes:
        return "bytes";
    case value_kind::time:
        return "time";
    case value_kind::rate:
        return "rate";
    case value_kind::choice:
        for (const std::string& c : k.choices)
            text += (text.empty() ? "`" : ", `") + c + "`";
        return text;
    case value_kind::map:
        return "map: " + link(*k.child);
    case value_kind::named:
        return "names, each with a map: " + link(*k.child);
    case value_kind::list:
        return "list of maps: " + link(*k.child);
    case value_kind::values:
        return "list of values";
    case value_kind::variant:
        for (const schema* s : k.variants)
            text += (text.empty() ? "map with `type`: " : ", ") + link(*s);
        return text;
    default:
        return "map";
    }
}

std::string limit_text(const key& k, std::uint64_t value) {
    switch (k.kind) {
    case value_kind::bytes:
        return bytes_text(value);
    case value_kind::time:
        return time_text(value);
    case value_kind::rate:
        return rate_text(value);
    default:
        return std::to_string(value);
    }
}

std::string range_text(const key& k) {
    if (k.minimum == 0 && k.maximum == no_limit)
        return "";
    if (k.maximum == no_limit)
        return "from " + limit_text(k, k.minimum);
    return limit_text(k, k.minimum) + " to " + limit_text(k, k.maximum);
}

void write(const schema& s, std::set<const schema*>& written, std::string& out) {
    if (!written.insert(&s).second)
        return;
    out += "## " + s.title + "\n\n" + s.help + "\n\n";
    if (s.keys.empty()) {
        out += "No keys.\n\n";
    } else {
        out += "| key | value | default | range | |\n|---|---|---|---|---|\n";
        for (const key& k : s.keys) {
            const std::string default_text =
                k.required ? "required" : (k.default_text.empty() ? "" : "`" + k.default_text + "`");
            out += "| `" + k.name + "` | " + kind_text(k) + " | " + default_text + " | " + range_text(k) + " | " +
                   k.help + " |\n";
        }
        out += "\n";
    }
    for (const key& k : s.keys) {
        if (k.child)
            write(*k.child, written, out);
        for (const schema* v : k.variants)
            write(*v, written, out);
    }
}

} // namespace

std::string reference(const std::vector<const schema*>& schemas) {
    std::string out;
    std::set<const schema*> written;
    for (const schema* s : schemas)
        write(*s, written, out);
    return out;
}

} // namespace iommulab::settings
