// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/junit.h"

#include <gtest/gtest.h>

namespace iommulab::results {
namespace {

TEST(junit, totals_and_outcomes) {
    const std::string text = junit_text("all", {{"a",
                                                 {{"one", junit_outcome::passed, "", ""},
                                                  {"two", junit_outcome::failed, "found 1", "step 2\nstep 3"},
                                                  {"three", junit_outcome::skipped, "why", "more"}}},
                                                {"b", {{"four", junit_outcome::passed, "", "seen"}}}});
    EXPECT_EQ(text, R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="all" tests="4" failures="1" errors="0" skipped="1">
  <testsuite name="a" tests="3" failures="1" errors="0" skipped="1">
    <testcase classname="a" name="one"/>
    <testcase classname="a" name="two">
      <failure message="found 1">step 2
step 3</failure>
    </testcase>
    <testcase classname="a" name="three">
      <skipped message="why"/>
      <system-out>more</system-out>
    </testcase>
  </testsuite>
  <testsuite name="b" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="b" name="four">
      <system-out>seen</system-out>
    </testcase>
  </testsuite>
</testsuites>
)");
}

TEST(junit, what_xml_cannot_hold_is_replaced) {
    const auto name_of = [](const std::string& name) {
        const std::string text = junit_text("", {{"", {{name, junit_outcome::passed, "", ""}}}});
        const std::string before = "classname=\"\" name=\"";
        const std::size_t from = text.find(before) + before.size();
        return text.substr(from, text.find("\"/>", from) - from);
    };
    EXPECT_EQ(name_of("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    EXPECT_EQ(name_of("a\nb\tc\r"), "a&#10;b&#9;c&#13;");
    EXPECT_EQ(name_of(std::string("a\0b\x1b", 4)), "a?b?");
    EXPECT_EQ(name_of("é€😀"), "é€😀");
    EXPECT_EQ(name_of("\xc3"), "?");                     // ends early
    EXPECT_EQ(name_of("\xc0\xaf"), "??");                // longer than need be
    EXPECT_EQ(name_of("\xed\xa0\x80"), "???");           // half a surrogate pair
    EXPECT_EQ(name_of("\xf4\x90\x80\x80\xff"), "?????"); // beyond Unicode
    EXPECT_EQ(name_of("\xef\xbf\xbf"), "???");           // no character
}

} // namespace
} // namespace iommulab::results
