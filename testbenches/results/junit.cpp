// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/junit.h"

#include "traces/utf8.h"

#include <algorithm>
#include <cstddef>

namespace iommulab::results {

namespace {

/// The bytes of the character that `text` begins with; 0 when it is none that XML 1.0 allows.
std::size_t character_bytes(std::string_view text) {
    const std::size_t bytes = traces::utf8_character_bytes(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool control = first < 0x20 && first != '\t' && first != '\n' && first != '\r';
    const bool no_character = text.starts_with("\xef\xbf\xbe") || text.starts_with("\xef\xbf\xbf");
    return control || no_character ? 0 : bytes;
}

/// `text` as content or as an attribute's value, in which line breaks have to be written as references.
std::string escaped(std::string_view text, bool attribute) {
    std::string out;
    while (!text.empty()) {
        const std::size_t bytes = character_bytes(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(bytes, 1));
        const char c = character[0];
        if (bytes == 0) {
            out += '?';
        } else if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '>') {
            out += "&gt;";
        } else if (attribute && c == '"') {
            out += "&quot;";
        } else if (c == '\r' || (attribute && (c == '\n' || c == '\t'))) {
            out += "&#" + std::to_string(static_cast<int>(c)) + ';';
        } else {
            out += character;
        }
        text.remove_prefix(character.size());
    }
    return out;
}

std::string attribute(const char* name, std::string_view value) {
    return std::string(" ") + name + "=\"" + escaped(value, true) + '"';
}

struct totals {
    std::size_t tests = 0, failures = 0, skipped = 0;

    void add(const junit_suite& suite) {
        for (const junit_case& c : suite.cases) {
            ++tests;
            failures += c.outcome == junit_outcome::failed;
            skipped += c.outcome == junit_outcome::skipped;
        }
    }
    [[nodiscard]] std::string text() const {
        return attribute("tests", std::to_string(tests)) + attribute("failures", std::to_string(failures)) +
               attribute("errors", "0") + attribute("skipped", std::to_string(skipped));
    }
};

void write_case(std::string& out, const junit_suite& suite, const junit_case& c) {
    out += "    <testcase" + attribute("classname", suite.name) + attribute("name", c.name);
    if (c.outcome == junit_outcome::passed && c.details.empty()) {
        out += "/>\n";
        return;
    }
    out += ">\n";
    const std::string details = escaped(c.details, false);
    if (c.outcome == junit_outcome::failed) {
        out += "      <failure" + attribute("message", c.message) + '>' + details + "</failure>\n";
    } else {
        if (c.outcome == junit_outcome::skipped) {
            out += "      <skipped" + attribute("message", c.message) + "/>\n";
        }
        if (!details.empty()) {
            out += "      <system-out>" + details + "</system-out>\n";
        }
    }
    out += "    </testcase>\n";
}

} // namespace

std::string junit_text(std::string_view name, const std::vector<junit_suite>& suites) {
    totals all;
    std::string body;
    for (const junit_suite& suite : suites) {
        totals own;
        own.add(suite);
        all.add(suite);
        body += "  <testsuite" + attribute("name", suite.name) + own.text() + ">\n";
        for (const junit_case& c : suite.cases) {
            write_case(body, suite, c);
        }
        body += "  </testsuite>\n";
    }
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + attribute("name", name) + all.text() + ">\n" +
           body + "</testsuites>\n";
}

} // namespace iommulab::results
