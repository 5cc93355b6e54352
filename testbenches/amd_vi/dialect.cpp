// SPDX-License-Identifier: Apache-2.0
#include "testbenches/amd_vi/facts.h"
#include "testbenches/amd_vi/motion.h"
#include "testbenches/amd_vi/testbench.h"
#include "testbenches/conformance/replayed_tables.h"
#include "traces/number.h"

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::conformance {

using traces::hex;
using traces::snapshot;
using namespace amd_vi;

namespace {

/// Event codes (2.5), their names, and what recordings call them beside.
struct known_event {
    unsigned code;
    const char* name;
    const char* recorded;
};
constexpr std::array<known_event, 9> events{{{1, "ILLEGAL_DEV_TABLE_ENTRY", "ILLEGAL_DEV_TABLE"},
                                             {2, "IO_PAGE_FAULT", nullptr},
                                             {3, "DEV_TAB_HARDWARE_ERROR", nullptr},
                                             {4, "PAGE_TAB_HARDWARE_ERROR", nullptr},
                                             {5, "ILLEGAL_COMMAND_ERROR", nullptr},
                                             {6, "COMMAND_HARDWARE_ERROR", nullptr},
                                             {7, "IOTLB_INV_TIMEOUT", nullptr},
                                             {8, "INVALID_DEVICE_REQUEST", nullptr},
                                             {9, "INVALID_PPR_REQUEST", nullptr}}};

/// 2.5: EventCode, DeviceID, RW and the address, of the events that an access has.
fault_record decode_event(std::uint64_t first, std::uint64_t second) {
    fault_record record;
    const auto code = static_cast<unsigned>(first >> 60);
    record.text = hex(code);
    for (const known_event& known : events) {
        if (known.code == code) {
            record.codes.emplace_back(known.name);
            record.text = known.name;
            if (known.recorded != nullptr) {
                record.codes.emplace_back(known.recorded);
            }
        }
    }
    if (record.codes.empty()) {
        record.codes.push_back(record.text);
    }
    record.source_id = static_cast<std::uint32_t>(first & 0xffff);
    record.text += " of device " + hex(*record.source_id);
    if (code == 1 || code == 2) {
        record.address = second;
        record.write = (first >> 53 & 1) != 0;
        record.text += (*record.write ? " writing " : " reading ") + hex(second);
    }
    return record;
}

class amd_vi_dialect final : public recording_dialect {
  public:
    std::map<std::uint64_t, std::uint64_t> id_registers(const traces::recording& record) const override {
        for (const snapshot& state : record.snapshots) {
            if (state.registers.count(extended_feature) != 0) {
                return {{extended_feature, state.register64(extended_feature)}};
            }
        }
        return {};
    }

    /// Tables and rings first, then what enables them, all at once (3.4.4).
    std::string program(machine& target, const snapshot& state) override {
        for (const std::uint64_t offset : {device_table_base, command_base, event_base, exclusion_base, exclusion_limit,
                                           ppr_base, command_head, command_tail, event_head, event_tail, control}) {
            target.write_register("", offset, 8, state.register64(offset));
        }
        target.settle();
        next_event_ = state.register64(event_tail);
        event_base_ = state.register64(event_base);
        const std::uint64_t enabled = target.read_register("", control, 8);
        if (enabled != state.register64(control)) {
            return "programming: found Control " + hex(enabled) + ", expected " + hex(state.register64(control));
        }
        return {};
    }

    std::vector<fault_record> take_faults(machine& target) override {
        std::vector<fault_record> records = read_events(target);
        if (!records.empty()) {
            target.write_register("", event_head, 8, next_event_);
        }
        return records;
    }

    std::vector<fault_record> watch_faults(machine& target) override {
        event_base_ = target.read_register("", event_base, 8);
        return read_events(target);
    }

    std::optional<contradiction> contradicts(const snapshot&, const recorded_access& access) const override {
        if (access.untranslated && access.pa >> physical_address_bits != 0) {
            return contradiction{"", "48882, 2.2.3: physical addresses have 52 bits; beyond there is no memory"};
        }
        if (!access.ok && access.iova >= interrupt_range_first && access.iova <= interrupt_range_last) {
            return contradiction{access.write ? "" : "INVALID_DEVICE_REQUEST",
                                 "48882, 2.1.2.1 and 2.5.9: 0xfee00000 to 0xfeefffff is for interrupts: a write is a "
                                 "message, a read an INVALID_DEVICE_REQUEST"};
        }
        return std::nullopt;
    }

    std::unique_ptr<motion_driver> start_motion(const traces::recording& record, motion_context& context) override {
        next_event_ = 0;
        return make_amd_vi_motion(record, context);
    }

  private:
    /// The entries from next_event_ up to the tail.
    std::vector<fault_record> read_events(machine& target) {
        std::vector<fault_record> records;
        const std::uint64_t bytes = ring_bytes(event_base_);
        const std::uint64_t tail = target.read_register("", event_tail, 8) & (bytes - 1);
        while (next_event_ != tail) {
            const std::uint64_t place = (event_base_ & page_address_mask) + next_event_;
            records.push_back(decode_event(read_word(target, place), read_word(target, place + 8)));
            next_event_ = (next_event_ + ring_entry_bytes) & (bytes - 1);
        }
        return records;
    }

    std::uint64_t event_base_ = 0;
    std::uint64_t next_event_ = 0;
};

} // namespace

std::unique_ptr<recording_dialect> make_amd_vi_dialect() {
    return std::make_unique<amd_vi_dialect>();
}

} // namespace iommulab::conformance
