// SPDX-License-Identifier: Apache-2.0
#include "traces/json_document.h"

#include "traces/line_reader.h"
#include "traces/number.h"

#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>
#include <utility>

namespace iommulab::traces {

namespace {

/// Finds a value's offset in a text that is known to be correct JSON.
class json_scanner {
  public:
    explicit json_scanner(std::string_view text) : text_(text) {}

    std::size_t find(const std::vector<std::string>& path) {
        for (const std::string& step : path) {
            skip_space();
            const bool object = peek() == '{';
            ++at_;
            for (std::size_t index = 0;; ++index) {
                skip_space();
                bool match = false;
                if (object) {
                    match = string() == step;
                    skip_space();
                    ++at_; // the colon
                } else {
                    match = std::to_string(index) == step;
                }
                if (match) {
                    break;
                }
                value();
                skip_space();
                if (peek() != ',') {
                    return at_;
                }
                ++at_;
            }
        }
        skip_space();
        return std::min(at_, text_.size());
    }

    /// The offsets of the elements of the array that `path` leads to.
    std::vector<std::size_t> find_elements(const std::vector<std::string>& path) {
        find(path);
        std::vector<std::size_t> offsets;
        ++at_;
        for (skip_space(); at_ < text_.size() && peek() != ']'; skip_space()) {
            offsets.push_back(at_);
            value();
            skip_space();
            if (peek() == ',') {
                ++at_;
            }
        }
        return offsets;
    }

  private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_space() {
        while (at_ < text_.size() && (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r')) {
            ++at_;
        }
    }

    /// A string without its quotes, escapes left as they stand.
    std::string_view string() {
        const std::size_t from = ++at_;
        while (at_ < text_.size() && peek() != '"') {
            at_ += peek() == '\\' ? 2 : 1;
        }
        const std::string_view inner = text_.substr(from, at_ - from);
        ++at_;
        return inner;
    }

    void value() {
        skip_space();
        std::size_t depth = 0;
        do {
            const char c = peek();
            if (c == '"') {
                string();
                continue;
            }
            if (c == '{' || c == '[') {
                ++depth;
            } else if (c == '}' || c == ']') {
                if (depth == 0) {
                    return;
                }
                --depth;
            } else if (c == ',' && depth == 0) {
                return;
            }
            ++at_;
            if (depth == 0 && (c == '}' || c == ']')) {
                return;
            }
        } while (at_ < text_.size() && (depth != 0 || (peek() != ',' && peek() != '}' && peek() != ']')));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

json_node json_node::child(const boost::json::value& value, std::string step) const {
    json_node node(*document_, value);
    node.path_ = path_;
    node.path_.push_back(std::move(step));
    return node;
}

json_node json_node::at(std::string_view key) const {
    const auto node = find(key);
    if (!node) {
        fail("no member \"" + std::string(key) + '"', "it to be there");
    }
    return *node;
}

std::optional<json_node> json_node::find(std::string_view key) const {
    if (!value_->is_object()) {
        fail_value("an object");
    }
    const boost::json::value* const member = value_->get_object().if_contains(key);
    if (member == nullptr) {
        return std::nullopt;
    }
    return child(*member, std::string(key));
}

std::vector<json_node> json_node::elements() const {
    if (!value_->is_array()) {
        fail_value("an array");
    }
    std::vector<json_node> nodes;
    for (const boost::json::value& element : value_->get_array()) {
        nodes.push_back(child(element, std::to_string(nodes.size())));
    }
    return nodes;
}

std::vector<text_position> json_node::element_positions() const {
    if (!value_->is_array()) {
        fail_value("an array");
    }
    return document_->locate_elements(path_);
}

std::vector<std::pair<std::string, json_node>> json_node::members() const {
    if (!value_->is_object()) {
        fail_value("an object");
    }
    std::vector<std::pair<std::string, json_node>> nodes;
    for (const auto& member : value_->get_object()) {
        nodes.emplace_back(std::string(member.key()), child(member.value(), std::string(member.key())));
    }
    return nodes;
}

std::uint64_t json_node::number(std::uint64_t limit) const {
    std::optional<std::uint64_t> value;
    if (value_->is_uint64()) {
        value = value_->get_uint64();
    } else if (value_->is_int64() && value_->get_int64() >= 0) {
        value = static_cast<std::uint64_t>(value_->get_int64());
    } else if (value_->is_string()) {
        value = parse_number(std::string_view(value_->get_string().data(), value_->get_string().size()));
    }
    if (!value) {
        fail_value("a number (a JSON number from 0, or a string with 0x and hexadecimal digits)");
    }
    if (*value > limit) {
        fail_value("at most " + hex(limit));
    }
    return *value;
}

bool json_node::boolean() const {
    if (!value_->is_bool()) {
        fail_value("true or false");
    }
    return value_->get_bool();
}

std::string json_node::text() const {
    if (!value_->is_string()) {
        fail_value("a string");
    }
    return {value_->get_string().data(), value_->get_string().size()};
}

std::vector<std::uint8_t> json_node::bytes() const {
    const auto data = parse_bytes(text());
    if (!data) {
        fail_value("a string of two hexadecimal digits a byte");
    }
    return *data;
}

text_position json_node::position() const {
    return document_->locate(path_);
}

void json_node::fail(const std::string& found, const std::string& expected) const {
    const text_position where = position();
    throw input_error(document_->file(), where.line, where.column, found, expected);
}

void json_node::fail_value(const std::string& expected) const {
    std::string found = boost::json::serialize(*value_);
    if (value_->is_object()) {
        found = "an object";
    } else if (value_->is_array()) {
        found = "an array";
    } else {
        found = quoted(found);
    }
    fail((path_.empty() ? "" : path_.back() + " = ") + found, expected);
}

json_document::json_document(std::string file, std::string text, std::size_t first_line)
    : file_(std::move(file)), text_(std::move(text)), first_line_(first_line) {
    boost::json::stream_parser parser;
    boost::system::error_code error;
    const std::size_t read = parser.write_some(text_, error);
    if (!error && !parser.done()) {
        parser.finish(error);
    }
    if (!error) {
        const std::size_t rest = text_.find_first_not_of(" \t\r\n", read);
        if (rest != std::string::npos) {
            const text_position where = position_of(rest);
            throw input_error(file_, where.line, where.column, "text after the end of the JSON value", "nothing");
        }
        value_ = parser.release();
        return;
    }
    const text_position where = position_of(std::min(read, text_.size()));
    throw input_error(file_, where.line, where.column, read >= text_.size() ? "the end of the file" : error.message(),
                      "correct JSON");
}

text_position json_document::position_of(std::size_t offset) const {
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(offset);
    const std::size_t breaks = static_cast<std::size_t>(std::count(text_.begin(), end, '\n'));
    const std::size_t last = offset == 0 ? std::string::npos : text_.rfind('\n', offset - 1);
    return {first_line_ + breaks, last == std::string::npos ? offset + 1 : offset - last};
}

text_position json_document::locate(const std::vector<std::string>& path) const {
    return position_of(json_scanner(text_).find(path));
}

std::vector<text_position> json_document::locate_elements(const std::vector<std::string>& path) const {
    std::vector<text_position> positions;
    text_position last;
    std::size_t counted = 0;
    for (const std::size_t offset : json_scanner(text_).find_elements(path)) {
        if (positions.empty()) {
            last = position_of(offset);
        } else {
            for (; counted < offset; ++counted) {
                last.column = text_[counted] == '\n' ? 1 : last.column + 1;
                last.line += text_[counted] == '\n';
            }
        }
        counted = offset;
        positions.push_back(last);
    }
    return positions;
}

std::unique_ptr<json_document> read_json(const std::string& path) {
    return std::make_unique<json_document>(path, read_text(path));
}

} // namespace iommulab::traces
