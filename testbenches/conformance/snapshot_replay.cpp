// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/snapshot_replay.h"

#include "testbenches/conformance/memory_tag.h"
#include "testbenches/results/figures.h"
#include "traces/number.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace iommulab::conformance {

using results::count_text;
using results::counted;
using traces::expected_row;
using traces::hex;

namespace {

constexpr std::uint64_t smallest_page_bytes = 4096;

class snapshot_run {
  public:
    snapshot_run(machine& target, recording_dialect& dialect, const traces::snapshot& state, machine_mode mode)
        : target_(target), dialect_(dialect), state_(state), mode_(mode) {
        result_.name = state.name;
    }

    case_result run() {
        target_.reset();
        load_pages();
        load_leaves();
        const std::string refused = dialect_.program(target_, state_);
        if (!refused.empty()) {
            fail(refused);
        } else {
            traces::expected_reader rows(state_.file("expected.csv"));
            for (expected_row row; rows.next(row);) {
                check(row);
            }
            expect_no_faults("after the last row");
        }
        result_.summary = counted(result_.checks, "row");
        if (result_.failures != 0) {
            result_.summary += ", " + std::to_string(result_.failures) + " failed";
        }
        result_.summary += result_.disputes();
        return std::move(result_);
    }

  private:
    struct leaf {
        std::uint64_t size_bytes;
        bool readable;
        bool writable;
    };

    void load_pages() {
        if (state_.registers.empty()) {
            return; // an IOMMU without tables in memory
        }
        traces::pages_reader pages(state_.file("pages.jsonl"));
        for (traces::table_page page; pages.next(page);) {
            if (!target_.write_memory(page.address, page.bytes)) {
                fail("no memory for the page at " + hex(page.address));
            }
            for (std::uint64_t at = 0; at < page.bytes.size(); at += smallest_page_bytes) {
                table_pages_.insert((page.address + at) / smallest_page_bytes);
            }
        }
    }

    void load_leaves() {
        traces::leaves_reader leaves(state_.file("leaves.csv"));
        for (traces::leaf_row row; leaves.next(row);) {
            for (const std::uint32_t source : row.source_ids) {
                leaves_[{source, row.iova}] = {row.size_bytes, row.readable, row.writable};
            }
        }
    }

    const leaf* find_leaf(std::uint32_t source, std::uint64_t iova) const {
        auto found = leaves_.upper_bound({source, iova});
        if (found == leaves_.begin()) {
            return nullptr;
        }
        --found;
        const bool inside = found->first.first == source && iova - found->first.second < found->second.size_bytes;
        return inside ? &found->second : nullptr;
    }

    void check(const expected_row& row) {
        ++result_.checks;
        const std::size_t failures = result_.failures;
        if (row.ok) {
            check_ok(row);
        } else {
            check_refused(row);
        }
        if (result_.failures == failures) {
            result_.note(where(row) + ": " + (row.ok ? "ok " + hex(row.pa) : "fault " + row.fault_code));
        }
    }

    static recorded_access recorded_of(const expected_row& row) {
        return {row.iova, row.pa, row.write, row.ok, row.ok && row.page_bytes == 0};
    }

    dma_response make_access(const expected_row& row, const std::vector<std::uint8_t>& data) {
        const std::uint64_t size = size_of(row);
        dma_access access{row.source_id, row.iova, row.write, size, data};
        if (row.write && data.empty()) {
            access.data = memory_tag(row.iova, size);
        }
        return target_.dma(access);
    }

    /// As much as does not leave the smallest page.
    static std::uint64_t size_of(const expected_row& row) {
        return std::min<std::uint64_t>(4, smallest_page_bytes - row.iova % smallest_page_bytes);
    }

    void check_ok(const expected_row& row) {
        const std::uint64_t size = size_of(row);
        std::vector<std::uint8_t> content(size);
        const bool memory_there = target_.read_memory(row.pa, content);
        // Tables are left as they are: a row may well go to one, past the tables (an identity domain).
        const bool is_table = table_pages_.count(row.pa / smallest_page_bytes) != 0;
        std::vector<std::uint8_t> data = is_table ? content : memory_tag(row.pa, size);
        if (memory_there && !row.write && !is_table) {
            target_.write_memory(row.pa, data);
        }
        const dma_response response = make_access(row, data);
        if (!response.ok) {
            if (const auto contradiction = dialect_.contradicts(state_, recorded_of(row))) {
                check_disputed(row, response, *contradiction);
                return;
            }
            std::string records;
            for (const fault_record& record : take_faults()) {
                records += ' ' + record.text;
            }
            fail(where(row) + ": found a fault" + records + ", expected ok " + hex(row.pa));
            return;
        }
        if (memory_there && row.write) {
            std::vector<std::uint8_t> after(size);
            target_.read_memory(row.pa, after);
            if (after != data) {
                fail(where(row) + ": the data is not at " + hex(row.pa));
            }
        } else if (memory_there && response.data != data) {
            fail(where(row) + ": found data that is not what is at " + hex(row.pa));
        }
        check_translation(row, response);
    }

    void check_refused(const expected_row& row) {
        const auto contradiction = dialect_.contradicts(state_, recorded_of(row));
        const dma_response response = make_access(row, {});
        if (contradiction) {
            check_disputed(row, response, *contradiction);
        } else {
            check_fault(row, response, row.fault_code);
        }
    }

    /// The manual asks for something else than the row says: that is what counts.
    void check_disputed(const expected_row& row, const dma_response& response,
                        const recording_dialect::contradiction& contradiction) {
        const std::size_t failures = result_.failures;
        check_fault(row, response, contradiction.fault_code);
        if (result_.failures == failures) {
            result_.dispute(where(row), contradiction.reason);
        }
    }

    void check_translation(const expected_row& row, const dma_response& response) {
        if (response.output_address && *response.output_address != row.pa) {
            fail(where(row) + ": found output address " + hex(*response.output_address) + ", expected " + hex(row.pa));
        }
        if (row.page_bytes == 0) {
            return; // untranslated
        }
        if (response.page_bytes && *response.page_bytes != row.page_bytes) {
            fail(where(row) + ": found a page of " + hex(*response.page_bytes) + " bytes, expected " +
                 hex(row.page_bytes));
        }
        const leaf* const known = find_leaf(row.source_id, row.iova);
        const bool readable = known != nullptr ? known->readable : true;
        const bool writable = known != nullptr ? known->writable : row.write;
        if (response.readable && known != nullptr && *response.readable != readable) {
            fail(where(row) + ": found a page that may " + (readable ? "not " : "") + "be read");
        }
        if (response.writable && (known != nullptr || row.write) && *response.writable != writable) {
            fail(where(row) + ": found a page that may " + (writable ? "not " : "") + "be written");
        }
    }

    void check_fault(const expected_row& row, const dma_response& response, const std::string& code) {
        if (response.ok) {
            fail(where(row) + ": found ok" + (response.output_address ? ' ' + hex(*response.output_address) : "") +
                 ", expected a fault " + code);
            return;
        }
        if (mode_ == machine_mode::debug) {
            return;
        }
        const std::vector<fault_record> records = take_faults();
        if (code.empty()) {
            if (!records.empty()) {
                fail(where(row) + ": found fault record " + records.front().text + ", expected none");
            }
            return;
        }
        if (records.size() != 1) {
            fail(where(row) + ": found " + std::to_string(records.size()) + " fault records" +
                 (records.empty() ? "" : ", the first " + records.front().text) + ", expected one " + code);
            return;
        }
        const std::string text = difference(records.front(), {code, row.source_id, row.iova, row.write});
        if (!text.empty()) {
            fail(where(row) + ": " + text);
        }
    }

    std::vector<fault_record> take_faults() {
        if (mode_ == machine_mode::debug) {
            return {};
        }
        target_.settle();
        return dialect_.take_faults(target_);
    }

    void expect_no_faults(const std::string& when) {
        for (const fault_record& record : take_faults()) {
            fail(when + ": found fault record " + record.text + ", expected none");
        }
    }

    std::string where(const expected_row& row) const {
        return "row " + std::to_string(row.line) + ": source " + hex(row.source_id) + ' ' +
               (row.write ? "writes " : "reads ") + hex(row.iova) + (row.note.empty() ? "" : " (" + row.note + ')');
    }

    void fail(const std::string& text) { result_.fail(text); }

    machine& target_;
    recording_dialect& dialect_;
    const traces::snapshot& state_;
    machine_mode mode_;
    case_result result_;
    std::set<std::uint64_t> table_pages_;
    std::map<std::pair<std::uint32_t, std::uint64_t>, leaf> leaves_;
};

} // namespace

case_result replay_snapshot(machine& target, recording_dialect& dialect, const traces::snapshot& state,
                            machine_mode mode) {
    return snapshot_run(target, dialect, state, mode).run();
}

} // namespace iommulab::conformance
