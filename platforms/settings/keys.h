// SPDX-License-Identifier: Apache-2.0
// Declarations of keys, in few words: `bytes("size", "how much").needed().from(1)`.
#pragma once

#include "platforms/settings/schema.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::settings::keys {

inline key text(std::string name, std::string help, bool required = false) {
    return {.name = std::move(name), .kind = value_kind::text, .help = std::move(help), .required = required};
}
inline key bytes(std::string name, std::string help, bool required = false) {
    return {.name = std::move(name), .kind = value_kind::bytes, .help = std::move(help), .required = required};
}
inline key time(std::string name, std::string help) {
    return {.name = std::move(name), .kind = value_kind::time, .help = std::move(help)};
}
inline key rate(std::string name, std::string help) {
    return {.name = std::move(name), .kind = value_kind::rate, .help = std::move(help)};
}
inline key count(std::string name, std::string help, std::uint64_t least = 0, std::uint64_t most = ~std::uint64_t{0},
                 std::string otherwise = "") {
    return {.name = std::move(name),
            .kind = value_kind::number,
            .default_text = std::move(otherwise),
            .help = std::move(help),
            .minimum = least,
            .maximum = most};
}
inline key flag(std::string name, std::string help, std::string otherwise = "") {
    return {.name = std::move(name),
            .kind = value_kind::boolean,
            .default_text = std::move(otherwise),
            .help = std::move(help)};
}
inline key choice(std::string name, std::string help, std::vector<std::string> choices, std::string otherwise = "") {
    return {.name = std::move(name),
            .kind = value_kind::choice,
            .default_text = std::move(otherwise),
            .help = std::move(help),
            .choices = std::move(choices)};
}
inline key map_of(std::string name, std::string help, const schema& s) {
    return {.name = std::move(name), .kind = value_kind::map, .help = std::move(help), .child = &s};
}
inline key named(std::string name, std::string help, const schema& s) {
    return {.name = std::move(name), .kind = value_kind::named, .help = std::move(help), .child = &s};
}
inline key list_of(std::string name, std::string help, const schema& s) {
    return {.name = std::move(name), .kind = value_kind::list, .help = std::move(help), .child = &s};
}
inline key values(std::string name, std::string help) {
    return {.name = std::move(name), .kind = value_kind::values, .help = std::move(help)};
}
inline key variant(std::string name, std::string help, std::vector<const schema*> variants) {
    return {
        .name = std::move(name), .kind = value_kind::variant, .help = std::move(help), .variants = std::move(variants)};
}
inline key elsewhere(std::string name, std::string help) {
    return {.name = std::move(name), .kind = value_kind::elsewhere, .help = std::move(help)};
}

} // namespace iommulab::settings::keys
