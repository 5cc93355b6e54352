// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one header of this folder that shows Boost.JSON: include it in .cpp files only.

#include "traces/input_error.h"

#include <boost/json/value.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::traces {

/// A position in a text, both counted from 1.
struct text_position {
    std::size_t line = 1;
    std::size_t column = 1;
};

/// A JSON text and the values in it, which know their place for error messages.
class json_document;

/// A value inside a json_document, valid as long as the document. All accessors throw input_error at the value's place.
class json_node {
  public:
    /// The member `key`, which must be there.
    json_node at(std::string_view key) const;
    /// The member `key`, or nothing.
    std::optional<json_node> find(std::string_view key) const;
    /// The elements of an array.
    std::vector<json_node> elements() const;
    /// Where each element of an array begins, found in one pass.
    std::vector<text_position> element_positions() const;
    /// The members of an object with their keys.
    std::vector<std::pair<std::string, json_node>> members() const;

    /// A JSON number without fraction and sign, or a string with a number in it; not above `limit`.
    std::uint64_t number(std::uint64_t limit = ~std::uint64_t{0}) const;
    bool boolean() const;
    std::string text() const;
    /// A string of two hexadecimal digits a byte.
    std::vector<std::uint8_t> bytes() const;
    bool is_object() const { return value_->is_object(); }

    text_position position() const;
    [[noreturn]] void fail(const std::string& found, const std::string& expected) const;
    /// As fail(), with the value itself as what was found.
    [[noreturn]] void fail_value(const std::string& expected) const;

  private:
    friend class json_document;
    json_node(const json_document& document, const boost::json::value& value) : document_(&document), value_(&value) {}
    json_node child(const boost::json::value& value, std::string step) const;

    const json_document* document_;
    const boost::json::value* value_;
    std::vector<std::string> path_;
};

class json_document {
  public:
    /// Parses `text`; positions in errors count from line `first_line` of `file`. Throws input_error where it is no
    /// JSON.
    json_document(std::string file, std::string text, std::size_t first_line = 1);
    json_document(const json_document&) = delete;
    json_document& operator=(const json_document&) = delete;

    json_node root() const { return {*this, value_}; }
    const std::string& file() const { return file_; }
    /// The place of the value that `path` (keys, and numbers of elements) leads to.
    text_position locate(const std::vector<std::string>& path) const;
    /// The places of the elements of the array that `path` leads to.
    std::vector<text_position> locate_elements(const std::vector<std::string>& path) const;

  private:
    text_position position_of(std::size_t offset) const;

    std::string file_;
    std::string text_;
    std::size_t first_line_;
    boost::json::value value_;
};

/// Reads a file (plain or gzip) and parses it.
std::unique_ptr<json_document> read_json(const std::string& path);

} // namespace iommulab::traces
