// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/motion.h"

#include "testbenches/conformance/table_motion.h"
#include "testbenches/smmu_v3/facts.h"
#include "testbenches/smmu_v3/image.h"
#include "testbenches/smmu_v3/syntax.h"
#include "testbenches/smmu_v3/tables.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <utility>

namespace iommulab::conformance {

using traces::hex;
using namespace smmu_v3;

namespace {

const syntax smmu_v3_syntax;

/// A stream table entry without tables.
std::vector<std::uint64_t> one_word(std::uint64_t word) {
    std::vector<std::uint64_t> words(ste_bytes / sizeof(std::uint64_t));
    words[0] = word;
    words[1] = STE_SHCFG_incoming;
    return words;
}

class smmu_v3_motion final : public table_motion {
  public:
    smmu_v3_motion(const traces::recording& record, motion_context& context)
        : table_motion(record, smmu_v3_syntax, context) {
        for (const traces::snapshot& state : record.snapshots) {
            images_.emplace_back(state);
        }
        load_stream_table();
        begin();
    }

  private:
    // --- memory before the first access

    /// The stream table as the last snapshot has it, with the sources of the recording still refused.
    void load_stream_table() {
        for (const snapshot_image& image : images_) {
            for (const auto& [address, bytes] : image.stream_table_pages()) {
                if (!target_.write_memory(address, bytes)) {
                    context_.fail("no memory for the stream table at " + hex(address));
                }
            }
        }
        for (const auto& [id, source] : sources_) {
            if (const auto place = images_.back().ste_address(id)) {
                write_words(*place, one_word(STE_V | STE_Config_abort << STE_Config_shift));
            }
        }
    }

    // --- configuration

    void configure(std::uint32_t id, source_state& source, const configuration_phase& phase) override {
        std::optional<std::uint64_t> place = images_.back().ste_address(id);
        const auto level_1 = images_.back().level_1_address(id);
        if (!place) {
            context_.fail("source " + hex(id) + " makes accesses, and no snapshot's stream table has an entry for it");
            return;
        }
        source.configuration = {*place};
        if (level_1) {
            source.configuration.insert(*level_1);
        }
        if (!phase.translated) {
            source.tables.reset();
            write_words(*place, one_word(STE_V | STE_Config_bypass << STE_Config_shift));
            return;
        }
        std::optional<stage_1_stream> stream = find_stream(id, phase);
        if (!stream) {
            throw input_error(record_.folder, 0, 0, "no snapshot in which a source is translated by stage 1",
                              "one, for the format of the tables of source " + hex(id));
        }
        const std::uint64_t root = phase.root.value_or(stream->root());
        place_context_descriptor(phase, *stream, source);
        source.space = asid_of(id, phase, *stream);
        stream->cd[0] = (stream->cd[0] & 0x0000ffffffffffff) | std::uint64_t{source.space} << 48;
        stream->cd[1] = (stream->cd[1] & ~CD_TTB_mask) | root;
        source.tables = tables_at(root, stream->cd[0]);
        write_words(stream->cd_address, {stream->cd.begin(), stream->cd.end()});
        write_words(*place, {stream->ste.begin(), stream->ste.end()});
    }

    /// The source's own stream in the snapshot that knows this root, else its own in any, else anybody's with the same
    /// format.
    std::optional<stage_1_stream> find_stream(std::uint32_t id, const configuration_phase& phase) const {
        std::optional<stage_1_stream> own;
        std::optional<stage_1_stream> other;
        for (const snapshot_image& image : images_) {
            if (const auto stream = image.stream(id)) {
                if (phase.root && stream->root() == *phase.root) {
                    return stream;
                }
                own = own ? own : stream;
            }
            for (const auto& [source, state] : sources_) {
                other = other ? other : image.stream(source);
            }
        }
        return own ? own : other;
    }

    /// Where the phase's first walk read the context descriptor from; the snapshot's place when no walk shows it.
    void place_context_descriptor(const configuration_phase& phase, stage_1_stream& stream, source_state& source) {
        std::vector<traces::table_read> wide;
        std::optional<std::uint64_t> level_1_cd;
        for (const traces::table_read& read : phase.configuration) {
            if (read.size_bytes == 64) {
                wide.push_back(read);
            } else if (wide.size() == 1) {
                level_1_cd = read.address;
            }
        }
        if (wide.size() == 2) {
            stream.cd_address = wide[1].address;
            const std::uint64_t pointer = level_1_cd.value_or(stream.cd_address);
            stream.ste[0] = (stream.ste[0] & ~STE_S1ContextPtr_mask) | (pointer & STE_S1ContextPtr_mask);
            if (level_1_cd) {
                write_word(target_, *level_1_cd, (stream.cd_address & 0x000ffffffffff000) | 1); // 5.3: V and L2Ptr
                source.configuration.insert(*level_1_cd);
            }
        }
        source.configuration.insert(stream.cd_address);
    }

    std::uint32_t asid_of(std::uint32_t id, const configuration_phase& phase, const stage_1_stream& stream) const {
        if (!phase.root || stream.root() == *phase.root) {
            return stream.asid(); // the snapshot has these tables
        }
        return choose_space(id, phase).value_or(stream.asid());
    }

    /// The tables with this root: those of another source that shares them, or new ones. TG0, T0SZ, IPS: 5.4.
    std::shared_ptr<replayed_tables> tables_at(std::uint64_t root, std::uint64_t cd_word_0) {
        if (auto shared = shared_tables(root)) {
            return shared;
        }
        static constexpr unsigned granules[] = {12, 16, 14, 0};
        static constexpr unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52, 56};
        sw::arm_lpae_configuration configuration;
        configuration.granule_log2 = granules[cd_word_0 >> 6 & 3];
        configuration.input_bits = 64 - static_cast<unsigned>(cd_word_0 & 0x3f);
        configuration.output_bits = std::min(sizes[cd_word_0 >> 32 & 7], configuration.granule_log2 == 16 ? 52u : 48u);
        auto tables = std::make_shared<stage_1_tables>(target_, configuration, root,
                                                       [this](std::uint64_t bytes) { return spare_table(bytes); });
        if (tables->builder().status() != sw::table_status::ok) {
            throw input_error(record_.folder, 0, 0, "a context descriptor with word 0 = " + hex(cd_word_0),
                              "a granule and an address size that stage 1 tables can have");
        }
        return tables;
    }

    std::uint64_t configuration_bytes() const override { return cd_bytes; }

    std::vector<traces::memory_range> other_structures() const override {
        std::vector<traces::memory_range> ranges;
        for (const auto& [base, bytes] : images_.back().stream_table_pages()) {
            ranges.push_back({base, bytes.size()});
        }
        const std::uint64_t events = written64(EVENTQ_BASE);
        ranges.push_back({events & queue_address_mask, event_bytes << (events & queue_log2size_mask)});
        return ranges;
    }

    bool is_permission_fault(const traces::dma_row& row) const override {
        return row.fault_code.find("F_PERMISSION") != std::string::npos;
    }

    // --- registers

    /// 3.5 and 6.3.26 to 6.3.28: indexes with a wrap bit.
    void registers_changed(const traces::register_row&) override {
        const std::uint64_t base = written64(CMDQ_BASE);
        const auto entries = static_cast<std::uint32_t>(std::uint64_t{1} << (base & queue_log2size_mask));
        queue_.set_layout({.enabled = (written64(CR0) & CR0_CMDQEN) != 0,
                           .address = base & queue_address_mask,
                           .producer_register = CMDQ_PROD,
                           .consumer_register = CMDQ_CONS,
                           .step = 1,
                           .pointer_mask = (2 * entries - 1) & queue_index_mask,
                           .slot_mask = entries - 1,
                           .bytes_per_unit = command_bytes});
    }

    bool is_acknowledgement(const traces::register_row& row) const override { return row.offset == EVENTQ_CONS; }

    readable is_determined(const traces::register_row& row) const override {
        if (row.offset == EVENTQ_PROD) {
            return readable::when_quiet;
        }
        const bool always = row.offset <= AIDR || row.offset == CR0ACK || row.offset == IRQ_CTRLACK;
        return always ? readable::always : readable::varies;
    }

    std::string errors() override {
        const std::uint64_t active = target_.read_register("", GERROR, 4) ^ target_.read_register("", GERROR + 4, 4);
        return active == 0 ? "" : "found GERROR " + hex(active) + " active, expected none";
    }

    std::vector<snapshot_image> images_;
};

} // namespace

std::unique_ptr<motion_driver> make_smmu_v3_motion(const traces::recording& record, motion_context& context) {
    return std::make_unique<smmu_v3_motion>(record, context);
}

} // namespace iommulab::conformance
