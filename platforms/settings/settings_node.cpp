// SPDX-License-Identifier: Apache-2.0
#include "platforms/settings/settings_node.h"

#include "traces/line_reader.h"
#include "traces/number.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdio>
#include <set>

namespace iommulab::settings {

void place::fail(const std::string& found, const std::string& expected) const {
    throw input_error(*file, line, column, found, expected);
}

const node* node::find(std::string_view key) const {
    for (const auto& [name, value] : members)
        if (name.text == key)
            return &value;
    return nullptr;
}

std::string node::describe() const {
    switch (is) {
    case kind::scalar:
        return iommulab::quoted(text);
    case kind::list:
        return "a list";
    case kind::map:
        return "a map";
    default:
        return "nothing";
    }
}

namespace {

constexpr unsigned deepest = 64;
constexpr std::size_t most_values = 1'000'000; // an alias may stand for many values, and be itself in an aliased list
constexpr std::size_t largest_file_bytes = 16 << 20;

using file_name = std::shared_ptr<const std::string>;

class converter {
  public:
    explicit converter(file_name file) : file_(std::move(file)) {}

    node convert(const YAML::Node& yaml, unsigned depth = 0) {
        node n;
        n.where = at(yaml.Mark());
        if (depth > deepest)
            n.where.fail("values nested " + std::to_string(depth) + " deep", "at most " + std::to_string(deepest));
        if (++values_ > most_values)
            n.where.fail("more than a million values", "a smaller file");
        switch (yaml.Type()) {
        case YAML::NodeType::Scalar:
            n.is = node::kind::scalar;
            n.text = yaml.Scalar();
            break;
        case YAML::NodeType::Sequence:
            n.is = node::kind::list;
            for (const YAML::Node& element : yaml)
                n.elements.push_back(convert(element, depth + 1));
            break;
        case YAML::NodeType::Map:
            n.is = node::kind::map;
            convert_members(yaml, n, depth);
            break;
        default:
            break;
        }
        return n;
    }

  private:
    [[nodiscard]] place at(const YAML::Mark& mark) const {
        if (mark.is_null())
            return {file_, 0, 0};
        return {file_, static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
    }

    void convert_members(const YAML::Node& yaml, node& n, unsigned depth) {
        std::set<std::string> seen;
        for (const auto& member : yaml) {
            node key = convert(member.first, depth + 1);
            if (key.is != node::kind::scalar)
                key.where.fail(key.describe() + " as a key", "a name");
            if (!seen.insert(key.text).second)
                key.where.fail(iommulab::quoted(key.text) + " a second time", "each name once");
            node value = convert(member.second, depth + 1);
            if (value.is == node::kind::nothing)
                value.where = key.where; // what isn't there has no place of its own
            n.members.emplace_back(std::move(key), std::move(value));
        }
    }

    file_name file_;
    std::size_t values_ = 0;
};

} // namespace

node parse_yaml(const std::string& text, const std::string& name) {
    const auto file = std::make_shared<const std::string>(name);
    if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
        throw input_error(name, 0, 0, "a byte 0 at offset " + std::to_string(zero), "a YAML text");
    try {
        const std::vector<YAML::Node> documents = YAML::LoadAll(text);
        if (documents.size() > 1) {
            const YAML::Mark mark = documents[1].Mark();
            throw input_error(name, static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1,
                              "a second document", "one document");
        }
        if (documents.empty())
            return {node::kind::nothing, {file, 1, 1}, {}, {}, {}};
        return converter(file).convert(documents[0]);
    } catch (const YAML::Exception& e) {
        const bool known = !e.mark.is_null();
        throw input_error(name, known ? static_cast<std::size_t>(e.mark.line) + 1 : 0,
                          known ? static_cast<std::size_t>(e.mark.column) + 1 : 0, e.msg, "well-formed YAML");
    }
}

node read_yaml_file(const std::string& path) {
    return parse_yaml(traces::read_text(path, largest_file_bytes), path);
}

// --- overrides
// -----------------------------------------------------------------------------------------------------------

namespace {

std::vector<std::string> path_of(const std::string& argument, const place& where) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0)
        where.fail(iommulab::quoted(argument), "KEY=VALUE, such as masters.nic.outstanding=4");
    std::vector<std::string> path;
    std::string step;
    for (std::size_t n = 0; n <= equals; ++n) {
        if (n < equals && argument[n] != '.') {
            step += argument[n];
            continue;
        }
        if (step.empty())
            where.fail("an empty name in " + iommulab::quoted(argument.substr(0, equals)),
                       "names with single dots between");
        path.push_back(std::exchange(step, {}));
    }
    if (path.size() > deepest)
        where.fail("a path of " + std::to_string(path.size()) + " names", "at most " + std::to_string(deepest));
    return path;
}

place place_of_override(const std::string& argument) {
    return {std::make_shared<const std::string>("--set " + argument), 0, 0};
}

void set_places(node& n, const place& where) {
    n.where = where;
    for (node& e : n.elements)
        set_places(e, where);
    for (auto& [key, value] : n.members) {
        set_places(key, where);
        set_places(value, where);
    }
}

node& step_into(node& parent, const std::string& name, const place& where) {
    if (parent.is == node::kind::list) {
        const auto index = traces::parse_number(name);
        if (!index || *index >= parent.elements.size())
            where.fail(iommulab::quoted(name),
                       "the number of an element, below " + std::to_string(parent.elements.size()));
        return parent.elements[*index];
    }
    if (parent.is == node::kind::scalar)
        where.fail(iommulab::quoted(name) + " below " + parent.describe() + ", which is a value",
                   "a path that ends there, or one to a map");
    for (auto& [key, value] : parent.members)
        if (key.text == name)
            return value;
    parent.is = node::kind::map;
    node key{node::kind::scalar, where, name, {}, {}};
    node value;
    value.where = where;
    parent.members.emplace_back(std::move(key), std::move(value));
    return parent.members.back().second;
}

} // namespace

std::string override_subject(const std::string& argument) {
    return path_of(argument, place_of_override(argument)).front();
}

void override_value(node& root, const std::string& argument) {
    const place where = place_of_override(argument);
    const std::vector<std::string> path = path_of(argument, where);
    node value = parse_yaml(argument.substr(argument.find('=') + 1), *where.file);
    set_places(value, where);
    node* at = &root;
    for (std::size_t n = 0; n < path.size(); ++n) {
        // a key may have dots itself: "tlb.entries"
        std::string rest = path[n];
        for (std::size_t k = n + 1; k < path.size(); ++k)
            rest += '.' + path[k];
        const auto whole =
            std::find_if(at->members.begin(), at->members.end(), [&](const auto& m) { return m.first.text == rest; });
        if (whole != at->members.end()) {
            at = &whole->second;
            break;
        }
        at = &step_into(*at, path[n], where);
    }
    *at = std::move(value);
}

} // namespace iommulab::settings
