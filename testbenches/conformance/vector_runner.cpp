// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/vector_runner.h"

#include "testbenches/conformance/event_shift.h"
#include "testbenches/results/figures.h"
#include "traces/number.h"

#include <optional>
#include <utility>

namespace iommulab::conformance {

using results::counted;
using traces::hex;
using traces::hex_bytes;
using traces::test_vector;
using traces::vector_file;
using traces::vector_operation;
using traces::vector_outcome;
using traces::vector_result;
using traces::vector_step;

namespace {

/// What a step gave, in the terms of a vector_outcome; `result` is ok or fault.
using observation = vector_outcome;

std::uint64_t width_mask(std::uint64_t width_bytes) {
    return width_bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * width_bytes)) - 1;
}

bool result_agrees(vector_result expected, const observation& seen) {
    // A partial success reaches a master as an error: one response stands for the whole access.
    return expected == vector_result::any || expected == *seen.result ||
           (expected == vector_result::partial && *seen.result == vector_result::fault);
}

/// Whether what was seen has the fields that `expected` names. Data that a fault left behind means nothing.
bool agrees(const vector_outcome& expected, const observation& seen) {
    if (expected.result && !result_agrees(*expected.result, seen)) {
        return false;
    }
    if (expected.result == vector_result::any) {
        return true;
    }
    const bool fault = seen.result == vector_result::fault;
    if (expected.data && !fault && expected.data != seen.data) {
        return false;
    }
    if (expected.after && expected.after != seen.after) {
        return false;
    }
    return !expected.value || expected.value == seen.value;
}

std::string describe(const vector_outcome& outcome) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
    if (outcome.result) {
        add(to_string(*outcome.result));
    }
    if (outcome.data && outcome.result != vector_result::fault) {
        add(hex_bytes(*outcome.data));
    }
    if (outcome.value) {
        add(hex(*outcome.value));
    }
    if (outcome.after) {
        add("memory " + hex_bytes(*outcome.after));
    }
    return text;
}

class vector_run {
  public:
    vector_run(machine& target, const vector_file& file, const test_vector& vector, machine_mode mode)
        : target_(target), file_(file), vector_(vector), mode_(mode), events_(file.iommu) {
        result_.name = vector.name;
    }

    case_result run() {
        target_.reset();
        for (index_ = 0; index_ < vector_.steps.size() && !stopped_; ++index_) {
            step(vector_.steps[index_]);
        }
        if (result_.checks == 0) {
            result_.outcome = verdict::skipped;
            result_.reason = "nothing was checked: mode debug has no records, and the vector no access";
        }
        result_.summary = counted(result_.checks, "check") + note_;
        if (const std::string hardware = target_.hardware();
            !hardware.empty() && file_.id_registers(vector_.machine).empty()) {
            result_.summary += "; the file does not say the registers of " + vector_.machine + ": ran on " + hardware;
        }
        return std::move(result_);
    }

  private:
    void step(const vector_step& recorded) {
        const vector_step step = events_.adapted(recorded);
        switch (step.operation) {
        case vector_operation::mem_write:
            need_memory(step, target_.write_memory(step.address, step.data));
            break;
        case vector_operation::mem_fill:
            need_memory(step,
                        target_.fill_memory(step.address, step.size_bytes, static_cast<std::uint8_t>(step.value)));
            break;
        case vector_operation::mem_check:
            if (mode_ != machine_mode::debug) {
                observation seen;
                seen.data.emplace(step.size_bytes);
                need_memory(step, target_.read_memory(step.address, *seen.data));
                judge(step, seen);
            }
            break;
        case vector_operation::reg_write:
            target_.write_register(step.space, step.address, static_cast<unsigned>(step.size_bytes), step.value);
            target_.settle();
            break;
        case vector_operation::reg_check:
            if (mode_ != machine_mode::debug) {
                observation seen;
                const auto width = static_cast<unsigned>(step.size_bytes);
                seen.value = target_.read_register(step.space, step.address, width) & step.mask & width_mask(width);
                vector_step masked = step;
                masked.expected.value = *step.expected.value & step.mask & width_mask(width);
                judge(masked, seen);
            }
            break;
        case vector_operation::dma_read:
        case vector_operation::dma_write:
            access(step);
            break;
        }
    }

    void access(const vector_step& step) {
        const bool write = step.operation == vector_operation::dma_write;
        const bool open = !step.alternatives.empty() || step.unreviewed || step.expected.result == vector_result::any;
        const bool records = open && mode_ != machine_mode::debug;
        std::vector<std::uint8_t> before(step.size_bytes);
        const bool watched = step.watch && target_.read_memory(*step.watch, before);
        if (records) {
            events_.before(target_);
        }
        dma_response response = target_.dma({step.source_id, step.address, write, step.size_bytes, step.data});
        target_.settle();
        observation seen;
        seen.result = response.ok ? vector_result::ok : vector_result::fault;
        if (!write) {
            seen.data = std::move(response.data);
        }
        std::vector<std::uint8_t> after(step.size_bytes);
        if (watched && target_.read_memory(*step.watch, after)) {
            seen.after = after;
        }
        vector_step expected = step;
        if (watched) {
            add_watch(expected.expected, step, before);
            for (vector_outcome& alternative : expected.alternatives) {
                add_watch(alternative, step, before);
            }
        }
        const bool as_recorded = judge(expected, seen);
        if (!as_recorded && records && step.expected.result != seen.result) {
            resynchronise(step, *seen.result);
        }
    }

    /// An allowed write has to land where the recording saw it land, a refused one must change nothing there.
    static void add_watch(vector_outcome& outcome, const vector_step& step, const std::vector<std::uint8_t>& before) {
        if (!outcome.after && outcome.result == vector_result::ok) {
            outcome.after = step.data;
        } else if (!outcome.after && outcome.result == vector_result::fault) {
            outcome.after = before;
        }
    }

    /// After an outcome beside the recorded one: the machine may have logged what the recording has not, or the
    /// reverse.
    void resynchronise(const vector_step& step, vector_result seen) {
        if (events_.usable() && step.expected.result == vector_result::ok && seen == vector_result::fault) {
            events_.after_extra_fault(target_);
            return;
        }
        note_ = ", the rest skipped after step " + std::to_string(index_) + ", which the architecture leaves open";
        stopped_ = true;
    }

    void need_memory(const vector_step& step, bool there) {
        if (!there) {
            fail(step, "no memory at " + hex(step.address) + ", which the file says there is");
        }
    }

    /// True when what was seen is the expected outcome itself.
    bool judge(const vector_step& step, const observation& seen) {
        ++result_.checks;
        if (agrees(step.expected, seen)) {
            result_.note(where(step) + ": " + describe(seen));
            return true;
        }
        for (const vector_outcome& alternative : step.alternatives) {
            if (agrees(alternative, seen)) {
                result_.note(where(step) + ": " + describe(seen) + ", which the architecture allows");
                return false;
            }
        }
        const std::string text = "found " + describe(seen) + ", expected " + describe(step.expected);
        if (step.unreviewed) {
            result_.note(where(step) + ": " + text + " (unreviewed: nothing claimed)");
            return false;
        }
        fail(step, text);
        return false;
    }

    void fail(const vector_step& step, const std::string& text) {
        result_.fail(where(step) + ": " + text + (step.note.empty() ? "" : " (" + step.note + ')'));
    }

    std::string where(const vector_step& step) const {
        return "step " + std::to_string(index_) + " (line " + std::to_string(step.line) + ") " +
               to_string(step.operation) + ' ' + (step.space.empty() ? "" : step.space + ' ') + hex(step.address);
    }

    machine& target_;
    const vector_file& file_;
    const test_vector& vector_;
    machine_mode mode_;
    event_shift events_;
    case_result result_;
    std::string note_;
    std::size_t index_ = 0;
    bool stopped_ = false;
};

} // namespace

machine_configuration configuration_of(const vector_file& file, const test_vector& vector, machine_mode mode) {
    return {file.iommu, vector.machine, mode, file.id_registers(vector.machine), file.memory};
}

case_result run_vector(machine& target, const vector_file& file, const test_vector& vector, machine_mode mode) {
    return vector_run(target, file, vector, mode).run();
}

} // namespace iommulab::conformance
