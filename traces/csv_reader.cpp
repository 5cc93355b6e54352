// SPDX-License-Identifier: Apache-2.0
#include "traces/csv_reader.h"

#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <utility>

namespace iommulab::traces {

namespace {

constexpr std::string_view blanks = " \t";

} // namespace

csv_reader::csv_reader(std::string path, std::initializer_list<csv_column> known, other_columns others,
                       std::uint64_t largest_bytes)
    : lines_(std::move(path), largest_bytes), known_(known), place_(known.size(), absent) {
    std::string names;
    for (const csv_column& column : known_) {
        names += (names.empty() ? "" : ", ") + std::string(column.name) + (column.required ? "" : " (optional)");
    }
    if (!next_fields()) {
        throw input_error(lines_.path(), lines_.line() + 1, 0, lines_.line() == 0 ? "an empty file" : "no header",
                          "a header line with the columns " + names);
    }
    columns_ = fields_.size();
    for (std::size_t i = 0; i < columns_; ++i) {
        const std::string name(fields_[i]);
        const auto match =
            std::find_if(known_.begin(), known_.end(), [&](const csv_column& c) { return c.name == name; });
        if (match != known_.end()) {
            std::size_t& place = place_[static_cast<std::size_t>(match - known_.begin())];
            if (place != absent) {
                fail_header(fields_[i], "column " + quoted(name) + " a second time", "each column once");
            }
            place = i;
        } else if (others == other_columns::ignored) {
            ignored_.push_back(name);
        } else {
            fail_header(fields_[i], "column " + quoted(name), "one of " + names);
        }
    }
    for (std::size_t i = 0; i < known_.size(); ++i) {
        if (known_[i].required && place_[i] == absent) {
            const std::string also = ignored_.empty() ? "" : " beside " + quoted(ignored_.front());
            throw input_error(lines_.path(), lines_.line(), 0,
                              "no column " + quoted(std::string(known_[i].name)) + also, "the columns " + names);
        }
    }
}

bool csv_reader::next() {
    if (!next_fields()) {
        return false;
    }
    if (fields_.size() != columns_) {
        throw input_error(lines_.path(), lines_.line(), 0,
                          std::to_string(fields_.size()) + (fields_.size() == 1 ? " field" : " fields"),
                          std::to_string(columns_) + ", as the header has");
    }
    return true;
}

bool csv_reader::next_fields() {
    while (lines_.next(row_)) {
        const std::size_t begin = row_.find_first_not_of(blanks);
        if (begin != std::string::npos && row_[begin] != '#') {
            split();
            return true;
        }
    }
    return false;
}

void csv_reader::split() {
    fields_.clear();
    const std::string_view row = row_;
    for (std::size_t from = 0;;) {
        const std::size_t end = std::min(row.find(',', from), row.size());
        const std::string_view field = row.substr(from, end - from);
        const std::size_t begin = std::min(field.find_first_not_of(blanks), field.size());
        fields_.push_back(field.substr(begin, field.find_last_not_of(blanks) + 1 - begin));
        if (end == row.size()) {
            return;
        }
        from = end + 1;
    }
}

void csv_reader::fail_header(std::string_view field, const std::string& found, const std::string& expected) const {
    throw input_error(lines_.path(), lines_.line(), static_cast<std::size_t>(field.data() - row_.data()) + 1, found,
                      expected);
}

std::string_view csv_reader::text(std::size_t known_index) const {
    return has(known_index) ? fields_[place_[known_index]] : std::string_view();
}

std::uint64_t csv_reader::number(std::size_t known_index) const {
    const auto value = parse_number(text(known_index));
    if (!value) {
        fail(known_index, "a number (decimal, or hexadecimal with 0x)");
    }
    return *value;
}

std::uint64_t csv_reader::number(std::size_t known_index, std::uint64_t limit) const {
    const std::uint64_t value = number(known_index);
    if (value > limit) {
        fail(known_index, "at most " + hex(limit));
    }
    return value;
}

bool csv_reader::is_write(std::size_t known_index) const {
    const std::string_view direction = text(known_index);
    const bool write = direction == "w" || direction == "W";
    if (!write && direction != "r" && direction != "R") {
        fail(known_index, "r or w");
    }
    return write;
}

std::uint64_t csv_reader::number_or(std::size_t known_index, std::uint64_t otherwise) const {
    return text(known_index).empty() ? otherwise : number(known_index);
}

std::size_t csv_reader::column_of(std::size_t known_index) const {
    return has(known_index) ? static_cast<std::size_t>(fields_[place_[known_index]].data() - row_.data()) + 1 : 0;
}

void csv_reader::fail(std::size_t known_index, const std::string& expected) const {
    fail(known_index, std::string(known_[known_index].name) + ' ' + quoted(std::string(text(known_index))), expected);
}

void csv_reader::fail(std::size_t known_index, const std::string& found, const std::string& expected) const {
    throw input_error(lines_.path(), lines_.line(), column_of(known_index), found, expected);
}

} // namespace iommulab::traces
