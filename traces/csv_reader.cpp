// SPDX-License-Identifier: Apache-2.0
#include "traces/csv_reader.h"

#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <utility>

namespace iommulab::traces {

csv_reader::csv_reader(std::string path, std::initializer_list<csv_column> known)
    : lines_(std::move(path)), known_(known), place_(known.size(), absent) {
    std::string names;
    for (const csv_column& column : known_) {
        names += (names.empty() ? "" : ", ") + std::string(column.name) + (column.required ? "" : " (optional)");
    }
    if (!lines_.next(row_)) {
        throw input_error(lines_.path(), 1, 0, "an empty file", "a header line with the columns " + names);
    }
    split();
    columns_ = fields_.size();
    for (std::size_t i = 0; i < columns_; ++i) {
        const std::size_t column = static_cast<std::size_t>(fields_[i].data() - row_.data()) + 1;
        const auto match =
            std::find_if(known_.begin(), known_.end(), [&](const csv_column& c) { return c.name == fields_[i]; });
        if (match == known_.end()) {
            throw input_error(lines_.path(), 1, column, "column " + quoted(std::string(fields_[i])), "one of " + names);
        }
        std::size_t& place = place_[static_cast<std::size_t>(match - known_.begin())];
        if (place != absent) {
            throw input_error(lines_.path(), 1, column, "column " + quoted(std::string(fields_[i])) + " a second time",
                              "each column once");
        }
        place = i;
    }
    for (std::size_t i = 0; i < known_.size(); ++i) {
        if (known_[i].required && place_[i] == absent) {
            throw input_error(lines_.path(), 1, 0, "no column " + quoted(std::string(known_[i].name)),
                              "the columns " + names);
        }
    }
}

bool csv_reader::next() {
    do {
        if (!lines_.next(row_)) {
            return false;
        }
    } while (row_.empty());
    split();
    if (fields_.size() != columns_) {
        throw input_error(lines_.path(), lines_.line(), 0, std::to_string(fields_.size()) + " fields",
                          std::to_string(columns_) + ", as the header has");
    }
    return true;
}

void csv_reader::split() {
    fields_.clear();
    const std::string_view row = row_;
    for (std::size_t from = 0;;) {
        const std::size_t end = row.find(',', from);
        fields_.push_back(row.substr(from, end == std::string_view::npos ? end : end - from));
        if (end == std::string_view::npos) {
            return;
        }
        from = end + 1;
    }
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
