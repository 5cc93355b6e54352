// SPDX-License-Identifier: Apache-2.0
// JSON with positions: what is accepted (RFC 8259), where values are, and what is said about the rest.
#include "traces/json_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iommulab::traces {
namespace {

using ::testing::HasSubstr;

/// What parsing says; empty: nothing.
std::string refusal(const std::string& text) {
    try {
        const json_document document("f", text);
    } catch (const input_error& error) {
        return error.what();
    }
    return "";
}

TEST(json, values_and_their_places) {
    const json_document document("f", "{\"a\": [1, {\"b\" :\n  \"0x10\"}, true],\n\"\\u0061b\": null}", 5);
    const json_node root = document.root();
    const auto elements = root.at("a").elements();
    ASSERT_EQ(elements.size(), 3u);
    EXPECT_EQ(elements[0].number(), 1u);
    EXPECT_EQ(elements[1].at("b").number(), 0x10u);
    EXPECT_EQ(elements[1].at("b").position().line, 6u);
    EXPECT_EQ(elements[1].at("b").position().column, 3u);
    EXPECT_TRUE(elements[2].boolean());
    EXPECT_EQ(elements[2].position().column, 12u);
    ASSERT_TRUE(root.find("ab")); // escaped in the text
    EXPECT_EQ(root.find("ab")->position().line, 7u);
    EXPECT_EQ(root.members()[1].first, "ab");
    EXPECT_FALSE(root.find("b"));
    EXPECT_FALSE(root.find("\\u0061b"));
}

TEST(json, a_key_a_second_time_is_refused_by_place) {
    EXPECT_EQ(refusal("{\"a\": 1,\n \"a\": 2}"), "f:2:2: found key 'a' a second time, expected each key once");
    EXPECT_EQ(refusal("{\"a\": 1, \"\\u0061\": 2}"), "f:1:10: found key 'a' a second time, expected each key once");
    EXPECT_EQ(refusal("[{\"x\": {\"k\": [], \"k\": [1]}}]"),
              "f:1:18: found key 'k' a second time, expected each key once");
    EXPECT_EQ(refusal("{\"a\": {\"a\": 1}, \"b\": [{\"a\": 1}, {\"a\": 1}]}"), "");
}

TEST(json, strings) {
    const auto text_of = [](const std::string& quoted) { return json_document("f", quoted).root().text(); };
    EXPECT_EQ(text_of(R"("a\"\\\/\b\f\n\r\t")"), "a\"\\/\b\f\n\r\t");
    EXPECT_EQ(text_of(R"("\u0041\u00e9\u20aC\ud83d\ude00é")"), "Aé€😀é");
    EXPECT_EQ(text_of("\"\\u0000\""), std::string(1, '\0'));
    EXPECT_THAT(refusal("\"a\nb\""), HasSubstr("f:1:3: found the byte 0xa"));
    EXPECT_THAT(refusal("\"a\x80\""), HasSubstr("f:1:3: found the byte 0x80"));
    EXPECT_THAT(refusal("\"\\x\""), HasSubstr("f:1:3: found 'x'"));
    EXPECT_THAT(refusal("\"\\u12g4\""), HasSubstr("f:1:6: found 'g'"));
    for (const char* half : {R"("\ud83d")", R"("\ude00")", R"("\ud83dA")", R"("\ud83d\u0041")"}) {
        EXPECT_THAT(refusal(half), HasSubstr("half of a surrogate pair")) << half;
    }
    EXPECT_THAT(refusal("\"\\"), HasSubstr("the end of the file"));
    EXPECT_THAT(refusal("\"abc"), HasSubstr("the end of the file"));
    EXPECT_THAT(refusal("\"\\u12"), HasSubstr("the end of the file"));
}

TEST(json, numbers) {
    const auto number_of = [](const std::string& text) { return json_document("f", text).root().number(); };
    EXPECT_EQ(number_of("0"), 0u);
    EXPECT_EQ(number_of("18446744073709551615"), ~std::uint64_t{0});
    EXPECT_EQ(number_of("\"0xff\""), 255u);
    for (const char* right : {"-0", "-12.5e+3", "1E9", "0.125"}) {
        EXPECT_EQ(refusal(right), "") << right;
        EXPECT_THROW(number_of(right), input_error) << right;
    }
    EXPECT_THROW(number_of("18446744073709551616"), input_error);
    EXPECT_THROW(number_of("\"12a\""), input_error);
    for (const char* wrong : {"01", "1.", ".5", "+1", "-", "1e", "0x10", "1.e3", "NaN", "- 1"}) {
        EXPECT_NE(refusal(wrong), "") << wrong;
    }
}

TEST(json, what_is_no_json) {
    for (const char* wrong :
         {"",         " ",          "tru",   "truee", "nul", "[1,]",      "[1 2]", "[,]",  "[",   "{",       "{\"a\"}",
          "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}", "[1}", "{\"a\":1]", "'a'",   "[1]]", "1 2", "// a\n1", "\v1"}) {
        EXPECT_NE(refusal(wrong), "") << wrong;
    }
    for (const char* right : {"[]", "{}", " [ ] ", "\t{ }\r\n", "[[], {}, \"\", 0, true, false, null]"}) {
        EXPECT_EQ(refusal(right), "") << right;
    }
    EXPECT_EQ(refusal("{\"a\": 1,\n  x}"), "f:2:3: found 'x', expected a key in double quotes");
    EXPECT_EQ(refusal(std::string(1, '\0')), "f:1:1: found the byte 0x0, expected a JSON value");
    EXPECT_EQ(refusal(std::string(64, '[') + std::string(64, ']')), "");
    EXPECT_THAT(refusal(std::string(65, '[') + '1' + std::string(65, ']')),
                HasSubstr("f:1:66: found values nested 65"));
    EXPECT_THAT(refusal(std::string(1'000'000, '[')), HasSubstr("at most 64"));
}

TEST(json, errors_name_the_member) {
    const json_document document("f", "{\"op\": \"jump\", \"n\": [7], \"o\": {}}");
    const auto said = [](const json_node& node) {
        try {
            node.fail_value("x");
        } catch (const input_error& error) {
            return std::string(error.what());
        }
    };
    EXPECT_EQ(said(document.root().at("op")), "f:1:8: found op = '\"jump\"', expected x");
    EXPECT_EQ(said(document.root().at("n")), "f:1:21: found n = an array, expected x");
    EXPECT_EQ(said(document.root().at("n").elements()[0]), "f:1:22: found '7', expected x");
    EXPECT_EQ(said(document.root()), "f:1:1: found an object, expected x");
    EXPECT_THROW(document.root().at("op").members(), input_error);
    EXPECT_THROW(document.root().at("op").find("a"), input_error);
    EXPECT_THROW(document.root().elements(), input_error);
}

} // namespace
} // namespace iommulab::traces
