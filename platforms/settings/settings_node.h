// SPDX-License-Identifier: Apache-2.0
// A YAML text as a tree whose values know where they stand.
#pragma once

#include "traces/input_error.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iommulab::settings {

/// Where something was said. Line and column count from 1; 0 where they mean nothing, as on a command line.
struct place {
    std::shared_ptr<const std::string> file;
    std::size_t line = 0;
    std::size_t column = 0;

    /// Throws input_error.
    [[noreturn]] void fail(const std::string& found, const std::string& expected) const;
};

struct node {
    enum class kind { nothing, scalar, list, map };

    kind is = kind::nothing;
    place where;
    std::string text;                           ///< of a scalar
    std::vector<node> elements;                 ///< of a list
    std::vector<std::pair<node, node>> members; ///< of a map, in the order of the file; keys are scalars

    /// The member `key`, or null.
    [[nodiscard]] const node* find(std::string_view key) const;
    /// For input_error::found: "'text'", "a list", "a map", "nothing".
    [[nodiscard]] std::string describe() const;
};

/// Reads a YAML file of one document. Throws input_error for a file that can't be read, for what is no YAML, for a key
/// that is no plain word or stands twice in a map, and beyond a depth of 64 or a million values.
node read_yaml_file(const std::string& path);
/// The same from a text; `name` stands for the file in messages.
node parse_yaml(const std::string& text, const std::string& name);

/// One `KEY=VALUE` of a command line: sets the value at a dotted path, "masters.nic.outstanding=4". An element of a
/// list is named by its number, from 0. Maps on the way are made where there are none. Throws input_error that names
/// the argument.
void override_value(node& root, const std::string& argument);
/// The first name of the argument's path: what the override is about.
std::string override_subject(const std::string& argument);

} // namespace iommulab::settings
