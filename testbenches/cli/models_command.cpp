// SPDX-License-Identifier: Apache-2.0
#include "testbenches/cli/models_command.h"

#include "models/core/iommu_module.h"
#include "platforms/iommu_model.h"
#include "platforms/settings/settings_units.h"
#include "testbenches/cli/terminal.h"
#include "testbenches/results/json_text.h"
#include "testbenches/results/markdown_table.h"
#include "traces/input_error.h"
#include "traces/names.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <stdexcept>

namespace iommulab::cli {

using boost::json::array;
using boost::json::object;
using platforms::iommu_model;
using platforms::model_parameter;

namespace {

const char* access_of(const register_declaration& r) {
    if (r.writable != 0)
        return "read-write";
    return r.clears != 0 ? "write-1-to-clear" : "read-only";
}

std::string bits_of(const bit_field& f) {
    return f.width == 1 ? fmt::format("[{}]", f.lsb) : fmt::format("[{}:{}]", f.lsb + f.width - 1, f.lsb);
}

// --- JSON
// ----------------------------------------------------------------------------------------------------------------

object register_json(const register_declaration& r) {
    object o{{"name", r.name}, {"offset", r.offset}, {"bytes", r.bytes}};
    if (r.count > 1) {
        o["count"] = r.count;
        o["stride_bytes"] = r.stride;
    }
    if (r.alias_of != ~0U) {
        o["alias_of"] = r.alias_of;
        return o;
    }
    o["reset"] = fmt::format("{:#x}", r.reset);
    o["writable"] = fmt::format("{:#x}", r.writable);
    o["clears"] = fmt::format("{:#x}", r.clears);
    o["text"] = r.text;
    array fields;
    for (const bit_field& f : r.fields)
        fields.push_back(object{{"name", f.name}, {"lsb", f.lsb}, {"width", f.width}});
    o["fields"] = std::move(fields);
    return o;
}

object parameter_json(const model_parameter& p) {
    object o{{"name", p.name}, {"unit", p.unit}};
    if (p.choices.empty()) {
        o["default"] = p.default_value;
        o["minimum"] = p.minimum;
        o["maximum"] = p.maximum;
    } else {
        o["default"] = p.text_of(p.default_value);
        array choices;
        for (const std::string_view c : p.choices)
            choices.push_back(boost::json::string(c));
        o["choices"] = std::move(choices);
    }
    o["source"] = p.source;
    return o;
}

object model_json(const iommu_model& m) {
    object o{{"name", m.name()}, {"title", m.title()}, {"models", m.models()}, {"does_not", m.does_not()}};
    const auto parameters = m.parameters();
    array presets, parameter_array, registers, counters, interrupts;
    for (const preset& p : m.presets()) {
        object values;
        for (const auto& [name, value] : p.values)
            for (const model_parameter& known : parameters)
                if (known.name == name)
                    values[name] =
                        known.choices.empty() ? boost::json::value(value) : boost::json::value(known.text_of(value));
        presets.push_back(object{{"name", p.name}, {"source", p.source}, {"values", std::move(values)}});
    }
    for (const model_parameter& p : parameters)
        parameter_array.push_back(parameter_json(p));
    for (const register_declaration& r : m.registers())
        registers.push_back(register_json(r));
    const auto instance = m.create("instance", {});
    for (const counter& c : instance->counters())
        counters.push_back(object{{"name", c.name}, {"text", c.text}});
    for (const char* name : instance->interrupt_names())
        interrupts.push_back(boost::json::string(name));
    o["presets"] = std::move(presets);
    o["parameters"] = std::move(parameter_array);
    o["register_space_bytes"] = m.register_space_bytes();
    o["registers"] = std::move(registers);
    o["ports"] = object{{"upstream", "target, one a port: accesses of devices"},
                        {"downstream", "initiator, one a port: translated accesses"},
                        {"tables", "initiator: walks, queues, messages"},
                        {"registers", "target: the guest's register accesses"},
                        {"interrupts", std::move(interrupts)}};
    o["statistics"] = std::move(counters);
    return o;
}

// --- text
// ----------------------------------------------------------------------------------------------------------------

std::string wrapped(const std::string& text, std::size_t indent) {
    const std::size_t width = columns() - indent;
    std::string out, line;
    const auto flush = [&] {
        out += std::string(indent, ' ') + line + "\n";
        line.clear();
    };
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find(' ', at), text.size());
        if (!line.empty() && line.size() + 1 + (end - at) > width)
            flush();
        line += (line.empty() ? "" : " ") + text.substr(at, end - at);
        at = end + 1;
    }
    if (!line.empty())
        flush();
    return out;
}

bool is_time(const model_parameter& p) {
    return p.choices.empty() && p.unit == "ps";
}

std::string value_text(const model_parameter& p, std::uint64_t value) {
    return is_time(p) ? settings::time_text(value) : p.text_of(value);
}

std::string range_text(const model_parameter& p) {
    if (is_time(p))
        return settings::time_text(p.minimum) + " to " + settings::time_text(p.maximum);
    if (p.choices.empty())
        return fmt::format("{} to {}{}", p.minimum, p.maximum, p.unit == "1" ? "" : " " + p.unit);
    return fmt::format("{}", fmt::join(p.choices, ", "));
}

std::string parameter_text(const model_parameter& p) {
    return fmt::format("  {} = {}  ({})\n", p.name, value_text(p, p.default_value), range_text(p)) +
           wrapped(p.source, 6);
}

/// "tlb.entries = 126, ...".
std::string values_text(const preset& p, const std::vector<model_parameter>& parameters) {
    std::string values;
    for (const auto& [name, value] : p.values)
        for (const model_parameter& known : parameters)
            if (known.name == name)
                values += (values.empty() ? "" : ", ") + fmt::format("{} = {}", name, known.text_of(value));
    return values;
}

std::string array_text(const register_declaration& r) {
    return r.count > 1 ? fmt::format("[{}]", r.count) : "";
}

std::string model_text(const iommu_model& m) {
    std::string out = fmt::format("{}: {}\n\nmodels\n{}\ndoes not model\n{}\npresets\n", m.name(), m.title(),
                                  wrapped(m.models(), 2), wrapped(m.does_not(), 2));
    const auto parameters = m.parameters();
    for (const preset& p : m.presets()) {
        out += fmt::format("  {}\n{}", p.name, wrapped(p.source, 6));
        out += wrapped(values_text(p, parameters), 6);
    }
    out += "\nparameters\n";
    for (const model_parameter& p : parameters)
        out += parameter_text(p);
    out += fmt::format("\nregisters ({} KiB)\n", m.register_space_bytes() / 1024);
    for (const register_declaration& r : m.registers()) {
        if (r.alias_of != ~0U) {
            out += fmt::format("  {:#07x}  {}{}  the register at {:#x}\n", r.offset, r.name, array_text(r), r.alias_of);
            continue;
        }
        out += fmt::format("  {:#07x}  {}{}  {} bits, {}, reset {:#x}\n", r.offset, r.name, array_text(r), r.bytes * 8,
                           access_of(r), r.reset);
        if (*r.text != '\0')
            out += wrapped(r.text, 11);
        std::string fields;
        for (const bit_field& f : r.fields)
            fields += (fields.empty() ? "" : " ") + fmt::format("{}{}", f.name, bits_of(f));
        if (!fields.empty())
            out += wrapped(fields, 11);
    }
    const auto instance = m.create("instance", {});
    out +=
        "\nports\n  upstream(n)    target socket: accesses of devices\n  downstream(n)  initiator socket: translated "
        "accesses\n  tables         initiator socket: walks, queues, messages\n  registers      target socket: the "
        "guest's "
        "register accesses\n";
    for (const char* name : instance->interrupt_names())
        out += fmt::format("  {}  interrupt\n", name);
    out += "\nstatistics\n";
    for (const counter& c : instance->counters())
        out += fmt::format("  {}: {}\n", c.name, c.text);
    return out;
}

// --- Markdown: the tables of a model's page

std::string model_markdown(const iommu_model& m) {
    const auto code = [](const std::string& text) { return "`" + text + "`"; };
    const auto parameters = m.parameters();
    std::vector<std::vector<std::string>> presets{{"preset", "values", "source"}},
        all_parameters{{"parameter", "default", "range", "source"}},
        registers{{"offset", "register", "bits", "access", "reset", "what"}};
    for (const preset& p : m.presets())
        presets.push_back({code(p.name), values_text(p, parameters), p.source});
    for (const model_parameter& p : parameters)
        all_parameters.push_back({code(p.name), value_text(p, p.default_value), range_text(p), p.source});
    for (const register_declaration& r : m.registers())
        registers.push_back({fmt::format("{:#07x}", r.offset), code(r.name + array_text(r)),
                             std::to_string(r.bytes * 8), r.alias_of != ~0U ? "" : access_of(r),
                             r.alias_of != ~0U ? "" : fmt::format("{:#x}", r.reset),
                             r.alias_of != ~0U ? fmt::format("the register at {:#x}", r.alias_of) : r.text});
    return "### Presets\n\n" + results::markdown_table(presets) + "\n### Parameters\n\n" +
           results::markdown_table(all_parameters) + "\n### Registers\n\n" + results::markdown_table(registers);
}

} // namespace

std::string models_text(const std::string& name, const std::string& format) {
    const bool json = format == "json";
    if (!name.empty()) {
        const iommu_model* const m = platforms::find_iommu_model(name);
        if (m)
            return json ? results::to_text(model_json(*m)) : format == "markdown" ? model_markdown(*m) : model_text(*m);
        std::vector<std::string> names;
        for (const iommu_model* known : platforms::iommu_models())
            names.emplace_back(known->name());
        throw std::invalid_argument("found model " + quoted(name) + ", expected " + one_of(name, names));
    }
    array all;
    std::string text;
    for (const iommu_model* m : platforms::iommu_models()) {
        array presets;
        std::string listed;
        for (const preset& p : m->presets()) {
            presets.push_back(boost::json::string(p.name));
            listed += (listed.empty() ? "" : ", ") + std::string(p.name);
        }
        text += fmt::format("{}  {}; presets: {}\n", m->name(), m->title(), listed);
        all.push_back(object{{"name", m->name()}, {"title", m->title()}, {"presets", std::move(presets)}});
    }
    return json ? results::to_text(object{{"models", std::move(all)}}) : text;
}

} // namespace iommulab::cli
