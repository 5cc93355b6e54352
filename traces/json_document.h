// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/input_error.h"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iommulab::traces {

/// A position in a text, both counted from 1.
struct text_position {
    std::size_t line = 1;
    std::size_t column = 1;
};

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
    /// The members of an object with their keys.
    std::vector<std::pair<std::string, json_node>> members() const;
    /// Throws, at the first of them, when there are other members than these.
    void expect_members(const std::vector<std::string_view>& known) const;

    /// A JSON number without fraction and sign, or a string with a number in it; not above `limit`.
    std::uint64_t number(std::uint64_t limit = ~std::uint64_t{0}) const;
    bool boolean() const;
    std::string text() const;
    /// A string of two hexadecimal digits a byte.
    std::vector<std::uint8_t> bytes() const;

    text_position position() const;
    [[noreturn]] void fail(const std::string& found, const std::string& expected) const;
    /// As fail(), with the value itself as what was found.
    [[noreturn]] void fail_value(const std::string& expected) const;

  private:
    friend class json_document;
    json_node(const json_document& document, std::size_t index, bool member = false)
        : document_(&document), index_(index), member_(member) {}
    char first() const;
    std::vector<json_node> children(char opening, const char* expected) const;

    const json_document* document_;
    std::size_t index_;
    bool member_; ///< of an object: the value before it is its key
};

/// A JSON text (RFC 8259) and where in it each value is; a value is decoded when it is asked for. Repeated keys are
/// errors.
class json_document {
  public:
    /// Parses `text`; positions in errors count from line `first_line` of `file`. Throws input_error where it is no
    /// JSON, for a key a second time, and for values nested too deep.
    json_document(std::string file, std::string text, std::size_t first_line = 1);
    json_document(const json_document&) = delete;
    json_document& operator=(const json_document&) = delete;

    json_node root() const { return {*this, 0}; }

  private:
    friend class json_node;
    friend class json_parser;

    /// A value, or the key of a member before its value.
    struct value {
        std::uint32_t begin; ///< its offset in the text
        std::uint32_t next;  ///< the index of the value behind it and all inside it
    };

    text_position position_of(std::size_t offset) const;
    /// The text of a value that is neither an object nor an array, as it stands.
    std::string_view scalar_at(std::size_t offset) const;

    std::string file_;
    std::string text_;
    std::size_t first_line_;
    std::vector<value> values_;
    std::vector<std::uint32_t> line_begins_;
};

/// Reads a file (plain or gzip) and parses it.
std::unique_ptr<json_document> read_json(const std::string& path);

} // namespace iommulab::traces
