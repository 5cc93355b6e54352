// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/spec/commands.h"
#include "models/amd_vi/spec/device_table_entry.h"
#include "models/amd_vi/spec/events.h"
#include "models/amd_vi/spec/registers.h"
#include "sw/pagetables/radix_formats.h"
#include "testbenches/amd_vi/testbench.h"
#include "testbenches/firmware/radix_spaces.h"
#include "testbenches/firmware/table_area.h"
#include "traces/number.h"

#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::firmware {

using namespace iommulab::amd_vi;
using traces::hex;

namespace {

constexpr std::uint64_t page_bytes = 0x1000;
constexpr unsigned log2_page = 12, ring_len = 8; // 256 entries
constexpr std::uint64_t ring_bytes = std::uint64_t{command::bytes} << ring_len;
constexpr unsigned usual_levels = 4, usual_bits = 48, index_bits = 9;
constexpr unsigned most_polls = 100'000;
/// Above this many commands one for the whole domain is cheaper, as drivers have it.
constexpr std::size_t most_ranges = 32;

[[noreturn]] void refuse(const std::string& text) {
    throw std::runtime_error("firmware of AMD-Vi: " + text);
}

using entry = std::array<std::uint64_t, 4>;

class amd_vi_firmware final : public firmware {
  public:
    explicit amd_vi_firmware(firmware_setup setup) : setup_(std::move(setup)) {}

    void boot(control_cpu& cpu) override {
        area_.emplace(cpu, setup_.area_base, setup_.area_bytes);
        features_ = read(cpu, reg::ExtendedFeature);
        check();
        place_device_table();
        refused_.raise();
        commands_ = area_->take(ring_bytes, page_bytes);
        events_ = area_->take(ring_bytes, page_bytes);
        store_ = area_->take(page_bytes, page_bytes);
        switch_on(cpu);
    }

    void invalidate(control_cpu& cpu, std::size_t space, std::uint64_t iova, std::uint64_t size_bytes) override {
        const space_state& s = states_.at(space);
        std::array<std::uint64_t, 2> c{};
        command::Opcode.put(c, code(opcode::INVALIDATE_IOMMU_PAGES));
        command::DomainID.put(c, s.domain);
        command::GN.put(c, s.guest);
        command::PASID.put(c, s.guest ? s.pasid : 0);
        const auto ranges = aligned_ranges(iova, size_bytes, most_log2_pages, most_ranges);
        if (ranges.size() > most_ranges) {
            command::S.put(c, 1);
            c[1] = command::Address.put(c[1], command::all_pages);
            put(cpu, c);
        } else {
            for (const auto& [address, log2_pages] : ranges) {
                // 2.4.3: with S, ones below the highest bit of offset
                command::S.put(c, log2_pages != 0);
                const std::uint64_t ones = ((page_bytes << log2_pages) / 2 - 1) & ~(page_bytes - 1);
                c[1] = command::Address.put(c[1], log2_pages != 0 ? address | ones : address);
                put(cpu, c);
            }
        }
        synchronise(cpu);
    }

    std::vector<std::string> take_faults(control_cpu& cpu) override {
        std::vector<std::string> texts;
        const std::uint64_t status = read(cpu, reg::Status);
        // cleared first: what comes from now on interrupts again
        write(cpu, reg::Status, status & (status::EventLogInt.make(1) | status::EventOverflow.make(1)));
        const std::uint64_t tail = read(cpu, reg::EventLogTail);
        for (; head_ != tail; head_ = (head_ + record::bytes) % ring_bytes) {
            const std::array words{cpu.read(events_ + head_, 8), cpu.read(events_ + head_ + 8, 8)};
            texts.push_back(describe_event(words));
        }
        write(cpu, reg::EventLogHead, head_);
        if (status::EventOverflow.of(status)) { // 2.5.1: off and on again
            write(cpu, reg::Control, control_ & ~control::EventLogEn.make(1));
            write(cpu, reg::Control, control_);
        }
        return texts;
    }

    [[nodiscard]] std::size_t fault_interrupt() const override { return 0; } // iommu

  private:
    struct space_state {
        std::uint16_t domain = 0;
        bool guest = false;
        std::uint32_t pasid = 0;
        std::optional<sw::radix_tables> tables;
    };
    /// An invalidation of half of all addresses and more is one of all.
    static constexpr unsigned most_log2_pages = 50;

    static std::uint64_t code(opcode o) { return static_cast<std::uint64_t>(o); }
    [[nodiscard]] std::uint64_t at(const register_declaration& r) const { return setup_.registers_base + r.offset; }
    std::uint64_t read(control_cpu& cpu, const register_declaration& r) const { return cpu.read(at(r), r.bytes); }
    void write(control_cpu& cpu, const register_declaration& r, std::uint64_t value) const {
        cpu.write(at(r), r.bytes, value);
    }

    // --- what there is
    void check() {
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n) {
            const address_space& a = setup_.spaces[n];
            const std::string whose = "it for source " + hex(a.source_id);
            const bool guest = a.pasid || a.kind == translation_kind::nested;
            if (a.granule_log2 != log2_page)
                refused_.add(n, space_part::granule, "a granule of 2^" + std::to_string(a.granule_log2) + " bytes",
                             "4KiB");
            if (a.source_id > 0xffff)
                refused_.add(n, space_part::source_id, "source " + hex(a.source_id), "at most 16 bits: a DeviceID");
            if (guest && !extended_feature::GTSup.of(features_))
                refused_.add(n, a.pasid ? space_part::pasid : space_part::translation,
                             "no guest tables (GTSup) in the features", whose);
            if (guest && !a.pasid && !extended_feature::GIoSup.of(features_))
                refused_.add(n, space_part::translation, "no GIoSup in the features",
                             whose + ", nested without a PASID");
            if (a.pasid && static_cast<unsigned>(std::bit_width(*a.pasid)) > pasid_bits())
                refused_.add(n, space_part::pasid, "PASID " + std::to_string(*a.pasid),
                             "at most " + std::to_string(pasid_bits()) + " bits");
        }
    }
    [[nodiscard]] unsigned pasid_bits() const {
        const unsigned levels = static_cast<unsigned>(extended_feature::GLXSup.of(features_)) + 1;
        return std::min(levels * gcr3::index_bits, static_cast<unsigned>(extended_feature::PASmax.of(features_)) + 1);
    }

    // --- tables
    std::uint64_t zeroed(std::uint64_t bytes) {
        const std::uint64_t place = area_->take(bytes, page_bytes);
        area_->zero(place, bytes);
        return place;
    }
    /// Sizes that are tried for a map that names none: every power of two up to 1 GiB for the host (2.2.3), three for
    /// guests.
    static std::vector<std::uint64_t> sizes(bool guest) {
        std::vector<std::uint64_t> all;
        for (unsigned log2 = 30; log2 >= log2_page; --log2)
            if (!guest || log2 % 9 == 3)
                all.push_back(std::uint64_t{1} << log2);
        return all;
    }
    void build(std::optional<sw::radix_tables>& tables, bool guest, std::size_t space, const std::vector<mapping>& maps,
               unsigned levels) {
        const sw::radix_format& format = guest ? static_cast<const sw::radix_format&>(guest_format_)
                                               : static_cast<const sw::radix_format&>(host_format_);
        tables.emplace(format, levels, *area_);
        map_all(*tables, maps, sizes(guest), true, space, refused_);
    }
    [[nodiscard]] unsigned host_levels() const {
        return extended_feature::levels_of_0 + static_cast<unsigned>(extended_feature::HATS.of(features_));
    }
    [[nodiscard]] unsigned guest_levels() const {
        return std::min(extended_feature::levels_of_0 + static_cast<unsigned>(extended_feature::GATS.of(features_)),
                        5U);
    }

    /// 2.2.2: the entries of all sources; those without spaces are not valid, and pass.
    void place_device_table() {
        std::map<std::uint32_t, std::vector<std::size_t>> by_source;
        states_.resize(setup_.spaces.size());
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n)
            by_source[setup_.spaces[n].source_id].push_back(n);
        const std::uint64_t entries =
            by_source.empty() ? 1 : std::min<std::uint64_t>(by_source.rbegin()->first, 0xffff) + 1;
        table_pages_ = (entries * dte::bytes + page_bytes - 1) / page_bytes;
        device_table_ = zeroed(table_pages_ * page_bytes);
        std::uint16_t domain = 0;
        for (const auto& [source, spaces] : by_source) {
            if (std::any_of(spaces.begin(), spaces.end(), [&](std::size_t n) { return refused_.about(n); }))
                continue;
            const entry e = device_entry(++domain, spaces);
            for (std::size_t w = 0; w < e.size(); ++w)
                area_->write64(device_table_ + std::uint64_t{source} * dte::bytes + 8 * w, e[w]);
        }
    }
    entry device_entry(std::uint16_t domain, const std::vector<std::size_t>& spaces) {
        entry e{};
        dte::V.put(e, 1);
        dte::TV.put(e, 1);
        dte::IR.put(e, 1);
        dte::IW.put(e, 1);
        dte::DomainID.put(e, domain);
        const address_space& first = setup_.spaces[spaces.front()];
        bool guests = false;
        for (const std::size_t n : spaces) {
            states_[n].domain = domain;
            guests |= setup_.spaces[n].pasid || setup_.spaces[n].kind == translation_kind::nested;
        }
        if (!guests) {
            if (spaces.size() != 1)
                refused_.add(spaces.back(), space_part::source_id,
                             std::to_string(spaces.size()) + " spaces of source " + hex(first.source_id),
                             "one without PASIDs");
            if (first.kind == translation_kind::bypass)
                return e; // Mode = 0
            build(states_[spaces.front()].tables, false, spaces.front(), first.maps,
                  refused_.levels_for(spaces.front(), first, usual_bits, index_bits, 1, usual_levels, host_levels()));
            put_host(e, *states_[spaces.front()].tables);
            return e;
        }
        if (first.kind == translation_kind::nested) {
            if (spaces.size() != 1)
                refused_.add(spaces.back(), space_part::source_id,
                             std::to_string(spaces.size()) + " spaces of source " + hex(first.source_id),
                             "one where translation is nested");
            address_space behind;
            behind.maps = identity_maps(setup_, first);
            build(behind_.emplace_back(), false, spaces.front(), behind.maps,
                  refused_.levels_for(spaces.front(), behind, usual_bits, index_bits, 1, usual_levels, host_levels()));
            put_host(e, *behind_.back());
        }
        put_guests(e, spaces);
        return e;
    }
    static void put_host(entry& e, const sw::radix_tables& tables) {
        dte::Mode.put(e, tables.levels());
        e[0] = dte::HostPageTableRootPtr.put(e[0], tables.root());
    }
    /// 2.2.6.3: the guest CR3 table, with as many levels as the largest PASID needs.
    void put_guests(entry& e, const std::vector<std::size_t>& spaces) {
        std::uint32_t most = 0;
        for (const std::size_t n : spaces)
            most = std::max(most, setup_.spaces[n].pasid.value_or(0));
        const auto levels =
            std::max(1U, (static_cast<unsigned>(std::bit_width(most)) + gcr3::index_bits - 1) / gcr3::index_bits);
        const std::uint64_t root = zeroed(page_bytes);
        unsigned table_levels = extended_feature::levels_of_0; // of all guests of a device
        for (const std::size_t n : spaces)
            table_levels = std::max(table_levels,
                                    refused_.levels_for(n, setup_.spaces[n], usual_bits, index_bits,
                                                        extended_feature::levels_of_0, usual_levels, guest_levels()));
        dte::GuestPagingMode.put(e, table_levels - extended_feature::levels_of_0);
        for (const std::size_t n : spaces) {
            const address_space& a = setup_.spaces[n];
            space_state& s = states_[n];
            s.guest = true;
            s.pasid = a.pasid.value_or(0);
            if (!a.pasid) // requests without PASID are of PASID 0
                dte::GIoV.put(e, 1);
            build(s.tables, true, n, a.maps, table_levels);
            std::uint64_t table = root;
            for (unsigned level = levels - 1; level != 0; --level) {
                const std::uint64_t place = table + index(s.pasid, level);
                if (area_->read64(place) == 0)
                    area_->write64(place, zeroed(page_bytes) | gcr3::V.make(1));
                table = gcr3::Address.of(area_->read64(place));
            }
            if (area_->read64(table + index(s.pasid, 0)) != 0)
                refused_.add(n, space_part::pasid, "PASID 0 and requests without PASID of source " + hex(a.source_id),
                             "one of the two");
            area_->write64(table + index(s.pasid, 0), s.tables->root() | gcr3::V.make(1));
        }
        dte::GV.put(e, 1);
        dte::GLX.put(e, levels - 1);
        dte::put_guest_cr3_table(e, root);
    }
    static std::uint64_t index(std::uint32_t pasid, unsigned level) {
        return (pasid >> (gcr3::index_bits * level) & ((1U << gcr3::index_bits) - 1)) *
               std::uint64_t{gcr3::entry_bytes};
    }

    // --- registers: 3.4.4, tables and rings before their enables, IommuEn last
    void switch_on(control_cpu& cpu) {
        write(cpu, reg::DeviceTableBase,
              device_table_base::DevTabBase.put(device_table_base::Size.make(table_pages_ - 1), device_table_));
        write(cpu, reg::CommandBufferBase, ring_base::Base.put(ring_base::Len.make(ring_len), commands_));
        write(cpu, reg::CommandBufferHead, 0);
        write(cpu, reg::CommandBufferTail, 0);
        write(cpu, reg::EventLogBase, ring_base::Base.put(ring_base::Len.make(ring_len), events_));
        write(cpu, reg::EventLogHead, 0);
        write(cpu, reg::EventLogTail, 0);
        control_ = control::EventLogEn.make(1) | control::EventIntEn.make(1) | control::CmdBufEn.make(1) |
                   (extended_feature::GTSup.of(features_) ? control::GTEn.make(1) : 0);
        write(cpu, reg::Control, control_);
        control_ |= control::IommuEn.make(1);
        write(cpu, reg::Control, control_);
        for (const address_space& a : setup_.spaces) {
            std::array<std::uint64_t, 2> c{};
            command::Opcode.put(c, code(opcode::INVALIDATE_DEVTAB_ENTRY));
            command::DeviceID.put(c, a.source_id);
            put(cpu, c);
        }
        for (std::size_t n = 0; n < states_.size(); ++n) {
            std::array<std::uint64_t, 2> c{};
            command::Opcode.put(c, code(opcode::INVALIDATE_IOMMU_PAGES));
            command::DomainID.put(c, states_[n].domain);
            command::S.put(c, 1);
            command::PDE.put(c, 1);
            c[1] = command::Address.put(c[1], command::all_pages);
            put(cpu, c);
        }
        synchronise(cpu);
    }

    // --- commands
    void put(control_cpu& cpu, const std::array<std::uint64_t, 2>& c) {
        const std::uint64_t next = (tail_ + command::bytes) % ring_bytes;
        for (unsigned polls = 0; next == read(cpu, reg::CommandBufferHead); ++polls)
            poll(cpu, polls);
        cpu.write(commands_ + tail_, 8, c[0]);
        cpu.write(commands_ + tail_ + 8, 8, c[1]);
        tail_ = next;
        write(cpu, reg::CommandBufferTail, tail_);
    }
    void synchronise(control_cpu& cpu) {
        std::array<std::uint64_t, 2> c{};
        command::Opcode.put(c, code(opcode::COMPLETION_WAIT));
        command::s.put(c, 1);
        c[0] = command::StoreAddress.put(c[0], store_);
        command::StoreData.put(c, ++waits_);
        put(cpu, c);
        for (unsigned polls = 0; cpu.read(store_, 8) != waits_; ++polls)
            poll(cpu, polls);
    }
    void poll(control_cpu& cpu, unsigned polls) {
        if (!status::CmdBufRun.of(read(cpu, reg::Status)))
            refuse("a command at " + hex(read(cpu, reg::CommandBufferHead)) + " stopped the command buffer");
        if (polls > most_polls)
            refuse("the command buffer stands still");
    }

    sw::amd_v1_format host_format_;
    sw::x86_64_format guest_format_{{}};
    firmware_setup setup_;
    refusals refused_;
    std::optional<table_area> area_;
    std::vector<space_state> states_;
    std::deque<std::optional<sw::radix_tables>> behind_; ///< host tables of nested spaces
    std::uint64_t features_ = 0, control_ = 0;
    std::uint64_t device_table_ = 0, table_pages_ = 1, commands_ = 0, events_ = 0, store_ = 0;
    std::uint64_t tail_ = 0, head_ = 0, waits_ = 0;
};

} // namespace

std::unique_ptr<firmware> make_amd_vi_firmware(firmware_setup setup) {
    return std::make_unique<amd_vi_firmware>(std::move(setup));
}

std::vector<std::string> read_amd_vi_faults(const register_reader& registers, const memory_reader& memory,
                                            std::size_t most) {
    std::vector<std::string> texts;
    const std::uint64_t base = registers(reg::EventLogBase.offset, 8);
    const std::uint64_t tail = registers(reg::EventLogTail.offset, 8);
    // a ring that went round is not told from one that did not: what is before the tail was written last
    for (std::uint64_t at = 0; at < tail && texts.size() < most; at += record::bytes) {
        std::vector<std::uint8_t> bytes(record::bytes);
        if (!memory(ring_base::Base.of(base) + at, bytes))
            break;
        std::array<std::uint64_t, 2> words{};
        for (std::size_t b = 0; b < bytes.size(); ++b)
            words[b / 8] |= std::uint64_t{bytes[b]} << (8 * (b % 8));
        texts.push_back(describe_event(words));
    }
    return texts;
}

} // namespace iommulab::firmware
