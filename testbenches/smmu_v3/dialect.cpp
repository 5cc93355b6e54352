// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/facts.h"
#include "testbenches/smmu_v3/motion.h"
#include "testbenches/smmu_v3/testbench.h"
#include "traces/number.h"

#include <array>
#include <utility>

namespace iommulab::conformance {

using traces::hex;
using traces::snapshot;
using namespace smmu_v3;

namespace {

/// Event numbers (7.3) and the names that recordings use.
constexpr std::array<std::pair<unsigned, const char*>, 17> events{{{0x01, "F_UUT"},
                                                                   {0x02, "C_BAD_STREAMID"},
                                                                   {0x03, "F_STE_FETCH"},
                                                                   {0x04, "C_BAD_STE"},
                                                                   {0x05, "F_BAD_ATS_TREQ"},
                                                                   {0x06, "F_STREAM_DISABLED"},
                                                                   {0x07, "F_TRANSL_FORBIDDEN"},
                                                                   {0x08, "C_BAD_SUBSTREAMID"},
                                                                   {0x09, "F_CD_FETCH"},
                                                                   {0x0a, "C_BAD_CD"},
                                                                   {0x0b, "F_WALK_EABT"},
                                                                   {0x10, "F_TRANSLATION"},
                                                                   {0x11, "F_ADDR_SIZE"},
                                                                   {0x12, "F_ACCESS"},
                                                                   {0x13, "F_PERMISSION"},
                                                                   {0x20, "F_TLB_CONFLICT"},
                                                                   {0x21, "F_CFG_CONFLICT"}}};

std::uint64_t word(const std::vector<std::uint8_t>& bytes, std::size_t index) {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) {
        value = value << 8 | bytes[8 * index + i];
    }
    return value;
}

/// 7.3: Event_id, StreamID, and for the events of a translation RnW and InputAddr.
fault_record decode_event(const std::vector<std::uint8_t>& bytes) {
    fault_record record;
    const auto number = static_cast<unsigned>(word(bytes, 0) & 0xff);
    std::string digits = hex(number);
    if (number < 0x10) {
        digits.insert(2, "0"); // recordings write two digits
    }
    record.codes.push_back(digits);
    record.text = digits;
    for (const auto& [known, name] : events) {
        if (known == number) {
            record.codes.emplace_back(std::string("SMMU_EVT_") + name);
            record.codes.emplace_back(name);
            record.text = name;
        }
    }
    record.source_id = static_cast<std::uint32_t>(word(bytes, 0) >> 32);
    record.text += " of source " + hex(*record.source_id);
    if (number == 0x0b || (number >= 0x10 && number <= 0x13)) {
        record.address = word(bytes, 2);
        record.write = (word(bytes, 1) >> 35 & 1) == 0;
        record.text += (*record.write ? " writing " : " reading ") + hex(*record.address);
    }
    return record;
}

/// Output address size in bits (IDR5.OAS, 6.3.6).
unsigned output_bits(const snapshot& state) {
    static constexpr std::array<unsigned, 8> sizes{32, 36, 40, 42, 44, 48, 52, 56};
    return sizes[state.register32(IDR5) & 7];
}

class smmu_v3_dialect final : public recording_dialect {
  public:
    std::map<std::uint64_t, std::uint64_t> id_registers(const traces::recording& record) const override {
        std::map<std::uint64_t, std::uint64_t> values;
        for (const snapshot& state : record.snapshots) {
            for (std::uint64_t offset = 0; offset <= AIDR; offset += 4) {
                if (state.registers.count(offset) != 0) {
                    values.emplace(offset, state.register32(offset));
                }
            }
        }
        if (values.empty() && record.has_file("mmio_log.csv")) {
            traces::register_log_reader log(record.file("mmio_log.csv"));
            for (traces::register_row row; log.next(row);) {
                if (!row.write && row.offset <= AIDR && row.width_bytes == 4) {
                    values.emplace(row.offset, row.value);
                }
            }
        }
        return values;
    }

    /// 6.3.9: registers that CR0 guards first, then the queues, then translation, each step acknowledged.
    std::string program(machine& target, const snapshot& state) override {
        const auto copy32 = [&](std::uint64_t offset) {
            target.write_register("", offset, 4, state.register32(offset));
        };
        const auto copy64 = [&](std::uint64_t offset) {
            target.write_register("", offset, 8, state.register64(offset));
        };
        copy32(CR1);
        copy32(CR2);
        copy64(STRTAB_BASE);
        copy32(STRTAB_BASE_CFG);
        copy64(CMDQ_BASE);
        copy32(CMDQ_PROD);
        copy32(CMDQ_CONS);
        copy64(EVENTQ_BASE);
        copy32(EVENTQ_PROD);
        copy32(EVENTQ_CONS);
        const std::uint32_t wanted = state.register32(CR0);
        if ((wanted & CR0_PRIQEN) != 0) {
            copy64(PRIQ_BASE);
            copy32(PRIQ_PROD);
            copy32(PRIQ_CONS);
        }
        copy32(IRQ_CTRL);
        std::uint32_t enabled = 0;
        for (const std::uint32_t step :
             {wanted & CR0_CMDQEN, wanted & CR0_EVENTQEN, wanted & CR0_PRIQEN, wanted & ~CR0_SMMUEN, wanted}) {
            if ((enabled | step) == enabled) {
                continue;
            }
            enabled |= step;
            target.write_register("", CR0, 4, enabled);
            target.settle();
            const std::uint64_t acknowledged = target.read_register("", CR0ACK, 4);
            if ((acknowledged & 0xf) != (enabled & 0xf)) {
                return "programming: found CR0ACK " + hex(acknowledged) + ", expected " + hex(enabled);
            }
        }
        queue_base_ = state.register64(EVENTQ_BASE);
        next_event_ = state.register32(EVENTQ_PROD) & index_mask();
        return {};
    }

    std::vector<fault_record> take_faults(machine& target) override {
        std::vector<fault_record> records = read_events(target);
        if (!records.empty()) {
            target.write_register("", EVENTQ_CONS, 4, next_event_);
        }
        return records;
    }

    std::vector<fault_record> watch_faults(machine& target) override {
        queue_base_ = target.read_register("", EVENTQ_BASE, 8);
        return read_events(target);
    }

    std::optional<contradiction> contradicts(const snapshot& state, const recorded_access& access) const override {
        const unsigned bits = output_bits(state);
        if (access.untranslated && access.iova >> bits != 0) {
            return contradiction{"0x11",
                                 "IHI 0070, 3.4: an address beyond OAS is not bypassed but ends in F_ADDR_SIZE"};
        }
        return std::nullopt;
    }

    std::unique_ptr<motion_driver> start_motion(const traces::recording& record, motion_context& context) override {
        next_event_ = 0;
        return make_smmu_v3_motion(record, context);
    }

  private:
    std::uint32_t index_mask() const {
        return static_cast<std::uint32_t>((std::uint64_t{2} << (queue_base_ & queue_log2size_mask)) - 1) &
               queue_index_mask;
    }

    /// The records from next_event_ up to the queue's PROD (3.5: index and wrap bit, so twice the size).
    std::vector<fault_record> read_events(machine& target) {
        std::vector<fault_record> records;
        const auto producer = static_cast<std::uint32_t>(target.read_register("", EVENTQ_PROD, 4)) & index_mask();
        const std::uint64_t size = std::uint64_t{1} << (queue_base_ & queue_log2size_mask);
        while (next_event_ != producer && records.size() < size) {
            std::vector<std::uint8_t> bytes(event_bytes);
            const std::uint64_t place = (queue_base_ & queue_address_mask) + (next_event_ & (size - 1)) * event_bytes;
            next_event_ = (next_event_ + 1) & index_mask();
            if (!target.read_memory(place, bytes)) {
                break;
            }
            records.push_back(decode_event(bytes));
        }
        return records;
    }

    std::uint64_t queue_base_ = 0;
    std::uint32_t next_event_ = 0;
};

} // namespace

std::unique_ptr<recording_dialect> make_smmu_v3_dialect() {
    return std::make_unique<smmu_v3_dialect>();
}

} // namespace iommulab::conformance
