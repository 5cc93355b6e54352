// SPDX-License-Identifier: Apache-2.0
#include "traces/vectors.h"

#include "traces/json_document.h"
#include "traces/number.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace iommulab::traces {

namespace {

constexpr std::array<std::pair<const char*, vector_operation>, 7> operations{{
    {"mem_write", vector_operation::mem_write},
    {"mem_fill", vector_operation::mem_fill},
    {"mem_check", vector_operation::mem_check},
    {"reg_write", vector_operation::reg_write},
    {"reg_check", vector_operation::reg_check},
    {"dma_read", vector_operation::dma_read},
    {"dma_write", vector_operation::dma_write},
}};
constexpr std::array<std::pair<const char*, vector_result>, 4> results{{
    {"ok", vector_result::ok},
    {"fault", vector_result::fault},
    {"partial", vector_result::partial},
    {"any", vector_result::any},
}};

constexpr std::uint64_t largest_dma_bytes = std::uint64_t{1} << 22;
/// What the steps of a vector may write of memory, in blocks; no recorded program comes near. A machine keeps what was
/// written, so that a file of a few lines could ask for all the memory there is.
constexpr std::uint64_t written_block_bytes = std::uint64_t{1} << 16;
constexpr std::uint64_t most_written_blocks = 4096;

/// The members of a step: its inputs and, of a check, the outcome.
struct step_members {
    std::vector<std::string_view> inputs;
    std::vector<std::string_view> outcome;
};

step_members members_of(vector_operation operation) {
    switch (operation) {
    case vector_operation::mem_write:
        return {{"addr", "data"}, {}};
    case vector_operation::mem_fill:
        return {{"addr", "len", "byte"}, {}};
    case vector_operation::mem_check:
        return {{"addr", "len"}, {"data"}};
    case vector_operation::reg_write:
        return {{"off", "width", "val", "space"}, {}};
    case vector_operation::reg_check:
        return {{"off", "width", "mask", "space"}, {"val"}};
    case vector_operation::dma_read:
        return {{"rid", "iova", "len"}, {"result", "data"}};
    default:
        return {{"rid", "iova", "data", "watch"}, {"result", "after"}};
    }
}

bool is_check(vector_operation operation) {
    return !members_of(operation).outcome.empty();
}

void expect_members(const json_node& node, vector_operation operation) {
    std::vector<std::string_view> known{"op", "note"};
    const step_members own = members_of(operation);
    known.insert(known.end(), own.inputs.begin(), own.inputs.end());
    if (is_check(operation)) {
        known.insert(known.end(), own.outcome.begin(), own.outcome.end());
        known.insert(known.end(), {"arch", "deviation", "alt", "unreviewed"});
    }
    node.expect_members(known);
}

template <class Table>
auto one_of(const json_node& node, const Table& table) {
    const std::string name = node.text();
    std::string names;
    for (const auto& [known, value] : table) {
        if (name == known) {
            return value;
        }
        names += (names.empty() ? "" : ", ") + std::string(known);
    }
    node.fail_value("one of " + names);
}

memory_range read_range(const json_node& node) {
    node.expect_members({"base", "size", "note"});
    const memory_range range{node.at("base").number(), node.at("size").number()};
    if (range.size_bytes == 0 || range.base + (range.size_bytes - 1) < range.base) {
        node.fail("a range of " + hex(range.size_bytes) + " bytes from " + hex(range.base),
                  "one inside 64 bits of address");
    }
    return range;
}

/// Reads the outcome fields of a step or, with `partly`, those that `arch` or `alt` name.
void read_outcome(const json_node& node, vector_operation operation, vector_outcome& outcome) {
    const bool dma = operation == vector_operation::dma_read || operation == vector_operation::dma_write;
    if (const auto result = node.find("result"); result && dma) {
        outcome.result = one_of(*result, results);
        if (outcome.result == vector_result::fault) {
            outcome.data.reset();
        }
    }
    if (const auto data = node.find("data"); data && operation != vector_operation::dma_write) {
        outcome.data = data->bytes();
    }
    if (const auto value = node.find("val"); value && operation == vector_operation::reg_check) {
        outcome.value = value->number();
    }
    if (const auto after = node.find("after"); after && operation == vector_operation::dma_write) {
        outcome.after = after->bytes();
    }
}

std::uint64_t read_size(const json_node& node, std::uint64_t limit) {
    const std::uint64_t size_bytes = node.number(limit);
    if (size_bytes == 0) {
        node.fail_value("at least one byte");
    }
    return size_bytes;
}

void read_fields(const json_node& node, const vector_file& file, vector_step& step) {
    switch (step.operation) {
    case vector_operation::mem_write:
        step.address = node.at("addr").number();
        step.data = node.at("data").bytes();
        step.size_bytes = step.data.size();
        break;
    case vector_operation::mem_fill:
        step.address = node.at("addr").number();
        step.size_bytes = read_size(node.at("len"), most_written_blocks * written_block_bytes);
        step.value = node.at("byte").number(0xff);
        break;
    case vector_operation::mem_check:
        step.address = node.at("addr").number();
        step.size_bytes = read_size(node.at("len"), most_written_blocks * written_block_bytes);
        break;
    case vector_operation::reg_write:
    case vector_operation::reg_check:
        step.address = node.at("off").number();
        step.size_bytes = node.at("width").number(8);
        if (step.size_bytes == 0 || (step.size_bytes & (step.size_bytes - 1)) != 0) {
            node.at("width").fail_value("1, 2, 4 or 8 bytes");
        }
        if (const auto space = node.find("space")) {
            step.space = space->text();
        }
        if (step.operation == vector_operation::reg_write) {
            step.value = node.at("val").number();
        } else if (const auto mask = node.find("mask")) {
            step.mask = mask->number();
        }
        break;
    case vector_operation::dma_read:
    case vector_operation::dma_write:
        step.address = node.at("iova").number();
        step.source_id = static_cast<std::uint32_t>(node.at("rid").number(0xffffffff));
        if (step.operation == vector_operation::dma_read) {
            step.size_bytes = read_size(node.at("len"), largest_dma_bytes);
        } else {
            step.data = node.at("data").bytes();
            step.size_bytes = step.data.size();
            if (const auto watch = node.find("watch")) {
                step.watch = watch->number();
            }
        }
        break;
    }
    const bool memory = step.operation == vector_operation::mem_write || step.operation == vector_operation::mem_fill ||
                        step.operation == vector_operation::mem_check;
    if (memory && std::none_of(file.memory.begin(), file.memory.end(),
                               [&](const memory_range& ram) { return ram.contains(step.address, step.size_bytes); })) {
        node.at("addr").fail_value("a range inside the memory that the file's \"ram\" lists");
    }
}

void check_outcome(const json_node& node, const vector_step& step, const vector_outcome& outcome, bool whole) {
    const bool dma = step.operation == vector_operation::dma_read || step.operation == vector_operation::dma_write;
    if (whole && dma && !outcome.result) {
        node.fail("no member \"result\"", "it to be there");
    }
    if (whole && step.operation == vector_operation::mem_check && !outcome.data) {
        node.fail("no member \"data\"", "it to be there");
    }
    if (whole && step.operation == vector_operation::reg_check && !outcome.value) {
        node.fail("no member \"val\"", "it to be there");
    }
    if (outcome.data && outcome.data->size() != step.size_bytes) {
        node.fail(std::to_string(outcome.data->size()) + " bytes of data",
                  std::to_string(step.size_bytes) + ", as \"len\" says");
    }
}

/// The outcome fields in `arch` or an element of `alt`.
void read_other_outcome(const json_node& node, vector_operation operation, vector_outcome& outcome) {
    std::vector<std::string_view> known = members_of(operation).outcome;
    known.emplace_back("note");
    node.expect_members(known);
    read_outcome(node, operation, outcome);
}

vector_step read_step(const json_node& node, const vector_file& file) {
    vector_step step;
    step.operation = one_of(node.at("op"), operations);
    step.line = node.position().line;
    expect_members(node, step.operation);
    read_fields(node, file, step);
    read_outcome(node, step.operation, step.expected);
    if (const auto arch = node.find("arch")) {
        read_other_outcome(*arch, step.operation, step.expected);
    }
    check_outcome(node, step, step.expected, true);
    if (const auto alternatives = node.find("alt")) {
        for (const json_node& alternative : alternatives->elements()) {
            vector_outcome outcome;
            read_other_outcome(alternative, step.operation, outcome);
            check_outcome(alternative, step, outcome, false);
            step.alternatives.push_back(std::move(outcome));
        }
    }
    if (const auto unreviewed = node.find("unreviewed")) {
        step.unreviewed = unreviewed->boolean();
    }
    if (const auto note = node.find("note")) {
        step.note = note->text();
    }
    return step;
}

/// Counts the blocks of memory that a vector writes; past an IOMMU, input addresses stand for those they lead to.
class written_memory {
  public:
    void add(const json_node& node, const vector_step& step) {
        const auto op = step.operation;
        if (step.size_bytes == 0 || (op != vector_operation::mem_write && op != vector_operation::mem_fill &&
                                     op != vector_operation::dma_write)) {
            return;
        }
        const std::uint64_t first = step.address / written_block_bytes;
        const std::uint64_t count = (step.address % written_block_bytes + step.size_bytes - 1) / written_block_bytes;
        for (std::uint64_t block = first; block <= first + count && blocks_.size() <= most_written_blocks; ++block) {
            blocks_.insert(block);
        }
        if (blocks_.size() > most_written_blocks) {
            node.fail("a vector that writes more than " + std::to_string(most_written_blocks) +
                          " blocks of 64 KiB of memory",
                      "no more, in one vector");
        }
    }

  private:
    std::set<std::uint64_t> blocks_;
};

test_vector read_vector(const json_node& node, const vector_file& file) {
    node.expect_members({"name", "machine", "desc", "tags", "qemu_deviations", "notes", "steps"});
    test_vector vector;
    vector.name = node.at("name").text();
    vector.machine = node.at("machine").text();
    vector.line = node.position().line;
    if (const auto description = node.find("desc")) {
        vector.description = description->text();
    }
    if (const auto tags = node.find("tags")) {
        for (const json_node& tag : tags->elements()) {
            vector.tags.push_back(tag.text());
        }
    }
    written_memory written;
    for (const json_node& step : node.at("steps").elements()) {
        try {
            vector_step next = read_step(step, file);
            written.add(step, next);
            vector.steps.push_back(std::move(next));
        } catch (const input_error& error) {
            throw input_error(error.file(), error.line(), error.column(),
                              error.found() + " (vector " + vector.name + ", step " +
                                  std::to_string(vector.steps.size()) + ')',
                              error.expected());
        }
    }
    if (std::none_of(vector.steps.begin(), vector.steps.end(),
                     [](const vector_step& step) { return is_check(step.operation); })) {
        node.at("steps").fail("no step that checks anything (vector " + vector.name + ')',
                              "a mem_check, reg_check, dma_read or dma_write");
    }
    return vector;
}

} // namespace

std::map<std::uint64_t, std::uint64_t> vector_file::id_registers(const std::string& machine) const {
    std::map<std::uint64_t, std::uint64_t> values;
    for (const test_vector& vector : vectors) {
        if (vector.machine != machine ||
            std::find(vector.tags.begin(), vector.tags.end(), "regs") == vector.tags.end()) {
            continue;
        }
        for (const vector_step& step : vector.steps) {
            if (step.operation == vector_operation::reg_check && step.space.empty() && step.expected.value) {
                values.emplace(step.address, *step.expected.value);
            }
        }
    }
    return values;
}

vector_file read_vectors(const std::string& path) {
    const auto document = read_json(path);
    const json_node root = document->root();
    root.expect_members(
        {"format", "iommu", "oracle", "ram", "harness_reserved", "masters", "config", "notes", "vectors"});
    vector_file file;
    file.path = path;
    if (const json_node format = root.at("format"); format.number() != 1) {
        format.fail_value("1, the format this program reads");
    }
    file.iommu = root.at("iommu").text();
    if (const auto oracle = root.find("oracle")) {
        file.oracle = oracle->text();
    }
    for (const json_node& range : root.at("ram").elements()) {
        file.memory.push_back(read_range(range));
    }
    if (const auto masters = root.find("masters")) {
        for (const json_node& master : masters->elements()) {
            file.masters.push_back(static_cast<std::uint32_t>(master.number(0xffffffff)));
        }
    }
    std::set<std::string> names;
    for (const json_node& node : root.at("vectors").elements()) {
        file.vectors.push_back(read_vector(node, file));
        if (!names.insert(file.vectors.back().name).second) {
            node.at("name").fail_value("a name that no vector before it in the file has");
        }
    }
    return file;
}

const char* to_string(vector_operation operation) {
    return operations[static_cast<std::size_t>(operation)].first;
}

const char* to_string(vector_result result) {
    return results[static_cast<std::size_t>(result)].first;
}

} // namespace iommulab::traces
