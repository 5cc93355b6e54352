// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/motion_replay.h"

#include "testbenches/conformance/memory_tag.h"
#include "testbenches/results/figures.h"
#include "traces/number.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace iommulab::conformance {

using results::count_text;
using results::counted;
using traces::dma_row;
using traces::hex;
using traces::recorded_result;
using traces::table_read;

namespace {

constexpr std::uint64_t tag_bytes = 8;
constexpr std::uint64_t smallest_page_bytes = 0x1000;
constexpr std::uint64_t progress_interval_rows = 1024;

std::string where(const dma_row& row) {
    return "dma_trace row " + std::to_string(row.line) + ": source " + hex(row.source_id) +
           (row.write ? " writes " : " reads ") + hex(row.iova);
}

/// A reader with its next row at hand.
template <class Reader, class Row>
class ahead {
  public:
    explicit ahead(const std::string& path) : reader_(path) { advance(); }
    const Row* peek() const { return there_ ? &row_ : nullptr; }
    void advance() { there_ = reader_.next(row_); }

  private:
    Reader reader_;
    Row row_;
    bool there_ = false;
};

class motion_run final : public motion_context {
  public:
    motion_run(machine& target, recording_dialect& dialect, const traces::recording& record,
               const motion_options& options)
        : target_(target), dialect_(dialect), record_(record), options_(options) {
        result_.name = "motion";
    }

    machine& target() override { return target_; }
    machine_mode mode() const override { return options_.mode; }

    void drain(const std::function<bool(const dma_row&)>& concerned) override {
        const auto under_way = [&] {
            return std::any_of(pieces_.begin(), pieces_.end(),
                               [&](const auto& entry) { return concerned(entry.second.row); });
        };
        while (under_way()) {
            if (!collect()) {
                fail("accesses were started and never ended: " + std::to_string(pieces_.size()));
                pieces_.clear();
                outstanding_.clear();
            }
        }
    }

    void fail(const std::string& text) override { result_.fail(text); }

    case_result run() {
        target_.reset();
        const std::uint64_t total = options_.progress ? count_rows() : 0;
        driver_ = dialect_.start_motion(record_, *this);
        ahead<traces::dma_trace_reader, dma_row> accesses(record_.file("dma_trace.csv"));
        ahead<traces::command_log_reader, traces::command_row> commands(record_.file("inv_log.csv"));
        ahead<traces::register_log_reader, traces::register_row> registers(record_.file("mmio_log.csv"));
        constexpr std::uint64_t never = ~std::uint64_t{0};
        const auto order = [](const auto* row) { return row != nullptr ? row->order : never; };
        std::uint64_t rows = 0;
        while (accesses.peek() != nullptr || commands.peek() != nullptr || registers.peek() != nullptr) {
            const std::uint64_t access_order = order(accesses.peek());
            const std::uint64_t command_order = order(commands.peek());
            const std::uint64_t register_order = order(registers.peek());
            // At the same place of the order an access comes last: it has the place of the line before it.
            if (registers.peek() != nullptr && register_order <= command_order && register_order <= access_order) {
                driver_->register_access(*registers.peek());
                registers.advance();
            } else if (commands.peek() != nullptr && command_order <= access_order) {
                driver_->command(*commands.peek());
                commands.advance();
            } else {
                access(*accesses.peek());
                accesses.advance();
                if (options_.progress && ++rows % progress_interval_rows == 0) {
                    options_.progress(rows, total);
                }
            }
        }
        driver_->finish();
        summarise();
        return std::move(result_);
    }

  private:
    /// A piece of a recorded access that is under way.
    struct piece {
        dma_row row;
        std::uint64_t offset = 0;
        std::uint64_t size_bytes = 0;
        std::optional<std::vector<std::uint8_t>> data; ///< what the first bytes must be; empty: not checked
    };

    std::uint64_t count_rows() const {
        traces::dma_trace_reader reader(record_.file("dma_trace.csv"));
        std::uint64_t rows = 0;
        for (dma_row row; reader.next(row);) {
            ++rows;
        }
        return rows;
    }

    void access(const dma_row& row) {
        if (row.result == recorded_result::msi) {
            ++skipped_; // to interrupt remapping, and nothing of the way there is recorded
            return;
        }
        driver_->before_access(row);
        if (row.lookahead || row.size_bytes == 0) {
            return;
        }
        ++result_.checks;
        const auto contradiction = contradicted(row);
        if (row.result == recorded_result::fault) {
            faulting_access(row, contradiction);
            return;
        }
        ++(row.result == recorded_result::ok ? translated_ : bypassed_);
        if (contradiction) {
            disputed_access(row, *contradiction);
            return;
        }
        for (std::uint64_t offset = 0; offset < row.size_bytes; offset += options_.largest_burst_bytes) {
            start(row, offset, std::min(options_.largest_burst_bytes, row.size_bytes - offset));
        }
    }

    /// What the manual has against a recorded row; as at rest.
    std::optional<recording_dialect::contradiction> contradicted(const dma_row& row) const {
        if (record_.snapshots.empty()) {
            return std::nullopt;
        }
        const bool ok = row.result == recorded_result::ok || row.result == recorded_result::bypass;
        return dialect_.contradicts(record_.snapshots.front(),
                                    {row.iova, row.pa, row.write, ok, row.result == recorded_result::bypass});
    }

    void start(const dma_row& row, std::uint64_t offset, std::uint64_t size_bytes) {
        while (outstanding_[row.source_id] >= std::max(options_.outstanding_per_source, 1u)) {
            if (!collect()) {
                drain([](const dma_row&) { return true; });
            }
        }
        piece part{row, offset, size_bytes, std::nullopt};
        dma_access access{row.source_id, row.iova + offset, row.write, size_bytes, {}};
        prepare_data(part, access);
        const std::uint64_t token = target_.issue(access);
        ++outstanding_[row.source_id];
        ++accesses_;
        pieces_.emplace(token, std::move(part));
        take_completions(false);
    }

    /// Data that tells where it belongs, in memory for a read and in the access for a write; a structure of the IOMMU
    /// keeps what it has.
    void prepare_data(piece& part, dma_access& access) {
        const std::uint64_t pa = part.row.pa + part.offset;
        const std::uint64_t checked = std::min(part.size_bytes, tag_bytes);
        const bool structure = driver_->is_structure(pa, part.size_bytes);
        if (structure && access.write) {
            access.data.resize(access.size_bytes);
            target_.read_memory(pa, access.data);
            return;
        }
        if (access.write) {
            access.data = memory_tag(pa, access.size_bytes);
        }
        if (structure) {
            return;
        }
        std::vector<std::uint8_t> tag = memory_tag(pa, checked);
        const bool shared = std::any_of(pieces_.begin(), pieces_.end(), [&](const auto& entry) {
            const std::uint64_t other = entry.second.row.pa + entry.second.offset;
            return pa < other + entry.second.size_bytes && other < pa + part.size_bytes;
        });
        if (access.write && shared) {
            return; // another access touches the same bytes: whose data is there would not show
        }
        std::vector<std::uint8_t> before = tag;
        if (access.write) {
            std::transform(before.begin(), before.end(), before.begin(),
                           [](std::uint8_t byte) { return static_cast<std::uint8_t>(~byte); });
        }
        if (target_.write_memory(pa, before)) {
            part.data = std::move(tag);
        }
    }

    /// Waits for at least one access to end; false when none is under way.
    bool collect() { return take_completions(true); }

    bool take_completions(bool wait) {
        const std::vector<dma_completion> completions = target_.collect(wait);
        for (const dma_completion& completion : completions) {
            const auto found = pieces_.find(completion.token);
            if (found == pieces_.end()) {
                fail("the machine ended an access that was not under way");
                continue;
            }
            const piece part = std::move(found->second);
            pieces_.erase(found);
            --outstanding_[part.row.source_id];
            check_noted(part, completion.response);
        }
        return !completions.empty();
    }

    void check_noted(const piece& part, const dma_response& response) {
        const std::uint64_t failures = result_.failures;
        check(part, response);
        if (result_.failures == failures) {
            const std::uint64_t bytes = part.offset + part.size_bytes;
            result_.note(where(part.row) + ": ok " + hex(part.row.pa) +
                         (bytes < part.row.size_bytes || part.offset != 0
                              ? ", bytes " + std::to_string(part.offset) + " to " + std::to_string(bytes - 1)
                              : ""));
        }
    }

    void check(const piece& part, const dma_response& response) {
        const dma_row& row = part.row;
        const std::uint64_t pa = row.pa + part.offset;
        if (!response.ok) {
            fail(where(row) + ": found a fault, expected ok " + hex(pa));
            return;
        }
        if (response.output_address && *response.output_address != pa) {
            fail(where(row) + ": found output address " + hex(*response.output_address) + ", expected " + hex(pa));
            return;
        }
        if (part.data) {
            std::vector<std::uint8_t> data(part.data->size());
            if (row.write) {
                target_.read_memory(pa, data);
            } else {
                std::copy_n(response.data.begin(), std::min(data.size(), response.data.size()), data.begin());
            }
            if (data != *part.data) {
                fail(where(row) + (row.write ? ": the data is not at " : ": found data that is not what is at ") +
                     hex(pa));
            }
        }
        if (row.result == recorded_result::ok) {
            check_translation(row, response);
        }
        // further pages of a large access may have entries of their own, which are not recorded
        if ((row.iova ^ (row.iova + part.offset)) < smallest_page_bytes) {
            check_walks(row, response);
        }
    }

    void check_translation(const dma_row& row, const dma_response& response) {
        if (response.page_bytes && row.page_bytes != 0 && *response.page_bytes != row.page_bytes) {
            fail(where(row) + ": found a page of " + hex(*response.page_bytes) + " bytes, expected " +
                 hex(row.page_bytes));
        }
        const bool known = row.readable || row.writable;
        if (known && response.readable && *response.readable != row.readable) {
            fail(where(row) + ": found a page that may " + (row.readable ? "not " : "") + "be read");
        }
        if (known && response.writable && *response.writable != row.writable) {
            fail(where(row) + ": found a page that may " + (row.writable ? "not " : "") + "be written");
        }
    }

    /// Splits reads into those of the configuration and those of translation tables.
    std::pair<std::vector<table_read>, std::vector<table_read>> sorted(std::uint32_t source,
                                                                       const std::vector<table_read>& reads) const {
        std::pair<std::vector<table_read>, std::vector<table_read>> parts;
        for (const table_read& read : reads) {
            (driver_->is_configuration_read(source, read) ? parts.first : parts.second).push_back(read);
        }
        return parts;
    }

    void check_walks(const dma_row& row, const dma_response& response) {
        for (const std::vector<table_read>& walk : response.walks) {
            if (!walk.empty() && !row.walk_reads.empty()) {
                check_walk(row, walk);
            }
        }
    }

    void check_walk(const dma_row& row, const std::vector<table_read>& walk) {
        const auto recorded = sorted(row.source_id, row.walk_reads);
        const auto made = sorted(row.source_id, walk);
        // of a translated access without a read of tables, the recorded machine had the translation
        const bool known_there = recorded.second.empty() && row.result == recorded_result::ok && row.page_bytes != 0;
        ++walks_;
        const bool tail = made.second.size() <= recorded.second.size() &&
                          std::equal(made.second.rbegin(), made.second.rend(), recorded.second.rbegin());
        // What the recorded walk had cached of the configuration it does not list; this one, under way beside another,
        // may have had to read it all the same.
        const std::vector<table_read> whole = driver_->recorded_configuration(row.source_id);
        if (!in_order(made.first, recorded.first) && !in_order(made.first, whole)) {
            fail(where(row) + ": found a configuration that is read at " + describe(made.first) + ", expected " +
                 describe(whole) + " or a part of it");
        }
        if (!tail && !known_there) {
            fail(where(row) + ": found a walk that reads " + describe(made.second) + ", expected a tail of " +
                 describe(recorded.second));
        } else if (!made.second.empty() && made.second.size() == recorded.second.size()) {
            ++cold_walks_;
        }
    }

    /// All of `some` are in `all`, in this order.
    static bool in_order(const std::vector<table_read>& some, const std::vector<table_read>& all) {
        auto from = all.begin();
        for (const table_read& read : some) {
            from = std::find(from, all.end(), read);
            if (from == all.end()) {
                return false;
            }
            ++from;
        }
        return true;
    }

    static std::string describe(const std::vector<table_read>& reads) {
        std::string text;
        for (const table_read& read : reads) {
            text += (text.empty() ? "" : ";") + hex(read.address) + ':' + std::to_string(read.size_bytes);
        }
        return text.empty() ? "nothing" : text;
    }

    /// An access that is made alone, so that the record that it leaves can be told from others'.
    struct lone_access {
        piece part;
        dma_response response;
        bool hidden = false; ///< a fault of it leaves no record
    };

    lone_access make_alone(const dma_row& row) {
        drain([](const dma_row&) { return true; });
        lone_access made;
        if (options_.mode != machine_mode::debug) {
            target_.settle();
            for (const fault_record& record : dialect_.watch_faults(target_)) {
                fail("before " + where(row) + ": found fault record " + record.text + ", expected none");
            }
            made.hidden = dialect_.hides_fault(target_, row.source_id);
        }
        const std::uint64_t size = std::min(row.size_bytes, options_.largest_burst_bytes);
        made.part = {row, 0, size, std::nullopt};
        dma_access access{row.source_id, row.iova, row.write, size, {}};
        if (row.result != recorded_result::fault) {
            prepare_data(made.part, access);
        } else if (row.write) {
            access.data = memory_tag(row.iova, size);
        }
        made.response = target_.dma(access);
        ++accesses_;
        return made;
    }

    void faulting_access(const dma_row& row, const std::optional<recording_dialect::contradiction>& contradiction) {
        ++faults_;
        const lone_access made = make_alone(row);
        // a recording without codes: that much is left to the tables, but not whose fault it was
        std::optional<std::string> code;
        if (contradiction || !row.fault_code.empty()) {
            code = contradiction ? contradiction->fault_code : row.fault_code;
        }
        if (made.response.ok) {
            fail(where(row) + ": found ok" +
                 (made.response.output_address ? ' ' + hex(*made.response.output_address) : "") +
                 ", expected a fault " + code.value_or(""));
            return;
        }
        check_walks(row, made.response);
        if (!leaves_record(row, code, made.hidden)) {
            return;
        }
        if (contradiction) {
            result_.dispute(where(row), contradiction->reason);
        } else {
            result_.note(where(row) + ": fault " + row.fault_code);
        }
    }

    /// The manual asks for a fault where the recorded machine let it pass: either will do.
    void disputed_access(const dma_row& row, const recording_dialect::contradiction& contradiction) {
        const lone_access made = make_alone(row);
        if (made.response.ok) {
            check_noted(made.part, made.response);
        } else if (leaves_record(row, contradiction.fault_code, made.hidden)) {
            result_.dispute(where(row), contradiction.reason);
        }
    }

    /// Is the record of a fault what it must be? `code`: its code; empty: there must be none; absent: some code, or
    /// none.
    bool leaves_record(const dma_row& row, const std::optional<std::string>& code, bool hidden) {
        if (options_.mode == machine_mode::debug) {
            return true;
        }
        target_.settle();
        const std::vector<fault_record> found = dialect_.watch_faults(target_);
        const bool none = code && code->empty();
        const bool missing = found.empty() && code && !none && !hidden;
        if (found.size() > (hidden || none ? 0 : 1) || missing) {
            fail(where(row) + ": found " + std::to_string(found.size()) + " fault records, expected " +
                 (hidden ? "none beside the one that is pending"
                  : none ? "none"
                         : "one " + code.value_or("")));
            return false;
        }
        if (!found.empty()) {
            const fault_record& record = found.front();
            const std::string text =
                difference(record, {code.value_or(record.codes.front()), row.source_id, row.iova, row.write});
            if (!text.empty()) {
                fail(where(row) + ": " + text);
                return false;
            }
        }
        return true;
    }

    void summarise() {
        result_.summary = counted(result_.checks, "row") + " in " + counted(accesses_, "access") + ": " +
                          count_text(translated_) + " translated, " + count_text(bypassed_) + " bypassed, " +
                          counted(faults_, "fault");
        if (skipped_ != 0) {
            result_.summary += ", " + counted(skipped_, "interrupt") + " left out";
        }
        result_.summary += "; " + driver_->summary();
        if (walks_ != 0) {
            result_.summary += "; " + counted(walks_, "walk") + " compared, " + count_text(cold_walks_) + " in full";
        }
        result_.summary += result_.disputes();
        if (result_.failures != 0) {
            result_.summary += "; " + counted(result_.failures, "failure");
        }
    }

    machine& target_;
    recording_dialect& dialect_;
    const traces::recording& record_;
    const motion_options& options_;
    case_result result_;
    std::unique_ptr<motion_driver> driver_;
    std::unordered_map<std::uint64_t, piece> pieces_;
    std::map<std::uint32_t, unsigned> outstanding_;
    std::uint64_t accesses_ = 0;
    std::uint64_t translated_ = 0;
    std::uint64_t bypassed_ = 0;
    std::uint64_t faults_ = 0;
    std::uint64_t skipped_ = 0;
    std::uint64_t walks_ = 0;
    std::uint64_t cold_walks_ = 0;
};

} // namespace

case_result replay_motion(machine& target, recording_dialect& dialect, const traces::recording& record,
                          const motion_options& options) {
    return motion_run(target, dialect, record, options).run();
}

} // namespace iommulab::conformance
