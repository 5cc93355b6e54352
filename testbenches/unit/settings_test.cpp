// SPDX-License-Identifier: Apache-2.0
// Rule: what people write is read as what it says, or refused at its place.
#include "platforms/settings/schema.h"
#include "platforms/settings/settings_node.h"
#include "platforms/settings/settings_units.h"
#include "traces/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace iommulab::settings {
namespace {

using testing::HasSubstr;

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const input_error& e) {
        return e.what();
    }
    return "no error";
}

TEST(settings_units, bytes) {
    EXPECT_EQ(parse_bytes("4096"), 4096);
    EXPECT_EQ(parse_bytes("0x1000"), 4096);
    EXPECT_EQ(parse_bytes("4KiB"), 4096);
    EXPECT_EQ(parse_bytes("4 KiB"), 4096);
    EXPECT_EQ(parse_bytes("15PiB"), std::uint64_t{15} << 50);
    EXPECT_EQ(parse_bytes("16383PiB"), std::uint64_t{16383} << 50);
    for (const char* wrong :
         {"", "KiB", "4KB", "4kib", "-1", "1.5KiB", "0x10KiB", "16384PiB", "4KiB ", "18446744073709551616"})
        EXPECT_FALSE(parse_bytes(wrong)) << wrong;
}

TEST(settings_units, times) {
    EXPECT_EQ(parse_time_ps("0"), 0);
    EXPECT_EQ(parse_time_ps("2.5ns"), 2500);
    EXPECT_EQ(parse_time_ps("1 us"), 1'000'000);
    EXPECT_EQ(parse_time_ps("3s"), 3'000'000'000'000);
    EXPECT_EQ(parse_time_ps("0.001ns"), 1);
    for (const char* wrong :
         {"", "1", "ns", "1.ns", ".5ns", "0.5ps", "0.0001ns", "1.00001ns", "1h", "-1ns", "99999999s"})
        EXPECT_FALSE(parse_time_ps(wrong)) << wrong;
}

TEST(settings_units, rates) {
    EXPECT_EQ(parse_rate("3.938GB/s"), 3'938'000'000);
    EXPECT_EQ(parse_rate("0B/s"), 0);
    for (const char* wrong : {"1", "1GB", "1GiB/s", "0.5B/s"})
        EXPECT_FALSE(parse_rate(wrong)) << wrong;
}

TEST(settings_units, texts_read_back_the_same) {
    for (const std::uint64_t value : {0ULL, 1ULL, 1023ULL, 1024ULL, 1536ULL, 1ULL << 30, ~0ULL}) {
        EXPECT_EQ(parse_bytes(bytes_text(value)), value);
        EXPECT_EQ(parse_time_ps(time_text(value)), value);
        EXPECT_EQ(parse_rate(rate_text(value)), value);
    }
}

TEST(settings_units, nearest_name) {
    const std::vector<std::string> names{"requests", "source_id", "iommu"};
    EXPECT_EQ(nearest("requestz", names), "requests");
    EXPECT_EQ(nearest("reqeusts", names), "requests");
    EXPECT_EQ(nearest("sourceid", names), "source_id");
    EXPECT_EQ(nearest("zzzzzzzz", names), "");
    EXPECT_EQ(nearest("smmu", {"arm-smmu-v3", "intel", "fsl-pamu"}), "arm-smmu-v3");
    EXPECT_EQ(nearest("vtd-", {"vtd-strict", "vtd-scalable-mode"}), "");
    EXPECT_EQ(one_of("requestz", names), "'requests' (one of requests, source_id, iommu)");
    EXPECT_EQ(one_of("zzzzzzzz", names), "one of requests, source_id, iommu");
    EXPECT_EQ(one_of("zzzzzzzz", {"only"}), "'only'");
}

TEST(names, a_choice_is_exact_or_else_a_part) {
    const std::vector<std::string> names{"vtd/walk", "vtd/walk-nested", "amd/wait"};
    EXPECT_EQ(chosen(names, {}, "--only"), (std::vector<bool>{true, true, true}));
    EXPECT_EQ(chosen(names, {"walk"}, "--only"), (std::vector<bool>{true, false, false}));
    EXPECT_EQ(chosen(names, {"wal", "amd/wait"}, "--only"), (std::vector<bool>{true, true, true}));
    try {
        chosen(names, {"wiat"}, "--only");
        FAIL() << "chooses nothing";
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(), "--only: found 'wiat', expected 'wait'");
    }
}

TEST(settings_yaml, places_count_from_one) {
    const node root = parse_yaml("a: 1\nb:\n  - {c: 2}\n", "f.yaml");
    EXPECT_EQ(root.find("a")->where.line, 1);
    EXPECT_EQ(root.find("a")->where.column, 4);
    const node& c = *root.find("b")->elements.at(0).find("c");
    EXPECT_EQ(c.where.line, 3);
    EXPECT_EQ(c.where.column, 9);
}

TEST(settings_yaml, what_is_no_settings_file) {
    const auto message = [](const char* text) { return message_of([=] { parse_yaml(text, "f.yaml"); }); };
    EXPECT_EQ(message("a: 1\na: 2\n"), "f.yaml:2:1: found 'a' a second time, expected each name once");
    EXPECT_EQ(message("? [1]\n: 2\n"), "f.yaml:1:3: found a list as a key, expected a name");
    EXPECT_EQ(message("a: 1\n--- \nb: 2\n"), "f.yaml:3:1: found a second document, expected one document");
    EXPECT_THAT(message("a: {b: 1\n"), HasSubstr("expected well-formed YAML"));
    EXPECT_THAT(message("&a [*a]"), HasSubstr("expected at most 64"));
    // each alias stands for ten of the line above: a billion values in a few hundred bytes
    std::string bomb = "a0: &a0 x\n";
    for (int n = 1; n < 10; ++n) {
        const std::string last = "*a" + std::to_string(n - 1);
        bomb += "a" + std::to_string(n) + ": &a" + std::to_string(n) + " [";
        for (int k = 0; k < 10; ++k)
            bomb += (k ? "," : "") + last;
        bomb += "]\n";
    }
    EXPECT_THAT(message(bomb.c_str()), HasSubstr("expected a smaller file"));
}

TEST(settings_yaml, files_have_an_end_and_a_failed_read_is_none) {
    const auto message = [](const char* path) { return message_of([=] { read_yaml_file(path); }); };
    EXPECT_EQ(message("/dev/zero"), "/dev/zero:1: found more than 16 MiB of text, expected a smaller file");
    // the first page of a process is never mapped: reading it fails
    EXPECT_THAT(message("/proc/self/mem"), HasSubstr("/proc/self/mem: found a read error: "));
    EXPECT_THAT(message("/"), HasSubstr("found a folder"));
    EXPECT_THAT(message("/none"), HasSubstr("found No such file"));
}

TEST(settings_overrides, replace_and_add_by_path) {
    node root = parse_yaml("masters: {nic: {outstanding: 1}}\nlist: [{a: 1}, {a: 2}]\n", "f.yaml");
    override_value(root, "masters.nic.outstanding=4");
    override_value(root, "masters.nic.burst=64B");
    override_value(root, "list.1.a=7");
    override_value(root, "new.map={x: 1}");
    root.members.emplace_back(node{node::kind::scalar, root.where, "dotted.name", {}, {}}, node{});
    override_value(root, "dotted.name=5");
    EXPECT_EQ(root.find("dotted.name")->text, "5");
    EXPECT_EQ(root.find("dotted"), nullptr);
    EXPECT_EQ(root.find("masters")->find("nic")->find("outstanding")->text, "4");
    EXPECT_EQ(root.find("masters")->find("nic")->find("burst")->text, "64B");
    EXPECT_EQ(root.find("list")->elements[1].find("a")->text, "7");
    EXPECT_EQ(root.find("new")->find("map")->find("x")->text, "1");
}

TEST(settings_overrides, errors_name_the_argument) {
    const auto message = [](const char* argument) {
        return message_of([=] {
            node root = parse_yaml("a: 1\nlist: [1]\n", "f.yaml");
            override_value(root, argument);
        });
    };
    EXPECT_THAT(message("a"), HasSubstr("--set a: found 'a', expected KEY=VALUE"));
    EXPECT_THAT(message("=1"), HasSubstr("expected KEY=VALUE"));
    EXPECT_THAT(message("a..b=1"), HasSubstr("expected names with single dots between"));
    EXPECT_THAT(message("a.b=1"), HasSubstr("found 'b' below '1', which is a value"));
    EXPECT_THAT(message("list.1=1"), HasSubstr("expected the number of an element, below 1"));
    EXPECT_THAT(message("b=[1"), HasSubstr("--set b=[1:1:1: found"));
}

const schema& inner() {
    static const schema s{
        "inner", "", {{.name = "time", .kind = value_kind::time, .default_text = "5ns", .maximum = 10'000}}};
    return s;
}
const schema& one() {
    static const schema s{
        "one",
        "",
        {{.name = "n", .kind = value_kind::number, .required = true, .minimum = 2, .maximum = 9, .unit = "things"}}};
    return s;
}
const schema& outer() {
    static const schema s{"outer",
                          "",
                          {{.name = "flag", .kind = value_kind::boolean, .default_text = "true"},
                           {.name = "inner", .kind = value_kind::map, .child = &inner()},
                           {.name = "named", .kind = value_kind::named, .child = &one()},
                           {.name = "kind", .kind = value_kind::variant, .variants = {&one(), &inner()}}}};
    return s;
}

TEST(settings_schema, defaults_and_values) {
    const node root =
        parse_yaml("inner: {time: 2ns}\nnamed: {x: {n: 3}, y: {n: 4}}\nkind: {type: one, n: 5}\n", "f.yaml");
    const section s(root, outer());
    EXPECT_TRUE(s.flag("flag"));
    EXPECT_FALSE(s.has("flag"));
    EXPECT_EQ(s.child("inner").number("time"), 2000);
    ASSERT_EQ(s.members("named").size(), 2);
    EXPECT_EQ(s.members("named")[1].name, "y");
    EXPECT_EQ(s.members("named")[1].value->number("n"), 4);
    EXPECT_EQ(s.child("kind").declaration().title, "one");
    const section empty(parse_yaml("inner:\n", "f.yaml"), outer());
    EXPECT_EQ(empty.child("inner").number("time"), 5000);
    EXPECT_THROW((void)s.number("no such key"), std::logic_error);
}

TEST(settings_schema, errors) {
    const auto message = [](const char* text) {
        return message_of([=] { section(parse_yaml(text, "f.yaml"), outer()); });
    };
    EXPECT_EQ(message("flag: yes"), "f.yaml:1:7: found 'yes' for flag, expected true or false");
    EXPECT_EQ(message("falg: true"),
              "f.yaml:1:1: found unknown key 'falg' in outer, expected 'flag' (one of flag, inner, named, kind)");
    EXPECT_EQ(message("inner: {time: 11ns}"), "f.yaml:1:15: found '11ns' for time, expected 0ps to 10ns");
    EXPECT_EQ(message("named: {x: {n: 1}}"), "f.yaml:1:16: found '1' for n, expected 2 to 9 things");
    EXPECT_EQ(message("named: {x: {}}"), "f.yaml:1:12: found no 'n' in one, expected a whole number (things)");
    EXPECT_EQ(message("named: {9: {n: 2}}"),
              "f.yaml:1:9: found '9', expected a name: a letter, then letters, digits and underscores, at most 64");
    EXPECT_EQ(message("kind: {type: two}"), "f.yaml:1:14: found 'two' for type of kind, expected one of one, inner");
    EXPECT_EQ(message("kind: {}"), "f.yaml:1:7: found no 'type' in kind, expected one of its types");
    EXPECT_EQ(message("named: 3"), "f.yaml:1:8: found '3' for named, expected a map");
    EXPECT_EQ(message("flag:\n"), "f.yaml:1:1: found nothing for flag, expected true or false");
}

TEST(settings_schema, all_errors_are_told_at_once) {
    const auto what = message_of([] {
        section(parse_yaml("flag: yes\nfalg: 1\nnamed: {x: {n: 1}, y: {}, z: {n: 3}}\nkind: {type: one}\n", "f.yaml"),
                outer());
    });
    EXPECT_EQ(what, "f.yaml:1:7: found 'yes' for flag, expected true or false\n"
                    "f.yaml:2:1: found unknown key 'falg' in outer, expected 'flag' (one of flag, inner, named, kind)\n"
                    "f.yaml:3:16: found '1' for n, expected 2 to 9 things\n"
                    "f.yaml:3:23: found no 'n' in one, expected a whole number (things)\n"
                    "f.yaml:4:7: found no 'n' in one, expected a whole number (things)");
}

} // namespace
} // namespace iommulab::settings
