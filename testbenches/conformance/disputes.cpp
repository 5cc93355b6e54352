// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/disputes.h"

#include "traces/json_document.h"

namespace iommulab::conformance {

dispute_list::dispute_list(const std::string& path) {
    const auto document = traces::read_json(path);
    document->root().expect_members({"disputed"});
    for (const traces::json_node& node : document->root().at("disputed").elements()) {
        node.expect_members({"machine", "vector", "section", "reason"});
        const std::pair key{node.at("machine").text(), node.at("vector").text()};
        if (!disputes_.try_emplace(key, dispute{node.at("section").text(), node.at("reason").text()}).second) {
            node.at("vector").fail_value("a vector that is not in the list yet");
        }
    }
}

const dispute* dispute_list::find(const std::string& machine, const std::string& vector) const {
    const auto found = disputes_.find({machine, vector});
    return found == disputes_.end() ? nullptr : &found->second;
}

} // namespace iommulab::conformance
