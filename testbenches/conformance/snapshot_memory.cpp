// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/snapshot_memory.h"

#include <utility>

namespace iommulab::conformance {

snapshot_memory::snapshot_memory(const traces::snapshot& state) {
    traces::pages_reader reader(state.file("pages.jsonl"));
    for (traces::table_page page; reader.next(page);) {
        const std::uint64_t address = page.address;
        pages_[address] = std::move(page);
    }
}

std::map<std::uint64_t, std::vector<std::uint8_t>> snapshot_memory::pages_of(std::string_view kind) const {
    std::map<std::uint64_t, std::vector<std::uint8_t>> found;
    for (const auto& [address, page] : pages_) {
        if (page.kind.starts_with(kind)) {
            found[address] = page.bytes;
        }
    }
    return found;
}

std::uint64_t snapshot_memory::word(std::uint64_t address) const {
    auto page = pages_.upper_bound(address);
    if (page == pages_.begin()) {
        return 0;
    }
    --page;
    const std::uint64_t offset = address - page->first;
    std::uint64_t value = 0;
    for (std::uint64_t i = 8; i-- > 0;) {
        value = value << 8 | (offset + i < page->second.bytes.size() ? page->second.bytes[offset + i] : 0);
    }
    return value;
}

std::vector<std::uint64_t> snapshot_memory::words(std::uint64_t address, std::size_t count) const {
    std::vector<std::uint64_t> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = word(address + 8 * i);
    }
    return values;
}

} // namespace iommulab::conformance
