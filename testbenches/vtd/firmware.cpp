// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/faults.h"
#include "models/vtd/spec/registers.h"
#include "models/vtd/spec/structures.h"
#include "sw/pagetables/radix_formats.h"
#include "testbenches/firmware/radix_spaces.h"
#include "testbenches/firmware/table_area.h"
#include "testbenches/vtd/testbench.h"
#include "traces/number.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <stdexcept>
#include <utility>

namespace iommulab::firmware {

using namespace iommulab::vtd;
using traces::hex;

namespace {

constexpr std::uint64_t page_bytes = 0x1000;
constexpr unsigned log2_page = 12;
/// A first stage's addresses are canonical: half of them are negative.
constexpr unsigned usual_levels = 4, most_levels = 5, usual_bits = 48, usual_first_bits = 47, index_bits = 9;
/// Above this many descriptors one for the whole domain is cheaper, as drivers have it.
constexpr std::size_t most_ranges = 32;
constexpr unsigned most_polls = 100'000;
constexpr std::uint64_t interrupt_message = 0xfee0'0000;

[[noreturn]] void refuse(const std::string& text) {
    throw std::runtime_error("firmware of VT-d: " + text);
}

class vtd_firmware final : public firmware {
  public:
    explicit vtd_firmware(firmware_setup setup) : setup_(std::move(setup)) {}

    void boot(control_cpu& cpu) override {
        area_.emplace(cpu, setup_.area_base, setup_.area_bytes);
        identify(cpu);
        build_spaces();
        place_structures();
        refused_.raise();
        queue_ = area_->take(page_bytes, page_bytes);
        status_ = area_->take(page_bytes, page_bytes);
        switch_on(cpu);
    }

    void invalidate(control_cpu& cpu, std::size_t space, std::uint64_t iova, std::uint64_t size_bytes) override {
        const space_state& s = states_.at(space);
        const bool first =
            s.type == pasid_entry::translation_type::first_stage || s.type == pasid_entry::translation_type::nested;
        const auto ranges = aligned_ranges(iova, size_bytes, static_cast<unsigned>(cap::MAMV.of(cap_)), most_ranges);
        const bool all = ranges.size() > most_ranges;
        std::array<std::uint64_t, 2> d{};
        put_type(d, first ? descriptor_type::pasid_iotlb : descriptor_type::iotlb);
        descriptor::DID.put(d, s.domain);
        if (first)
            descriptor::PASID.put(d, setup_.spaces[space].pasid.value_or(0));
        else
            d[0] |= descriptor::DR.make(cap::DRD.of(cap_)) | descriptor::DW.make(cap::DWD.of(cap_));
        const auto whole = first ? static_cast<std::uint64_t>(pasid_iotlb_granularity::pasid_selective)
                                 : static_cast<std::uint64_t>(granularity::domain);
        const auto pages = first ? static_cast<std::uint64_t>(pasid_iotlb_granularity::page_selective)
                                 : static_cast<std::uint64_t>(granularity::selective);
        descriptor::G.put(d, all || !cap::PSI.of(cap_) ? whole : pages);
        if (all || !cap::PSI.of(cap_)) {
            put(cpu, d);
        } else {
            for (const auto& [address, log2_pages] : ranges) {
                d[1] = descriptor::ADDR.of(address);
                descriptor::AM.put(d, log2_pages);
                descriptor::IH.put(d, 1); // leaves alone have changed
                put(cpu, d);
            }
        }
        synchronise(cpu);
    }

    std::vector<std::string> take_faults(control_cpu& cpu) override {
        std::vector<std::string> texts;
        const auto records = static_cast<unsigned>(cap::NFR.of(cap_)) + 1;
        const std::uint64_t status = read(cpu, reg::FSTS);
        for (unsigned n = 0; fsts::PPF.of(status) && n < records; ++n) {
            const unsigned index = (static_cast<unsigned>(fsts::FRI.of(status)) + n) % records;
            const std::uint64_t at = setup_.registers_base + reg::FRCD_LO.offset + index * fault_record::bytes;
            const std::array<std::uint64_t, 2> words{cpu.read(at, 8), cpu.read(at + 8, 8)};
            if (!fault_record::F.of(words))
                continue;
            texts.push_back(describe_fault(words));
            cpu.write(at + 8, 8, fault_record::F_high.make(1));
        }
        if (fsts::PFO.of(status))
            write(cpu, reg::FSTS, fsts::PFO.make(1));
        return texts;
    }

    [[nodiscard]] std::size_t fault_interrupt() const override { return 0; } // fault

  private:
    struct space_state {
        std::uint16_t domain = 0;
        pasid_entry::translation_type type = pasid_entry::translation_type::pass_through;
        std::optional<sw::radix_tables> first, second;
    };

    [[nodiscard]] std::uint64_t at(const register_declaration& r) const { return setup_.registers_base + r.offset; }
    std::uint64_t read(control_cpu& cpu, const register_declaration& r) const { return cpu.read(at(r), r.bytes); }
    void write(control_cpu& cpu, const register_declaration& r, std::uint64_t value) const {
        cpu.write(at(r), r.bytes, value);
    }

    // --- what there is
    void identify(control_cpu& cpu) {
        cap_ = read(cpu, reg::CAP);
        ecap_ = read(cpu, reg::ECAP);
        const bool first_stage = ecap::SMTS.of(ecap_) && ecap::FSTS.of(ecap_);
        if (!ecap::QI.of(ecap_))
            refused_.add(0, space_part::unit, "no queued invalidation in ECAP", "it");
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n) {
            const address_space& a = setup_.spaces[n];
            scalable_ |= a.pasid.has_value() || a.kind == translation_kind::nested ||
                         (a.kind == translation_kind::stage1 && first_stage);
            if (a.granule_log2 != log2_page)
                refused_.add(n, space_part::granule, "a granule of 2^" + std::to_string(a.granule_log2) + " bytes",
                             "4KiB");
            if (a.source_id > 0xffff)
                refused_.add(n, space_part::source_id, "source " + hex(a.source_id), "at most 16 bits: a requester id");
            if (a.pasid && static_cast<unsigned>(std::bit_width(*a.pasid)) > ecap::PSS.of(ecap_) + 1)
                refused_.add(n, space_part::pasid, "PASID " + std::to_string(*a.pasid),
                             "at most " + std::to_string(ecap::PSS.of(ecap_) + 1) + " bits");
            if (a.kind == translation_kind::bypass && !ecap::PT.of(ecap_))
                refused_.add(n, space_part::translation, "no pass-through in ECAP",
                             "it for source " + hex(a.source_id));
            if ((a.pasid || a.kind == translation_kind::nested) && !ecap::SMTS.of(ecap_))
                refused_.add(n, a.pasid ? space_part::pasid : space_part::translation, "no scalable mode in ECAP",
                             "it for PASIDs and nested translation");
        }
    }
    /// Levels of second-stage tables that the unit has (CAP.SAGAW).
    [[nodiscard]] bool has_levels(unsigned levels) const {
        return cap::SAGAW.of(cap_) >> (levels - levels_of_aw(1) + cap::sagaw_39_bits) & 1;
    }
    unsigned second_levels(std::size_t space, const address_space& a) {
        unsigned least = most_levels, most = levels_of_aw(1);
        for (unsigned n = levels_of_aw(1); n <= most_levels; ++n)
            if (has_levels(n)) {
                least = std::min(least, n);
                most = std::max(most, n);
            }
        unsigned levels = refused_.levels_for(space, a, usual_bits, index_bits, least, usual_levels, most);
        while (!has_levels(levels) && levels < most)
            ++levels;
        return levels;
    }

    [[nodiscard]] pasid_entry::translation_type type_of_space(const address_space& a) const {
        using type = pasid_entry::translation_type;
        switch (a.kind) {
        case translation_kind::bypass:
            return type::pass_through;
        case translation_kind::stage1:
            return scalable_ && ecap::FSTS.of(ecap_) ? type::first_stage : type::second_stage;
        case translation_kind::stage2:
            break;
        case translation_kind::nested:
            return type::nested;
        }
        return type::second_stage;
    }

    // --- page tables
    void build_spaces() {
        using type = pasid_entry::translation_type;
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n) {
            const address_space& a = setup_.spaces[n];
            space_state& s = states_.emplace_back();
            if (refused_.about(n))
                continue;
            s.domain = static_cast<std::uint16_t>(n + 1); // 0 is not for software's use with CAP.CM
            s.type = type_of_space(a);
            const bool first = s.type == type::first_stage || s.type == type::nested;
            const bool second = s.type == type::second_stage || s.type == type::nested;
            if ((first && !ecap::FSTS.of(ecap_)) || (scalable_ && second && !ecap::SSTS.of(ecap_)) ||
                (s.type == type::nested && !ecap::NEST.of(ecap_)))
                refused_.add(n, space_part::translation, "no tables of this kind in ECAP",
                             "them for source " + hex(a.source_id));
            if (first)
                build(s.first, first_format_,
                      refused_.levels_for(n, a, usual_first_bits, index_bits, usual_levels, usual_levels,
                                          cap::FS5LP.of(cap_) ? most_levels : usual_levels),
                      first_sizes(), n, a.maps, false);
            address_space behind;
            if (s.type == type::nested)
                behind.maps = identity_maps(setup_, a);
            const address_space& mapped = s.type == type::nested ? behind : a;
            if (second)
                build(s.second, second_format_, second_levels(n, mapped), second_sizes(), n, mapped.maps,
                      ecap::SC.of(ecap_) != 0);
        }
    }

    void build(std::optional<sw::radix_tables>& tables, const sw::radix_format& format, unsigned levels,
               const std::vector<std::uint64_t>& sizes, std::size_t space, const std::vector<mapping>& maps,
               bool cacheable) {
        tables.emplace(format, levels, *area_);
        map_all(*tables, maps, sizes, cacheable, space, refused_);
    }

    [[nodiscard]] static std::vector<std::uint64_t> sizes_with(bool large, bool huge) {
        std::vector<std::uint64_t> sizes;
        if (huge)
            sizes.push_back(page_bytes << 18);
        if (large)
            sizes.push_back(page_bytes << 9);
        sizes.push_back(page_bytes);
        return sizes;
    }
    [[nodiscard]] std::vector<std::uint64_t> first_sizes() const { return sizes_with(true, cap::FS1GP.of(cap_) != 0); }
    [[nodiscard]] std::vector<std::uint64_t> second_sizes() const {
        const std::uint64_t sslps = cap::SSLPS.of(cap_);
        return sizes_with(sslps >> cap::sslps_2m & 1, sslps >> cap::sslps_1g & 1);
    }

    // --- structures
    void place_structures() {
        std::map<std::uint32_t, std::vector<std::size_t>> by_source;
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n)
            by_source[setup_.spaces[n].source_id].push_back(n);
        root_ = new_page();
        std::map<std::uint64_t, std::uint64_t> context_tables; // by the place of the pointer to them
        for (const auto& [source, spaces] : by_source) {
            if (std::any_of(spaces.begin(), spaces.end(), [&](std::size_t n) { return refused_.about(n); }))
                continue;
            const std::uint64_t half = scalable_ ? (source >> 7 & 1) * 8 : 0;
            const std::uint64_t pointer = root_ + (source >> 8) * root_entry::bytes + half;
            auto [found, fresh] = context_tables.try_emplace(pointer, 0);
            if (fresh) {
                found->second = new_page();
                area_->write64(pointer, found->second | root_entry::P.make(1));
            }
            if (scalable_)
                place_sm_context(found->second + (source & 0x7f) * sm_context_entry::bytes, spaces);
            else
                place_context(found->second + (source & 0xff) * context_entry::bytes, source, spaces);
        }
    }

    void place_context(std::uint64_t place, std::uint32_t source, const std::vector<std::size_t>& spaces) {
        if (spaces.size() != 1)
            refused_.add(spaces.back(), space_part::source_id,
                         std::to_string(spaces.size()) + " spaces of source " + hex(source), "one without PASIDs");
        const space_state& s = states_[spaces.front()];
        std::array<std::uint64_t, 2> e{};
        context_entry::P.put(e, 1);
        const bool pass = s.type == pasid_entry::translation_type::pass_through;
        const auto type =
            pass ? context_entry::translation_type::pass_through : context_entry::translation_type::untranslated;
        context_entry::TT.put(e, static_cast<std::uint64_t>(type));
        context_entry::AW.put(e, aw_of(s));
        context_entry::DID.put(e, s.domain);
        if (!pass)
            e[0] = context_entry::SSPTPTR.put(e[0], s.second->root());
        store(place, e);
    }

    void place_sm_context(std::uint64_t place, const std::vector<std::size_t>& spaces) {
        std::uint32_t most = 0;
        bool pasids = false;
        for (const std::size_t n : spaces) {
            most = std::max(most, setup_.spaces[n].pasid.value_or(0));
            pasids |= setup_.spaces[n].pasid.has_value();
        }
        const int bits = std::bit_width(most);
        const unsigned smallest = sm_context_entry::log2_directory_entries(0) + pasid_directory_entry::log2_pasids;
        const std::uint64_t size = bits > static_cast<int>(smallest) ? static_cast<unsigned>(bits) - smallest : 0;
        const std::uint64_t directory_bytes = std::uint64_t{pasid_directory_entry::bytes}
                                              << sm_context_entry::log2_directory_entries(static_cast<unsigned>(size));
        const std::uint64_t directory = zeroed(std::max(directory_bytes, page_bytes));
        std::map<std::uint64_t, std::uint64_t> tables; // of 64 PASIDs each
        for (const std::size_t n : spaces) {
            const std::uint64_t pasid = setup_.spaces[n].pasid.value_or(0); // RID_PASID is 0
            auto [found, fresh] = tables.try_emplace(pasid >> pasid_directory_entry::log2_pasids, 0);
            if (fresh) {
                found->second = new_page();
                area_->write64(directory + found->first * pasid_directory_entry::bytes,
                               found->second | pasid_directory_entry::P.make(1));
            }
            const std::uint64_t index = pasid & ((1U << pasid_directory_entry::log2_pasids) - 1);
            const std::uint64_t entry = found->second + index * pasid_entry::bytes;
            if (area_->read64(entry) != 0)
                refused_.add(n, space_part::pasid,
                             "PASID 0 and requests without PASID of source " + hex(setup_.spaces[n].source_id),
                             "one of the two");
            store(entry, pasid_words(states_[n]));
        }
        std::array<std::uint64_t, 4> e{};
        sm_context_entry::P.put(e, 1);
        sm_context_entry::PASIDE.put(e, pasids);
        sm_context_entry::PDTS.put(e, size);
        e[0] = sm_context_entry::PASIDDIRPTR.put(e[0], directory);
        store(place, e);
    }

    /// Without second-stage tables: a width that the unit has.
    [[nodiscard]] unsigned aw_of(const space_state& s) const {
        unsigned levels = s.second ? s.second->levels() : usual_levels;
        if (!s.second && !has_levels(levels))
            levels = has_levels(levels - 1) ? levels - 1 : levels + 1;
        return levels - levels_of_aw(0);
    }

    [[nodiscard]] std::array<std::uint64_t, 8> pasid_words(const space_state& s) const {
        std::array<std::uint64_t, 8> e{};
        pasid_entry::P.put(e, 1);
        pasid_entry::PGTT.put(e, static_cast<std::uint64_t>(s.type));
        pasid_entry::AW.put(e, aw_of(s));
        pasid_entry::FSPM.put(e, s.first && s.first->levels() == most_levels ? pasid_entry::fspm_5_levels
                                                                             : pasid_entry::fspm_4_levels);
        pasid_entry::DID.put(e, s.domain);
        if (s.second)
            e[0] = pasid_entry::SSPTPTR.put(e[0], s.second->root());
        if (s.first)
            e[2] = pasid_entry::FSPTPTR.put(e[2], s.first->root());
        return e;
    }

    template <std::size_t Words>
    void store(std::uint64_t address, const std::array<std::uint64_t, Words>& words) {
        for (std::size_t n = 0; n < Words; ++n)
            area_->write64(address + 8 * n, words[n]);
    }
    std::uint64_t zeroed(std::uint64_t bytes) {
        const std::uint64_t address = area_->take(bytes, bytes);
        area_->zero(address, bytes);
        return address;
    }
    std::uint64_t new_page() { return zeroed(page_bytes); }

    // --- registers: "Software Programming Model"
    void switch_on(control_cpu& cpu) {
        write(cpu, reg::RTADDR, rtaddr::RTA.put(rtaddr::TTM.make(scalable_), root_));
        command(cpu, gcmd::SRTP, gsts::RTPS);
        write(cpu, reg::IQT, 0);
        write(cpu, reg::IQA, iqa::IQA.put(iqa::DW.make(scalable_), queue_));
        command(cpu, gcmd::QIE, gsts::QIES);
        std::array<std::uint64_t, 2> d{};
        put_type(d, descriptor_type::context_cache);
        descriptor::G.put(d, static_cast<std::uint64_t>(granularity::global));
        put(cpu, d);
        if (scalable_) {
            d = {};
            put_type(d, descriptor_type::pasid_cache);
            descriptor::G.put(d, static_cast<std::uint64_t>(pasid_cache_granularity::global));
            put(cpu, d);
        }
        d = {};
        put_type(d, descriptor_type::iotlb);
        descriptor::G.put(d, static_cast<std::uint64_t>(granularity::global));
        put(cpu, d);
        synchronise(cpu);
        write(cpu, reg::FEADDR, interrupt_message);
        write(cpu, reg::FECTL, 0);
        command(cpu, gcmd::TE, gsts::TES);
    }

    /// A command of GCMD, with what is on already said again.
    void command(control_cpu& cpu, const bit_field& what, const bit_field& done) {
        write(cpu, reg::GCMD, on_ | what.make(1));
        for (unsigned polls = 0; !done.of(read(cpu, reg::GSTS)); ++polls)
            if (polls > most_polls)
                refuse(std::string("GCMD.") + what.name + " was never answered");
        if (what.lsb != gcmd::SRTP.lsb)
            on_ |= what.make(1);
    }

    // --- descriptors
    static void put_type(std::array<std::uint64_t, 2>& d, descriptor_type t) {
        descriptor::Type.put(d, static_cast<std::uint64_t>(t));
    }

    void put(control_cpu& cpu, const std::array<std::uint64_t, 2>& d) {
        const std::uint64_t bytes = scalable_ ? descriptor::wide_bytes : descriptor::bytes;
        const std::uint64_t next = (tail_ + bytes) % page_bytes;
        for (unsigned polls = 0; next == head_; ++polls)
            poll(cpu, polls);
        cpu.write(queue_ + tail_, 8, d[0]);
        cpu.write(queue_ + tail_ + 8, 8, d[1]);
        tail_ = next;
        write(cpu, reg::IQT, tail_);
    }

    void synchronise(control_cpu& cpu) {
        std::array<std::uint64_t, 2> d{};
        put_type(d, descriptor_type::wait);
        descriptor::SW.put(d, 1);
        descriptor::STDATA.put(d, ++waits_);
        d[1] = descriptor::STADDR.of(status_);
        put(cpu, d);
        for (unsigned polls = 0; cpu.read(status_, 4) != waits_; ++polls)
            poll(cpu, polls);
    }

    void poll(control_cpu& cpu, unsigned polls) {
        head_ = read(cpu, reg::IQH);
        if (fsts::IQE.of(read(cpu, reg::FSTS)))
            refuse("a descriptor stopped the queue, IQERCD " + hex(read(cpu, reg::IQERCD)));
        if (polls > most_polls)
            refuse("the invalidation queue stands still");
    }

    sw::x86_64_format first_format_{{}};
    sw::vtd_second_level_format second_format_;
    firmware_setup setup_;
    refusals refused_;
    std::optional<table_area> area_;
    std::vector<space_state> states_;
    std::uint64_t cap_ = 0, ecap_ = 0;
    bool scalable_ = false;
    std::uint64_t root_ = 0, queue_ = 0, status_ = 0, on_ = 0;
    std::uint64_t tail_ = 0, head_ = 0;
    std::uint32_t waits_ = 0;
};

} // namespace

std::unique_ptr<firmware> make_vtd_firmware(firmware_setup setup) {
    return std::make_unique<vtd_firmware>(std::move(setup));
}

std::vector<std::string> read_vtd_faults(const register_reader& registers, const memory_reader& /*memory*/,
                                         std::size_t most) {
    std::vector<std::string> texts;
    const std::uint64_t records = cap::NFR.of(registers(reg::CAP.offset, 8)) + 1;
    for (std::uint64_t n = 0; n < records && texts.size() < most; ++n) {
        const std::uint64_t offset = reg::FRCD_LO.offset + n * fault_record::bytes;
        const std::array<std::uint64_t, 2> words{registers(offset, 8), registers(offset + 8, 8)};
        if (fault_record::F.of(words))
            texts.push_back(describe_fault(words));
    }
    return texts;
}

} // namespace iommulab::firmware
