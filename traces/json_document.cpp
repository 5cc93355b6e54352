// SPDX-License-Identifier: Apache-2.0
#include "traces/json_document.h"

#include "traces/line_reader.h"
#include "traces/number.h"
#include "traces/utf8.h"

#include <algorithm>
#include <set>

namespace iommulab::traces {

namespace {

constexpr unsigned deepest = 64;
constexpr std::string_view digits = "0123456789";

void append_utf8(std::string& out, std::uint32_t code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
        return;
    }
    const unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out += static_cast<char>((0xff00u >> (more + 1) & 0xff) | code >> 6 * more);
    for (unsigned i = more; i-- > 0;) {
        out += static_cast<char>(0x80 | (code >> 6 * i & 0x3f));
    }
}

std::uint32_t escaped_code(std::string_view text, std::size_t at) {
    return static_cast<std::uint32_t>(parse_hex_digits(text.substr(at, 4)).value_or(0));
}

/// A string that the parser has accepted, with its quotes.
std::string decoded(std::string_view quoted) {
    constexpr std::string_view names = "bfnrt", characters = "\b\f\n\r\t";
    std::string out;
    const std::string_view text = quoted.substr(1, quoted.size() - 2);
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\') {
            out += text[at];
            continue;
        }
        const char escape = text[++at];
        if (escape == 'u') {
            std::uint32_t code = escaped_code(text, at + 1);
            at += 4;
            if (code >= 0xd800 && code <= 0xdfff) { // the first half of a pair; the second follows
                code = 0x10000 + ((code & 0x3ff) << 10 | (escaped_code(text, at + 3) & 0x3ff));
                at += 6;
            }
            append_utf8(out, code);
        } else {
            const std::size_t name = names.find(escape);
            out += name == std::string_view::npos ? escape : characters[name];
        }
    }
    return out;
}

} // namespace

/// Fills a document with the values of its text.
class json_parser {
  public:
    explicit json_parser(json_document& document) : document_(document), text_(document.text_) {}

    void run() {
        value(0);
        skip_space();
        if (at_ != text_.size()) {
            fail("nothing after the end of the JSON value");
        }
    }

  private:
    [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    [[noreturn]] void fail_at(std::size_t offset, const std::string& found, const std::string& expected) const {
        const text_position where = document_.position_of(offset);
        throw input_error(document_.file_, where.line, where.column, found, expected);
    }

    [[noreturn]] void fail(const std::string& expected) const {
        if (at_ >= text_.size()) {
            fail_at(at_, "the end of the file", expected);
        }
        const std::size_t bytes = utf8_character_bytes(text_.substr(at_));
        const auto byte = static_cast<unsigned char>(peek());
        const bool shown = bytes != 0 && byte >= 0x20;
        fail_at(at_, shown ? quoted(std::string(text_.substr(at_, bytes))) : "the byte " + hex(byte), expected);
    }

    void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

    void expect(char wanted, const char* expected) {
        if (peek() != wanted) {
            fail(expected);
        }
        ++at_;
    }

    void value(unsigned depth) {
        skip_space();
        if (depth > deepest) {
            fail_at(at_, "values nested " + std::to_string(depth) + " deep", "at most " + std::to_string(deepest));
        }
        const std::size_t index = begin();
        switch (peek()) {
        case '{':
            list('}', "',' or '}'", [&, keys = std::set<std::string>()]() mutable {
                member(keys);
                value(depth + 1);
            });
            break;
        case '[':
            list(']', "',' or ']'", [&] { value(depth + 1); });
            break;
        case '"':
            string();
            break;
        case 't':
            word("true");
            break;
        case 'f':
            word("false");
            break;
        case 'n':
            word("null");
            break;
        default:
            number();
        }
        end(index);
    }

    std::size_t begin() {
        document_.values_.push_back({static_cast<std::uint32_t>(at_), 0});
        return document_.values_.size() - 1;
    }
    void end(std::size_t index) {
        document_.values_[index].next = static_cast<std::uint32_t>(document_.values_.size());
    }

    template <class Item>
    void list(char closing, const char* expected, Item&& item) {
        ++at_;
        skip_space();
        if (peek() == closing) {
            ++at_;
            return;
        }
        for (;;) {
            item();
            skip_space();
            if (peek() == closing) {
                ++at_;
                return;
            }
            expect(',', expected);
        }
    }

    /// A key and its colon.
    void member(std::set<std::string>& keys) {
        skip_space();
        if (peek() != '"') {
            fail("a key in double quotes");
        }
        const std::size_t index = begin();
        const std::size_t from = at_;
        string();
        end(index);
        std::string key = decoded(text_.substr(from, at_ - from));
        if (const auto [place, fresh] = keys.insert(std::move(key)); !fresh) {
            fail_at(from, "key " + quoted(*place) + " a second time", "each key once");
        }
        skip_space();
        expect(':', "':'");
    }

    void string() {
        ++at_;
        while (peek() != '"') {
            if (peek() == '\\') {
                ++at_;
                escape();
                continue;
            }
            const std::size_t bytes = utf8_character_bytes(text_.substr(at_));
            if (bytes == 0 || static_cast<unsigned char>(peek()) < 0x20) {
                fail("a character of UTF-8 that is no control character, or '\"'");
            }
            at_ += bytes;
        }
        ++at_;
    }

    void escape() {
        if (peek() != 'u') {
            if (at_ == text_.size() || std::string_view("\"\\/bfnrt").find(peek()) == std::string_view::npos) {
                fail("one of \" \\ / b f n r t u behind '\\'");
            }
            ++at_;
            return;
        }
        const std::size_t from = at_ - 1;
        const std::uint32_t code = code_unit();
        bool whole = code < 0xd800 || code > 0xdfff;
        if (code >= 0xd800 && code <= 0xdbff && text_.substr(at_, 2) == "\\u") {
            ++at_;
            const std::uint32_t second = code_unit();
            whole = second >= 0xdc00 && second <= 0xdfff;
        }
        if (!whole) {
            fail_at(from, "half of a surrogate pair", "both halves");
        }
    }

    /// `uXXXX`
    std::uint32_t code_unit() {
        ++at_;
        const std::size_t from = at_;
        for (; at_ != from + 4; ++at_) {
            if (at_ == text_.size() || !parse_hex_digits(text_.substr(at_, 1))) {
                fail("a hexadecimal digit");
            }
        }
        return escaped_code(text_, from);
    }

    void word(std::string_view wanted) {
        if (text_.substr(at_, wanted.size()) != wanted) {
            fail("a JSON value");
        }
        at_ += wanted.size();
    }

    void some_digits(const char* expected) {
        const std::size_t from = at_;
        at_ = std::min(text_.find_first_not_of(digits, at_), text_.size());
        if (at_ == from) {
            fail(expected);
        }
    }

    void number() {
        const bool negative = peek() == '-';
        at_ += negative ? 1 : 0;
        const std::size_t from = at_;
        some_digits(negative ? "a digit" : "a JSON value");
        if (text_[from] == '0' && at_ != from + 1) {
            fail_at(from, "a number that begins with 0", "no zeros in front");
        }
        if (peek() == '.') {
            ++at_;
            some_digits("a digit");
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            at_ += peek() == '+' || peek() == '-' ? 1 : 0;
            some_digits("a digit");
        }
    }

    json_document& document_;
    const std::string_view text_;
    std::size_t at_ = 0;
};

json_document::json_document(std::string file, std::string text, std::size_t first_line)
    : file_(std::move(file)), text_(std::move(text)), first_line_(first_line), line_begins_{0} {
    if (text_.size() > largest_text_bytes + 1) { // read_text() may have ended the last line
        throw input_error(file_, first_line, 0, std::to_string(text_.size()) + " bytes of JSON",
                          "at most " + std::to_string(largest_text_bytes));
    }
    for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
        line_begins_.push_back(static_cast<std::uint32_t>(at + 1));
    }
    json_parser(*this).run();
}

text_position json_document::position_of(std::size_t offset) const {
    const auto behind = std::upper_bound(line_begins_.begin(), line_begins_.end(), offset);
    const auto line = static_cast<std::size_t>(behind - line_begins_.begin()) - 1;
    return {first_line_ + line, offset - line_begins_[line] + 1};
}

std::string_view json_document::scalar_at(std::size_t offset) const {
    std::size_t end = offset + 1;
    if (text_[offset] == '"') {
        while (text_[end] != '"') {
            end += text_[end] == '\\' ? 2 : 1;
        }
        ++end;
    } else {
        end = std::min(text_.find_first_of(",]} \t\r\n", end), text_.size());
    }
    return std::string_view(text_).substr(offset, end - offset);
}

std::unique_ptr<json_document> read_json(const std::string& path) {
    return std::make_unique<json_document>(path, read_text(path));
}

// --- nodes

char json_node::first() const {
    return document_->text_[document_->values_[index_].begin];
}

/// The elements of an array; the keys of an object, each followed by its value.
std::vector<json_node> json_node::children(char opening, const char* expected) const {
    if (first() != opening) {
        fail_value(expected);
    }
    std::vector<json_node> nodes;
    for (std::size_t i = index_ + 1; i < document_->values_[index_].next; i = document_->values_[i].next) {
        nodes.push_back({*document_, i, opening == '{' && nodes.size() % 2 == 1});
    }
    return nodes;
}

std::vector<json_node> json_node::elements() const {
    return children('[', "an array");
}

std::vector<std::pair<std::string, json_node>> json_node::members() const {
    const std::vector<json_node> nodes = children('{', "an object");
    std::vector<std::pair<std::string, json_node>> members;
    for (std::size_t i = 0; i < nodes.size(); i += 2) {
        members.emplace_back(nodes[i].text(), nodes[i + 1]);
    }
    return members;
}

std::optional<json_node> json_node::find(std::string_view key) const {
    if (first() != '{') {
        fail_value("an object");
    }
    const auto& values = document_->values_;
    for (std::size_t i = index_ + 1; i < values[index_].next; i = values[i + 1].next) {
        const std::string_view name = document_->scalar_at(values[i].begin);
        const bool plain = name.find('\\') == std::string_view::npos;
        if (plain ? name.substr(1, name.size() - 2) == key : decoded(name) == key) {
            return json_node(*document_, i + 1, true);
        }
    }
    return std::nullopt;
}

json_node json_node::at(std::string_view key) const {
    const auto node = find(key);
    if (!node) {
        fail("no member \"" + std::string(key) + '"', "it to be there");
    }
    return *node;
}

void json_node::expect_members(const std::vector<std::string_view>& known) const {
    std::optional<json_node> first_unknown;
    std::string unknown, names;
    const std::vector<json_node> nodes = children('{', "an object");
    for (std::size_t i = 0; i < nodes.size(); i += 2) {
        const std::string name = nodes[i].text();
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            unknown += (unknown.empty() ? "" : ", ") + quoted(name);
            first_unknown = first_unknown ? first_unknown : nodes[i];
        }
    }
    if (first_unknown) {
        for (const std::string_view name : known) {
            names += (names.empty() ? "" : ", ") + std::string(name);
        }
        first_unknown->fail("unknown member " + unknown, "one of " + names);
    }
}

std::uint64_t json_node::number(std::uint64_t limit) const {
    std::optional<std::uint64_t> value;
    if (digits.find(first()) != std::string_view::npos) {
        value = parse_number(document_->scalar_at(document_->values_[index_].begin));
    } else if (first() == '"') {
        value = parse_number(text());
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
    if (first() != 't' && first() != 'f') {
        fail_value("true or false");
    }
    return first() == 't';
}

std::string json_node::text() const {
    if (first() != '"') {
        fail_value("a string");
    }
    return decoded(document_->scalar_at(document_->values_[index_].begin));
}

std::vector<std::uint8_t> json_node::bytes() const {
    const auto data = parse_bytes(text());
    if (!data) {
        fail_value("a string of two hexadecimal digits a byte");
    }
    return *data;
}

text_position json_node::position() const {
    return document_->position_of(document_->values_[index_].begin);
}

void json_node::fail(const std::string& found, const std::string& expected) const {
    const text_position where = position();
    throw input_error(document_->file_, where.line, where.column, found, expected);
}

void json_node::fail_value(const std::string& expected) const {
    std::string found = first() == '{' ? "an object" : "an array";
    if (first() != '{' && first() != '[') {
        found = quoted(std::string(document_->scalar_at(document_->values_[index_].begin)));
    }
    fail((member_ ? json_node(*document_, index_ - 1).text() + " = " : "") + found, expected);
}

} // namespace iommulab::traces
