// SPDX-License-Identifier: Apache-2.0
#include "models/pamu/spec/paace.h"
#include "models/pamu/spec/registers.h"
#include "testbenches/pamu/testbench.h"
#include "traces/number.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

namespace iommulab::firmware {

using namespace iommulab::pamu;
using traces::hex;

namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr unsigned page_log2 = 12, address_bits = 36;

constexpr unsigned log2_of(std::uint64_t bytes) {
    return static_cast<unsigned>(std::bit_width(bytes)) - 1;
}

class pamu_firmware final : public firmware {
  public:
    explicit pamu_firmware(firmware_setup setup) : setup_(std::move(setup)) {}

    void boot(control_cpu& cpu) override {
        most_subwindows_log2_ = paace::log2_count_of(pc3::MWCE.of(read(cpu, reg::PC3)));
        const auto most = static_cast<std::uint32_t>(pc2::MLIODN.of(read(cpu, reg::PC2)));
        std::uint32_t largest = 0;
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n) {
            const address_space& a = setup_.spaces[n];
            if (a.source_id > most)
                refused_.add(n, space_part::source_id, "LIODN " + hex(a.source_id), "at most " + hex(most));
            if (a.levels != 0)
                refused_.add(n, space_part::levels, "levels of page tables", "none: a PAMU has windows");
            largest = std::max(largest, std::min(a.source_id, most));
        }
        const std::uint64_t primary_bytes = whole_pages((largest + 1) * std::uint64_t{paace::bytes});
        if (primary_bytes >= setup_.area_bytes)
            refused_.add(0, space_part::tables, "memory for tables that is too small for LIODN " + hex(largest),
                         "a larger tables_size");
        refused_.raise();
        primary_ = setup_.area_base;
        secondary_ = primary_ + primary_bytes;
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n)
            place(cpu, n);
        refused_.raise();
        write_pair(cpu, reg::PPBAH, reg::PPBAL, primary_);
        write_pair(cpu, reg::PPLAH, reg::PPLAL, secondary_);
        write_pair(cpu, reg::SPBAH, reg::SPBAL, secondary_);
        write_pair(cpu, reg::SPLAH, reg::SPLAL, whole_pages(secondary_ + secondaries_ * std::uint64_t{paace::bytes}));
        write(cpu, reg::PICS, pics::ACCESS_VIOLATION_ENABLE.make(1));
        write(cpu, reg::PC, pc::PE.make(1) | pc::OCE.make(1) | pc::SPCC.make(1) | pc::PPCC.make(1));
        write(cpu, reg::PAMUBYPENR, 0);
    }

    /// Caches snoop: what was written to the tables is seen.
    void invalidate(control_cpu&, std::size_t, std::uint64_t, std::uint64_t) override {}

    std::vector<std::string> take_faults(control_cpu& cpu) override {
        const std::uint64_t status = read(cpu, reg::AVS1);
        if (!avs1::AV.of(status))
            return {};
        const std::uint64_t address = read(cpu, reg::AVAH) << 32 | read(cpu, reg::AVAL);
        std::string text = "access violation LIODN=" + hex(avs1::LIODN.of(status)) +
                           (avs2::IOE.of(read(cpu, reg::AVS2)) ? " write" : " read") + " address=" + hex(address);
        for (const bit_field& f : avs1::fields)
            if (f.of(status) != 0 && f.lsb != avs1::AV.lsb && f.lsb != avs1::LIODN.lsb)
                text += std::string(" ") + f.name + "=" + std::to_string(f.of(status));
        write(cpu, reg::AVS1, avs1::mask);
        return {text};
    }

    [[nodiscard]] std::size_t fault_interrupt() const override { return 0; }

  private:
    static std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + page_bytes - 1) / page_bytes * page_bytes; }
    static std::uint64_t rights_of(const mapping& m) {
        return (m.read ? paace::query : 0) | (m.write ? paace::update : 0);
    }
    static void lead(paace::words& w, const mapping& m, std::uint64_t to) {
        paace::V.put(w, 1);
        paace::AP.put(w, rights_of(m));
        paace::ATM.put(w, paace::window);
        paace::CR.put(w, 1);
        paace::TWBAL.put(w, to >> page_log2);
        paace::TWBAH.put(w, to >> 32);
    }
    static paace::words window_of(std::uint64_t base, unsigned log2_bytes) {
        paace::words w{};
        paace::V.put(w, 1);
        paace::WSE.put(w, paace::size_code_of(log2_bytes));
        paace::WBAL.put(w, base >> page_log2);
        paace::WBAH.put(w, base >> 32);
        paace::CR.put(w, 1);
        return w;
    }
    static void store(control_cpu& cpu, std::uint64_t address, const paace::words& w) {
        const paace::words memory = from_memory(w);
        cpu.load(address, memory.data(), paace::bytes);
    }

    void place(control_cpu& cpu, std::size_t space) {
        const address_space& a = setup_.spaces[space];
        paace::words primary = window_of(0, address_bits);
        if (a.kind == translation_kind::bypass)
            paace::AP.put(primary, paace::all);
        else if (!a.maps.empty())
            primary = divide(cpu, space);
        store(cpu, primary_ + a.source_id * std::uint64_t{paace::bytes}, primary);
    }

    /// The smallest window around all mappings; divided as finely as need be.
    paace::words divide(control_cpu& cpu, std::size_t space) {
        const address_space& a = setup_.spaces[space];
        std::uint64_t first = ~std::uint64_t{0}, last = 0;
        for (const mapping& m : a.maps) {
            first = std::min(first, m.iova);
            last = std::max(last, m.iova + m.size_bytes - 1);
        }
        const unsigned window_log2 = std::max(page_log2, static_cast<unsigned>(std::bit_width(first ^ last)));
        const std::uint64_t base = first >> window_log2 << window_log2;
        paace::words primary = window_of(base, window_log2);
        const mapping& only = a.maps.front();
        if (a.maps.size() == 1 && only.size_bytes == std::uint64_t{1} << window_log2) {
            if (is_aligned(only.address, only.size_bytes, space, 0))
                lead(primary, only, only.address);
            return primary;
        }
        const unsigned count_log2 = std::min(most_subwindows_log2_, window_log2 - page_log2);
        const unsigned part_log2 = window_log2 - count_log2;
        const std::uint64_t part_bytes = std::uint64_t{1} << part_log2;
        paace::MW.put(primary, 1);
        paace::WCE.put(primary, count_log2 - 1);
        paace::FSPI.put(primary, secondaries_);
        paace::SWSE.put(primary, paace::size_code_of(part_log2));
        const std::uint32_t first_secondary = secondaries_;
        secondaries_ += (1U << count_log2) - 1;
        if (secondary_ + secondaries_ * std::uint64_t{paace::bytes} > setup_.area_base + setup_.area_bytes)
            throw setup_error(
                {{0, space_part::tables, 0, "memory for tables that is used up", "a larger tables_size"}});
        for (std::size_t n = 0; n < a.maps.size(); ++n) {
            const mapping& m = a.maps[n];
            for (std::uint64_t at = 0; at < m.size_bytes; at += part_bytes) {
                const std::uint64_t iova = m.iova + at, used = std::min(part_bytes, m.size_bytes - at);
                if (iova % part_bytes != 0 || !std::has_single_bit(used) || used < page_bytes) {
                    refused_.add_map(space, n, m,
                                     "subwindows of LIODN " + hex(a.source_id) + " have " + hex(part_bytes) +
                                         " bytes, and a mapping begins with one");
                    break;
                }
                if (!is_aligned(m.address + at, used, space, n))
                    break;
                const auto index = static_cast<std::uint32_t>((iova - base) >> part_log2);
                paace::words w = index == 0 ? primary : paace::words{};
                lead(w, m, m.address + at);
                paace::SWSE.put(w, paace::size_code_of(log2_of(used)));
                if (index == 0) {
                    primary = w;
                    continue;
                }
                paace::PT.put(w, paace::secondary);
                paace::LIODN.put(w, a.source_id);
                store(cpu, secondary_ + (first_secondary + index - 1) * std::uint64_t{paace::bytes}, w);
            }
        }
        return primary;
    }
    bool is_aligned(std::uint64_t address, std::uint64_t bytes, std::size_t space, std::size_t map) {
        if (address % bytes == 0)
            return true;
        refused_.add_map(space, map, setup_.spaces[space].maps[map],
                         hex(address) + " is no multiple of the window's " + hex(bytes) + " bytes");
        return false;
    }

    std::uint64_t read(control_cpu& cpu, const register_declaration& r) const {
        return cpu.read(setup_.registers_base + r.offset, r.bytes);
    }
    void write(control_cpu& cpu, const register_declaration& r, std::uint64_t value) const {
        cpu.write(setup_.registers_base + r.offset, r.bytes, value);
    }
    void write_pair(control_cpu& cpu, const register_declaration& high, const register_declaration& low,
                    std::uint64_t value) const {
        write(cpu, high, value >> 32);
        write(cpu, low, value & 0xffff'ffff);
    }

    firmware_setup setup_;
    refusals refused_;
    std::uint64_t primary_ = 0, secondary_ = 0;
    std::uint32_t secondaries_ = 0;
    unsigned most_subwindows_log2_ = 0;
};

} // namespace

std::unique_ptr<firmware> make_pamu_firmware(firmware_setup setup) {
    return std::make_unique<pamu_firmware>(std::move(setup));
}

} // namespace iommulab::firmware
