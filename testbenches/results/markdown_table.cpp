// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/markdown_table.h"

namespace iommulab::results {

namespace {

std::string escaped_cell(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.insert(at, "\\");
    return text;
}

} // namespace

std::string markdown_table(const std::vector<std::vector<std::string>>& rows) {
    std::string all;
    for (std::size_t n = 0; n < rows.size(); ++n) {
        all += "|";
        for (const std::string& cell : rows[n])
            all += " " + escaped_cell(cell) + " |";
        all += "\n";
        if (n == 0) {
            all += "|";
            for (std::size_t c = 0; c < rows[0].size(); ++c)
                all += "---|";
            all += "\n";
        }
    }
    return all;
}

} // namespace iommulab::results
