// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/json_text.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <cmath>
#include <string_view>

namespace iommulab::results {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_line = 140;

void write_double(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";
        return;
    }
    char digits[400]; // 1.8e308 has 309 digits before the point, 4.9e-324 has 324 zeros after it
    const auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed).ptr;
    std::string_view text(digits, static_cast<std::size_t>(end - digits));
    const auto point = text.find('.');
    const std::size_t decimals = point == text.npos ? 0 : text.size() - point - 1;
    out += text;
    if (point == text.npos)
        out += '.';
    if (decimals < 3)
        out.append(3 - decimals, '0');
}

class writer {
  public:
    explicit writer(std::string& out) : out_(out) {}

    /// `column` is where the value starts.
    void write(const json::value& value, std::size_t depth, std::size_t column) {
        const bool nested =
            (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
        if (!nested) {
            write_flat(value);
            return;
        }
        const std::size_t start = out_.size();
        if (!holds_nested(value)) {
            write_flat(value);
            if (column + out_.size() - start < longest_line)
                return;
            out_.resize(start);
        }
        const bool object = value.is_object();
        out_ += object ? '{' : '[';
        bool first = true;
        const auto item = [&](const json::value& v, const json::string_view* key) {
            out_ += first ? "\n" : ",\n";
            first = false;
            const std::size_t line = out_.size() - 1;
            out_.append((depth + 1) * 2, ' ');
            if (key)
                out_ += json::serialize(*key) + ": ";
            write(v, depth + 1, out_.size() - line);
        };
        if (object) {
            for (const auto& [key, v] : value.get_object()) {
                const json::string_view k = key;
                item(v, &k);
            }
        } else {
            for (const auto& v : value.get_array())
                item(v, nullptr);
        }
        out_ += '\n';
        out_.append(depth * 2, ' ');
        out_ += object ? '}' : ']';
    }

  private:
    /// Objects of objects are laid out, so that a line holds one thing.
    static bool holds_nested(const json::value& value) {
        if (value.is_array()) {
            for (const auto& v : value.get_array())
                if (v.is_object())
                    return true;
        } else {
            for (const auto& member : value.get_object())
                if (member.value().is_structured())
                    return true;
        }
        return false;
    }
    void write_flat(const json::value& value) {
        if (value.is_double()) {
            write_double(out_, value.get_double());
        } else if (value.is_object()) {
            out_ += '{';
            bool first = true;
            for (const auto& [key, v] : value.get_object()) {
                out_ += first ? "" : ", ";
                first = false;
                out_ += json::serialize(json::string_view(key)) + ": ";
                write_flat(v);
            }
            out_ += '}';
        } else if (value.is_array()) {
            out_ += '[';
            bool first = true;
            for (const auto& v : value.get_array()) {
                out_ += first ? "" : ", ";
                first = false;
                write_flat(v);
            }
            out_ += ']';
        } else {
            out_ += json::serialize(value);
        }
    }
    std::string& out_;
};

} // namespace

std::string to_text(const json::value& value) {
    std::string text;
    writer(text).write(value, 0, 0);
    text += '\n';
    return text;
}

} // namespace iommulab::results
