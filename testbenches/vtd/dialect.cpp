// SPDX-License-Identifier: Apache-2.0
#include "testbenches/vtd/facts.h"
#include "testbenches/vtd/motion.h"
#include "testbenches/vtd/testbench.h"
#include "traces/number.h"

#include <algorithm>
#include <utility>

namespace iommulab::conformance {

using traces::hex;
using traces::snapshot;
using namespace vtd;

namespace {

/// Recordings write a reason with two hexadecimal digits in snapshots, and in decimal in traces.
void add_reason(fault_record& record, unsigned reason) {
    std::string digits = hex(reason);
    if (reason < 0x10) {
        digits.insert(2, "0");
    }
    record.codes.push_back(digits);
    record.codes.push_back(std::to_string(reason));
}

/// The emulator that made the recordings has the reasons of legacy mode in scalable mode too: what it calls the
/// conditions of the root and context entries and of the second stage ("Non-Recoverable Faults" has both).
unsigned reason_in_recordings(unsigned reason, bool write) {
    switch (reason) {
    case 0x38:
        return 0x08;
    case 0x39:
        return 0x01;
    case 0x3a:
        return 0x0a;
    case 0x40:
        return 0x09;
    case 0x41:
        return 0x02;
    case 0x42:
        return 0x0b;
    case 0x43:
    case 0x7b:
        return 0x03;
    case 0x78:
        return 0x07;
    case 0x79:
        return write ? 0x05 : 0x06;
    case 0x7a:
        return 0x0c;
    case 0x83:
    case 0x84:
        return 0x04;
    default:
        return reason;
    }
}

/// "Fault Recording Registers": FI, SID, FR, T1.
fault_record decode_record(std::uint64_t low, std::uint64_t high) {
    fault_record record;
    const auto reason = static_cast<unsigned>(high >> 32 & 0xff);
    record.write = (high >> 62 & 1) == 0;
    add_reason(record, reason);
    if (const unsigned legacy = reason_in_recordings(reason, *record.write); legacy != reason) {
        add_reason(record, legacy);
    }
    record.source_id = static_cast<std::uint32_t>(high & 0xffff);
    record.address = low & address_mask;
    record.address_mask = address_mask;
    record.text = "reason " + hex(reason) + " of source " + hex(*record.source_id) +
                  (*record.write ? " writing " : " reading ") + hex(*record.address);
    return record;
}

class vtd_dialect final : public recording_dialect {
  public:
    std::map<std::uint64_t, std::uint64_t> id_registers(const traces::recording& record) const override {
        std::map<std::uint64_t, std::uint64_t> values;
        for (const snapshot& state : record.snapshots) {
            for (const std::uint64_t offset : {VER, CAP, CAP + 4, ECAP, ECAP + 4}) {
                if (state.registers.count(offset) != 0) {
                    values.emplace(offset, state.register32(offset));
                }
            }
        }
        if (values.empty() && record.has_file("mmio_log.csv")) {
            traces::register_log_reader log(record.file("mmio_log.csv"));
            for (traces::register_row row; log.next(row);) {
                if (!row.write && row.offset <= ECAP) {
                    values.emplace(row.offset, row.value);
                }
            }
        }
        return values;
    }

    /// "Software Programming Model": the root table, the queue (empty: what it held is done), interrupt remapping as
    /// far as it shows, translation; each step shows in GSTS.
    std::string program(machine& target, const snapshot& state) override {
        const auto copy32 = [&](std::uint64_t offset) {
            target.write_register("", offset, 4, state.register32(offset));
        };
        const auto copy64 = [&](std::uint64_t offset) {
            target.write_register("", offset, 8, state.register64(offset));
        };
        cap_ = state.register64(CAP);
        for (const std::uint64_t offset : {FEDATA, FEADDR, FEUADDR, FECTL}) {
            copy32(offset);
        }
        copy64(RTADDR);
        copy64(IQA);
        copy64(IRTA);
        const std::uint32_t wanted = state.register32(GSTS);
        std::uint32_t enabled = 0;
        for (const std::uint32_t step : {wanted & SRTP, wanted & QIE, wanted & SIRTP, wanted & ~TE, wanted}) {
            if ((enabled | step) == enabled) {
                continue;
            }
            // SRTP and SIRTP are done once, the others are said again with each command
            target.write_register("", GCMD, 4, (enabled & ~(SRTP | SIRTP)) | (step & ~enabled));
            enabled |= step;
            target.settle();
            const std::uint64_t status = target.read_register("", GSTS, 4);
            if (status != enabled) {
                return "programming: found GSTS " + hex(status) + ", expected " + hex(enabled);
            }
        }
        return {};
    }

    std::vector<fault_record> take_faults(machine& target) override {
        std::vector<fault_record> records;
        for (const unsigned index : pending(target)) {
            records.push_back(read_record(target, index));
            target.write_register("", place_of(index) + 12, 4, FRCD_F);
        }
        if (!records.empty()) {
            target.write_register("", FSTS, 4, FSTS_errors);
        }
        return records;
    }

    /// The records that were not there, or not the same, at the last call: software clears F, and what is collapsed
    /// into a record leaves no trace.
    std::vector<fault_record> watch_faults(machine& target) override {
        cap_ = target.read_register("", CAP, 8);
        std::vector<fault_record> records;
        std::map<unsigned, std::string> now;
        for (const unsigned index : pending(target)) {
            fault_record record = read_record(target, index);
            now[index] = record.text;
            const auto known = seen_.find(index);
            if (known == seen_.end() || known->second != record.text) {
                records.push_back(std::move(record));
            }
        }
        seen_ = std::move(now);
        return records;
    }

    std::optional<contradiction> contradicts(const snapshot& state, const recorded_access& access) const override {
        const auto width = static_cast<unsigned>(state.register64(CAP) >> 16 & 0x3f) + 1; // MGAW
        if (access.untranslated && access.iova >> width != 0) {
            return contradiction{"0x04", "VT-d specification, fault condition LGN.1: pass-through ends at the unit's "
                                         "address width"};
        }
        return std::nullopt;
    }

    /// "Fault Logging": a fault of a source with a record pending is collapsed into it, and nothing is recorded while
    /// FSTS.PFO is set.
    bool hides_fault(machine& target, std::uint32_t source_id) override {
        cap_ = target.read_register("", CAP, 8);
        if ((target.read_register("", FSTS, 4) & FSTS_PFO) != 0) {
            return true;
        }
        const std::vector<unsigned> indices = pending(target);
        return std::any_of(indices.begin(), indices.end(),
                           [&](unsigned index) { return read_record(target, index).source_id == source_id; });
    }

    std::unique_ptr<motion_driver> start_motion(const traces::recording& record, motion_context& context) override {
        seen_.clear();
        return make_vtd_motion(record, context);
    }

  private:
    std::uint64_t place_of(unsigned index) const { return fault_record_offset(cap_) + index * FRCD_bytes; }
    std::vector<unsigned> pending(machine& target) const {
        std::vector<unsigned> indices;
        for (unsigned index = 0; index < fault_records(cap_); ++index) {
            if ((target.read_register("", place_of(index) + 12, 4) & FRCD_F) != 0) {
                indices.push_back(index);
            }
        }
        return indices;
    }
    fault_record read_record(machine& target, unsigned index) const {
        const std::uint64_t low = target.read_register("", place_of(index), 8);
        return decode_record(low, target.read_register("", place_of(index) + 8, 8));
    }

    std::uint64_t cap_ = 0;
    std::map<unsigned, std::string> seen_;
};

} // namespace

std::unique_ptr<recording_dialect> make_vtd_dialect() {
    return std::make_unique<vtd_dialect>();
}

} // namespace iommulab::conformance
