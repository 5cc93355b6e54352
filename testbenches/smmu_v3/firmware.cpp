// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/context_descriptor.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"
#include "models/smmu_v3/spec/stream_table_entry.h"
#include "sw/pagetables/arm_lpae.h"
#include "testbenches/firmware/table_area.h"
#include "testbenches/smmu_v3/testbench.h"
#include "traces/number.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <stdexcept>
#include <utility>

namespace iommulab::firmware {

using namespace iommulab::smmu_v3;
using traces::hex;

namespace {

constexpr unsigned command_queue_log2 = 8, event_queue_log2 = 10;
constexpr unsigned split_bits = 8; // STRTAB_BASE_CFG.SPLIT: level 2 tables of 256 entries, 16 KiB
constexpr unsigned largest_linear_bits = 8;
/// Above this many pages one command for the whole address space is cheaper than a command each, as drivers do.
constexpr std::uint64_t most_pages_one_by_one = 512;
constexpr unsigned most_polls = 100'000;

[[noreturn]] void refuse(const std::string& text) {
    throw std::runtime_error("firmware of the SMMUv3: " + text);
}

/// The encodings of a granule in TG0 and S2TG (5.2, 5.4).
std::uint64_t granule_code(unsigned granule_log2) {
    return granule_log2 == 12 ? 0 : (granule_log2 == 16 ? 1 : 2);
}

class smmu_v3_firmware final : public firmware {
  public:
    explicit smmu_v3_firmware(firmware_setup setup) : setup_(std::move(setup)) {}

    void boot(control_cpu& cpu) override {
        area_.emplace(cpu, setup_.area_base, setup_.area_bytes);
        identify(cpu);
        build_spaces();
        refused_.raise();
        place_stream_table(cpu);
        command_base_ = area_->take(std::uint64_t{command::bytes} << command_queue_log2,
                                    std::uint64_t{command::bytes} << command_queue_log2);
        event_base_ = area_->take(std::uint64_t{record::bytes} << event_queue_log2,
                                  std::uint64_t{record::bytes} << event_queue_log2);
        switch_on(cpu);
    }

    void invalidate(control_cpu& cpu, std::size_t space, std::uint64_t iova, std::uint64_t size_bytes) override {
        const space_state& s = states_.at(space);
        const address_space& a = setup_.spaces.at(space);
        const std::uint64_t page = std::uint64_t{1} << a.granule_log2;
        const std::uint64_t pages = (iova % page + size_bytes + page - 1) / page;
        const bool first_stage = a.kind == translation_kind::stage1 || a.kind == translation_kind::nested;
        std::array<std::uint64_t, 2> c{};
        command::VMID.put(c, s.vmid);
        command::ASID.put(c, s.asid);
        if (pages > most_pages_one_by_one) {
            command::Opcode.put(c, code(first_stage ? opcode::CMD_TLBI_NH_ASID : opcode::CMD_TLBI_S12_VMALL));
            put(cpu, c);
        } else {
            command::Opcode.put(c, code(first_stage ? opcode::CMD_TLBI_NH_VA : opcode::CMD_TLBI_S2_IPA));
            if (!first_stage)
                command::ASID.put(c, 0);
            command::Leaf.put(c, 1);
            const std::uint64_t first = iova / page * page;
            for (std::uint64_t n = 0; n < pages; ++n) {
                c[1] = command::Address.put(c[1], first + n * page);
                put(cpu, c);
            }
        }
        synchronise(cpu);
    }

    std::vector<std::string> take_faults(control_cpu& cpu) override {
        std::vector<std::string> texts;
        const std::uint64_t mask = (std::uint64_t{1} << (event_queue_log2 + 1)) - 1;
        const std::uint64_t produced = read(cpu, reg::EVENTQ_PROD);
        while (event_index_ != (produced & mask)) {
            std::array<std::uint64_t, 4> words{};
            const std::uint64_t slot = event_index_ & (mask >> 1);
            for (unsigned w = 0; w < words.size(); ++w)
                words[w] = cpu.read(event_base_ + slot * record::bytes + 8 * w, 8);
            texts.push_back(describe_event(words));
            event_index_ = (event_index_ + 1) & mask;
        }
        // the overflow flag is acknowledged by copying it (7.4)
        if (!texts.empty() || queue_index::OVFLG.of(produced) != queue_index::OVACKFLG.of(acknowledged_)) {
            acknowledged_ = queue_index::OVACKFLG.put(event_index_, queue_index::OVFLG.of(produced));
            write(cpu, reg::EVENTQ_CONS, acknowledged_);
        }
        return texts;
    }

    [[nodiscard]] std::size_t fault_interrupt() const override { return 0; } // eventq

  private:
    struct space_state {
        std::uint16_t asid = 0, vmid = 0;
        std::optional<sw::arm_lpae_tables> stage1, stage2;
    };
    using entry = std::array<std::uint64_t, 8>;

    static std::uint64_t code(opcode o) { return static_cast<std::uint64_t>(o); }
    [[nodiscard]] std::uint64_t at(const register_declaration& r) const { return setup_.registers_base + r.offset; }
    std::uint64_t read(control_cpu& cpu, const register_declaration& r) const { return cpu.read(at(r), r.bytes); }
    void write(control_cpu& cpu, const register_declaration& r, std::uint64_t value) const {
        cpu.write(at(r), r.bytes, value);
    }

    // --- what there is
    void identify(control_cpu& cpu) {
        id0_ = read(cpu, reg::IDR0);
        id1_ = read(cpu, reg::IDR1);
        id5_ = read(cpu, reg::IDR5);
        constexpr std::array<unsigned, 8> sizes{32, 36, 40, 42, 44, 48, 52, 52}; // 6.3.6, OAS
        oas_code_ = idr5::OAS.of(id5_);
        // tables here are of 48-bit addresses: 52 bits need the 64K granule and another layout
        address_bits_ = std::min(sizes[oas_code_], 48U);
        oas_code_ = std::min<std::uint64_t>(oas_code_, 5);
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n) {
            const address_space& a = setup_.spaces[n];
            const bool first = a.kind == translation_kind::stage1 || a.kind == translation_kind::nested;
            const bool second = a.kind == translation_kind::stage2 || a.kind == translation_kind::nested;
            if ((first && idr0::S1P.of(id0_) == 0) || (second && idr0::S2P.of(id0_) == 0))
                refused_.add(n, space_part::translation,
                             "no stage " + std::string(first && idr0::S1P.of(id0_) == 0 ? "1" : "2") + " in IDR0",
                             "it for source " + hex(a.source_id));
            if (static_cast<unsigned>(std::bit_width(a.source_id)) > idr1::SIDSIZE.of(id1_))
                refused_.add(n, space_part::source_id, "source " + hex(a.source_id),
                             "at most " + std::to_string(idr1::SIDSIZE.of(id1_)) + " bits of StreamID");
            if (a.pasid && static_cast<unsigned>(std::bit_width(*a.pasid)) > idr1::SSIDSIZE.of(id1_))
                refused_.add(n, space_part::pasid, "PASID " + std::to_string(*a.pasid),
                             "at most " + std::to_string(idr1::SSIDSIZE.of(id1_)) + " bits of SubstreamID");
        }
    }

    // --- page tables
    void build_spaces() {
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n) {
            const address_space& a = setup_.spaces[n];
            space_state& s = states_.emplace_back();
            s.asid = static_cast<std::uint16_t>(n + 1);
            if (a.kind == translation_kind::stage2 || a.kind == translation_kind::nested)
                s.vmid = static_cast<std::uint16_t>(n + 1);
            if (a.kind == translation_kind::stage1 || a.kind == translation_kind::nested)
                build(s.stage1, 1, n, a.maps);
            if (a.kind == translation_kind::stage2)
                build(s.stage2, 2, n, a.maps);
            if (a.kind == translation_kind::nested)
                build(s.stage2, 2, n, identity_maps(setup_, a));
        }
    }

    /// `maps` of the space, or, for the second stage of nested translation, all that it leads to.
    void build(std::optional<sw::arm_lpae_tables>& tables, unsigned stage, std::size_t space,
               const std::vector<mapping>& maps) {
        const address_space& a = setup_.spaces[space];
        const bool own = stage == 1 || a.kind != translation_kind::nested;
        sw::arm_lpae_configuration c;
        c.stage = stage;
        c.granule_log2 = a.granule_log2;
        c.input_bits = stage == 1 ? 48 : address_bits_;
        c.output_bits = address_bits_;
        if (own && a.levels != 0) {
            const unsigned most = (c.input_bits - a.granule_log2 + a.granule_log2 - 4) / (a.granule_log2 - 3);
            const unsigned levels = refused_.levels_for(space, a, c.input_bits, a.granule_log2 - 3, 2, most, most);
            c.input_bits = std::min(c.input_bits, a.granule_log2 + levels * (a.granule_log2 - 3));
        }
        tables.emplace(c, *area_);
        if (tables->status() == sw::table_status::no_memory)
            area_->take(~std::uint64_t{0}, 1); // says so
        if (tables->status() != sw::table_status::ok) {
            refused_.add(space, space_part::granule, "a granule of 2^" + std::to_string(a.granule_log2) + " bytes",
                         "one for addresses of " + std::to_string(c.input_bits) + " bits");
            return;
        }
        for (std::size_t n = 0; n < maps.size(); ++n) {
            const mapping& m = maps[n];
            if (refused_.add_page(space, n, m, tables->page_sizes()))
                continue;
            sw::page_protection p;
            p.read = m.read;
            p.write = m.write;
            p.cacheable = true;
            const sw::table_result r =
                m.page_bytes == 0 ? tables->map(m.iova, m.address, m.size_bytes, p)
                                  : tables->map_pages(m.iova, m.address, m.page_bytes, m.size_bytes / m.page_bytes, p);
            if (r.status != sw::table_status::ok)
                refused_.add_map(space, n, m, reason(r.status) + std::string(" at ") + hex(m.iova + r.done_bytes));
        }
    }

    // --- structures
    [[nodiscard]] entry context_descriptor(std::size_t space) const {
        const address_space& a = setup_.spaces[space];
        const sw::arm_lpae_tables& t = *states_[space].stage1;
        entry e{};
        cd::T0SZ.put(e, 64 - t.configuration().input_bits);
        cd::TG0.put(e, granule_code(a.granule_log2));
        cd::IR0.put(e, 1);
        cd::OR0.put(e, 1);
        cd::SH0.put(e, 3);
        cd::EPD1.put(e, 1);
        cd::V.put(e, 1);
        cd::IPS.put(e, oas_code_);
        cd::AA64.put(e, 1);
        cd::R.put(e, 1);
        cd::A.put(e, 1);
        cd::ASET.put(e, 1);
        cd::ASID.put(e, states_[space].asid);
        e[1] = cd::TTB0.put(e[1], t.root());
        cd::MAIR.put(e, sw::arm_lpae_tables::mair());
        return e;
    }

    void add_stage2(entry& e, std::size_t space) const {
        const sw::arm_lpae_tables& t = *states_[space].stage2;
        const unsigned granule = t.configuration().granule_log2;
        ste::S2VMID.put(e, states_[space].vmid);
        ste::S2T0SZ.put(e, 64 - t.configuration().input_bits);
        ste::S2SL0.put(e, (granule == 12 ? 2 : 3) - t.start_level()); // 5.2, S2SL0
        ste::S2IR0.put(e, 1);
        ste::S2OR0.put(e, 1);
        ste::S2SH0.put(e, 3);
        ste::S2TG.put(e, granule_code(granule));
        ste::S2PS.put(e, oas_code_);
        ste::S2AA64.put(e, 1);
        ste::S2R.put(e, 1);
        e[3] = ste::S2TTB.put(e[3], t.root());
    }

    /// The entry of a source: `spaces` are its spaces, by PASID or without.
    entry stream_table_entry(control_cpu& cpu, const std::vector<std::size_t>& spaces) {
        entry e{};
        const address_space& a = setup_.spaces[spaces.front()];
        ste::V.put(e, 1);
        ste::SHCFG.put(e, 1); // as it comes
        unsigned config = ste::Config_translates;
        if (a.kind == translation_kind::stage1 || a.kind == translation_kind::nested) {
            config |= ste::Config_stage1;
            unsigned bits = 0;
            bool plain = false;
            for (const std::size_t s : spaces) {
                bits = std::max(bits, static_cast<unsigned>(std::bit_width(setup_.spaces[s].pasid.value_or(0))));
                plain |= !setup_.spaces[s].pasid;
            }
            const std::uint64_t bytes = std::uint64_t{cd::bytes} << bits;
            const std::uint64_t table = area_->take(bytes, bytes);
            for (const std::size_t s : spaces) {
                const entry c = context_descriptor(s);
                cpu.load(table + std::uint64_t{setup_.spaces[s].pasid.value_or(0)} * cd::bytes, c.data(), cd::bytes);
            }
            e[0] = ste::S1ContextPtr.put(e[0], table);
            ste::S1CDMax.put(e, bits);
            ste::S1DSS.put(e, static_cast<std::uint64_t>(plain ? ste::s1dss::substream0 : ste::s1dss::terminate));
            ste::S1CIR.put(e, 1);
            ste::S1COR.put(e, 1);
            ste::S1CSH.put(e, 3);
        }
        if (a.kind == translation_kind::stage2 || a.kind == translation_kind::nested) {
            config |= ste::Config_stage2;
            add_stage2(e, spaces.front());
        }
        ste::Config.put(e, config);
        return e;
    }

    void place_stream_table(control_cpu& cpu) {
        std::map<std::uint32_t, std::vector<std::size_t>> by_source;
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n)
            by_source[setup_.spaces[n].source_id].push_back(n);
        const auto bits = static_cast<unsigned>(by_source.empty() ? 0 : std::bit_width(by_source.rbegin()->first));
        const bool two_levels = bits > largest_linear_bits && idr0::ST_LEVEL.of(id0_) == 1;
        table_config_ = strtab_base_cfg::LOG2SIZE.make(bits);
        if (!two_levels) {
            const std::uint64_t bytes = std::uint64_t{ste::bytes} << bits;
            table_base_ = area_->take(bytes, bytes);
            for (const auto& [source, spaces] : by_source) {
                const entry e = stream_table_entry(cpu, spaces);
                cpu.load(table_base_ + std::uint64_t{source} * ste::bytes, e.data(), ste::bytes);
            }
            return;
        }
        table_config_ |= strtab_base_cfg::FMT.make(1) | strtab_base_cfg::SPLIT.make(split_bits);
        const std::uint64_t bytes = std::max<std::uint64_t>(64, std::uint64_t{l1std::bytes} << (bits - split_bits));
        table_base_ = area_->take(bytes, bytes);
        std::map<std::uint32_t, std::uint64_t> level2; // by the high bits of the source
        for (const auto& [source, spaces] : by_source) {
            auto [found, fresh] = level2.try_emplace(source >> split_bits, 0);
            if (fresh) {
                constexpr std::uint64_t table_bytes = std::uint64_t{ste::bytes} << split_bits;
                found->second = area_->take(table_bytes, table_bytes);
                const std::uint64_t descriptor = l1std::L2Ptr.put(l1std::Span.make(split_bits + 1), found->second);
                cpu.load(table_base_ + std::uint64_t{found->first} * l1std::bytes, &descriptor, l1std::bytes);
            }
            const entry e = stream_table_entry(cpu, spaces);
            const std::uint64_t low = source & ((1U << split_bits) - 1);
            cpu.load(found->second + low * ste::bytes, e.data(), ste::bytes);
        }
    }

    // --- registers: 3.11, the order of a reset and initialisation
    void switch_on(control_cpu& cpu) {
        write(cpu, reg::CR1,
              cr1::TABLE_SH.make(3) | cr1::TABLE_OC.make(1) | cr1::TABLE_IC.make(1) | cr1::QUEUE_SH.make(3) |
                  cr1::QUEUE_OC.make(1) | cr1::QUEUE_IC.make(1));
        write(cpu, reg::CR2, cr2::PTM.make(1) | cr2::RECINVSID.make(1));
        write(cpu, reg::STRTAB_BASE, strtab_base::RA.put(strtab_base::ADDR.put(0, table_base_), 1));
        write(cpu, reg::STRTAB_BASE_CFG, table_config_);
        write(cpu, reg::CMDQ_BASE,
              queue_base::ADDR.put(queue_base::LOG2SIZE.make(command_queue_log2) | queue_base::RA.make(1),
                                   command_base_));
        write(cpu, reg::CMDQ_PROD, 0);
        write(cpu, reg::CMDQ_CONS, 0);
        enable(cpu, cr0::CMDQEN.make(1));
        std::array<std::uint64_t, 2> c{};
        command::Opcode.put(c, code(opcode::CMD_CFGI_STE_RANGE));
        command::Range.put(c, command::range_all);
        put(cpu, c);
        c = {};
        command::Opcode.put(c, code(opcode::CMD_TLBI_NSNH_ALL));
        put(cpu, c);
        synchronise(cpu);
        write(cpu, reg::EVENTQ_BASE,
              queue_base::ADDR.put(queue_base::LOG2SIZE.make(event_queue_log2) | queue_base::WA.make(1), event_base_));
        write(cpu, reg::EVENTQ_PROD, 0);
        write(cpu, reg::EVENTQ_CONS, 0);
        enable(cpu, cr0::EVENTQEN.make(1));
        write(cpu, reg::IRQ_CTRL, irq_ctrl::EVENTQ_IRQEN.make(1) | irq_ctrl::GERROR_IRQEN.make(1));
        enable(cpu, cr0::SMMUEN.make(1));
    }

    void enable(control_cpu& cpu, std::uint64_t bit) {
        control_ |= bit;
        write(cpu, reg::CR0, control_);
        for (unsigned polls = 0; (read(cpu, reg::CR0ACK) & control_) != control_; ++polls)
            if (polls > most_polls)
                refuse("CR0 " + hex(control_) + " was never acknowledged");
    }

    // --- commands
    void put(control_cpu& cpu, const std::array<std::uint64_t, 2>& c) {
        constexpr std::uint64_t mask = (std::uint64_t{1} << (command_queue_log2 + 1)) - 1;
        constexpr std::uint64_t full = std::uint64_t{1} << command_queue_log2;
        for (unsigned polls = 0; ((produced_ - consumed_) & mask) >= full; ++polls)
            poll(cpu, polls);
        const std::uint64_t slot = command_base_ + (produced_ & (mask >> 1)) * command::bytes;
        cpu.write(slot, 8, c[0]);
        cpu.write(slot + 8, 8, c[1]);
        produced_ = (produced_ + 1) & mask;
        write(cpu, reg::CMDQ_PROD, produced_);
    }

    void synchronise(control_cpu& cpu) {
        std::array<std::uint64_t, 2> c{};
        command::Opcode.put(c, code(opcode::CMD_SYNC));
        put(cpu, c);
        for (unsigned polls = 0; consumed_ != produced_; ++polls)
            poll(cpu, polls);
    }

    void poll(control_cpu& cpu, unsigned polls) {
        const std::uint64_t consumed = read(cpu, reg::CMDQ_CONS);
        consumed_ = queue_index::RD.of(consumed);
        if (queue_index::ERR.of(consumed) != 0)
            refuse("a command stopped the queue with CERROR " + std::to_string(queue_index::ERR.of(consumed)));
        if (polls > most_polls)
            refuse("the Command queue stands still");
    }

    firmware_setup setup_;
    refusals refused_;
    std::optional<table_area> area_;
    std::vector<space_state> states_;
    std::uint64_t id0_ = 0, id1_ = 0, id5_ = 0, oas_code_ = 0;
    unsigned address_bits_ = 48;
    std::uint64_t table_base_ = 0, table_config_ = 0, command_base_ = 0, event_base_ = 0, control_ = 0;
    std::uint64_t produced_ = 0, consumed_ = 0, event_index_ = 0, acknowledged_ = 0;
};

} // namespace

std::unique_ptr<firmware> make_smmu_v3_firmware(firmware_setup setup) {
    return std::make_unique<smmu_v3_firmware>(std::move(setup));
}

std::vector<std::string> read_smmu_v3_faults(const register_reader& registers, const memory_reader& memory,
                                             std::size_t most) {
    std::vector<std::string> texts;
    const std::uint64_t base = registers(reg::EVENTQ_BASE.offset, 8);
    const std::uint64_t log2_size = std::min<std::uint64_t>(queue_base::LOG2SIZE.of(base), 19);
    const std::uint64_t index = queue_index::WR.of(registers(reg::EVENTQ_PROD.offset, 4));
    const std::uint64_t entries = std::uint64_t{1} << log2_size;
    // after a wrap the oldest record follows the newest
    const bool wrapped = (index & entries) != 0;
    const std::uint64_t count = wrapped ? entries : index & (entries - 1);
    const std::uint64_t first = wrapped ? index & (entries - 1) : 0;
    for (std::uint64_t n = 0; n < count && texts.size() < most; ++n) {
        std::vector<std::uint8_t> bytes(record::bytes);
        const std::uint64_t slot = (first + n) & (entries - 1);
        if (!memory(queue_base::ADDR.of(base) + slot * record::bytes, bytes))
            break;
        std::array<std::uint64_t, 4> words{};
        for (std::size_t b = 0; b < bytes.size(); ++b)
            words[b / 8] |= std::uint64_t{bytes[b]} << (8 * (b % 8));
        texts.push_back(describe_event(words));
    }
    return texts;
}

} // namespace iommulab::firmware
