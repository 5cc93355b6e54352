// SPDX-License-Identifier: Apache-2.0
// What a map may say, declared once: from it values are read and checked, and the reference is generated.
#pragma once

#include "platforms/settings/settings_node.h"

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iommulab::settings {

struct schema;

enum class value_kind {
    text,
    boolean,   ///< true or false
    number,    ///< decimal or 0x hexadecimal
    bytes,     ///< "64", "4KiB"
    time,      ///< "2.5ns"; kept in picoseconds
    rate,      ///< "4GB/s"; kept in bytes per second
    choice,    ///< one of `choices`
    map,       ///< of the keys of `child`
    named,     ///< names of the user's own, each with a map of the keys of `child`
    list,      ///< of maps of the keys of `child`
    values,    ///< a list of plain values
    variant,   ///< a map whose `type` says which of `variants` it is
    elsewhere, ///< a map whose keys are declared by somebody else: section::declared()
};

struct key {
    std::string name;
    value_kind kind;
    std::string default_text{}; ///< read like a value; empty: none
    std::string help{};
    bool required = false;
    std::uint64_t minimum = 0, maximum = std::numeric_limits<std::uint64_t>::max(); ///< in bytes, picoseconds
    std::vector<std::string> choices{};
    const schema* child = nullptr;
    std::vector<const schema*> variants{}; ///< `type` is the title of one of them
    std::string unit{};                    ///< of a number: "entries"

    // for declarations: keys.h
    [[nodiscard]] key needed() const {
        key k = *this;
        k.required = true;
        return k;
    }
    [[nodiscard]] key otherwise(std::string text) const {
        key k = *this;
        k.default_text = std::move(text);
        return k;
    }
    [[nodiscard]] key from(std::uint64_t least) const {
        key k = *this;
        k.minimum = least;
        return k;
    }
    [[nodiscard]] key to(std::uint64_t most) const {
        key k = *this;
        k.maximum = most;
        return k;
    }
    [[nodiscard]] key in(std::string what) const {
        key k = *this;
        k.unit = std::move(what);
        return k;
    }
};

struct schema {
    std::string title;
    std::string help;
    std::vector<key> keys;
};

/// A map that has been read against its schema: every value in it, however deep, is of its kind and in its range.
class section {
  public:
    /// Throws input_error, or input_errors with all that is wrong: unknown or missing key (with the nearest name),
    /// wrong type, bad unit, out of range.
    section(const node& map, const schema& s);

    /// The value, or the default. Throws std::logic_error for a key that the schema doesn't have, or of another kind.
    [[nodiscard]] std::uint64_t
    number(std::string_view name) const; ///< number, bytes, time (ps), rate, choice (its index)
    [[nodiscard]] bool flag(std::string_view name) const;
    [[nodiscard]] const std::string& text(std::string_view name) const;
    /// Whether the file has the key.
    [[nodiscard]] bool has(std::string_view name) const;
    /// A map or variant that is there.
    [[nodiscard]] const section& child(std::string_view name) const;
    /// The members of a named, the elements of a list (with empty names); in the order of the file.
    struct member {
        std::string name;
        place where; ///< of the name
        std::shared_ptr<const section> value;
    };
    [[nodiscard]] const std::vector<member>& members(std::string_view name) const;
    /// The elements of a list of plain values, in the order of the file.
    struct plain_value {
        std::string text;
        place where;
    };
    [[nodiscard]] const std::vector<plain_value>& values(std::string_view name) const;
    /// Reads a map declared elsewhere; an absent one has no keys. A key with dots, "tlb.entries", may be said as a map
    /// in a map too.
    [[nodiscard]] section declared(std::string_view name, const schema& s) const;

    [[nodiscard]] const place& where() const { return where_; }
    /// Of the value, or of the map itself when the file doesn't have the key.
    [[nodiscard]] const place& where(std::string_view name) const;
    /// The value as it was written, or as its default is.
    [[nodiscard]] std::string written(std::string_view name) const;
    [[nodiscard]] const schema& declaration() const { return *schema_; }

    /// A name for the members of a named: a letter, then letters, digits and underscores.
    static void check_name(const node& name);

  private:
    struct entry {
        const key* declaration;
        place where;
        bool given = false;
        std::uint64_t number = 0;
        std::string text;
        std::shared_ptr<const section> child;
        std::vector<member> members;
        std::vector<plain_value> values;
        node raw;
    };
    [[nodiscard]] const entry& find(std::string_view name) const;
    void read(entry& e, const node& value);
    void read_scalar(entry& e, const node& value);
    void read_default(entry& e);

    const schema* schema_;
    place where_;
    std::map<std::string, entry, std::less<>> entries_;
};

/// Markdown: a table of keys for the schema, and for each that it refers to, each once.
std::string reference(const std::vector<const schema*>& schemas);

} // namespace iommulab::settings
