// SPDX-License-Identifier: Apache-2.0
#include "models/gart/spec/registers.h"
#include "testbenches/gart/testbench.h"
#include "traces/number.h"

#include <array>
#include <map>
#include <stdexcept>
#include <utility>

namespace iommulab::firmware {

using namespace iommulab::gart;
using traces::hex;

namespace {

// Linux, tegra20.dtsi
constexpr std::uint64_t aperture = 0x5800'0000, aperture_bytes = std::uint64_t{1} << (page_log2 + most_entries_log2);
constexpr std::uint64_t page_bytes = std::uint64_t{1} << page_log2;

class gart_firmware final : public firmware {
  public:
    explicit gart_firmware(firmware_setup setup) : setup_(std::move(setup)) {}

    void boot(control_cpu& cpu) override {
        std::map<std::uint64_t, std::uint64_t> entries; // one table for all spaces
        for (std::size_t n = 0; n < setup_.spaces.size(); ++n) {
            if (setup_.spaces[n].levels != 0)
                refused_.add(n, space_part::levels, "levels of page tables", "none: a GART has one table on chip");
            for (std::size_t k = 0; k < setup_.spaces[n].maps.size(); ++k)
                add(entries, n, k);
        }
        refused_.raise();
        for (const auto& [iova, address] : entries) {
            write(cpu, reg::GART_ENTRY_ADDR, iova);
            write(cpu, reg::GART_ENTRY_DATA, entry_data::PHYS_ADDR_VALID.make(1) | address);
        }
        write(cpu, reg::INTMASK, interrupt::INVALID_GART_PAGE.make(1) | interrupt::DECERR_EMEM.make(1));
        write(cpu, reg::GART_CONFIG, config::ENABLE.make(1));
        read(cpu, reg::GART_CONFIG); // register writes are posted
    }

    /// The GART holds nothing; what was written to it has arrived when a read has.
    void invalidate(control_cpu& cpu, std::size_t, std::uint64_t, std::uint64_t) override {
        read(cpu, reg::GART_CONFIG);
    }

    std::vector<std::string> take_faults(control_cpu& cpu) override {
        std::vector<std::string> texts;
        const std::uint64_t status = read(cpu, reg::INTSTATUS);
        if (interrupt::INVALID_GART_PAGE.of(status)) {
            const std::uint64_t request = read(cpu, reg::GART_ERROR_REQ);
            texts.push_back("INVALID_GART_PAGE client=" + hex(gart_error::CLIENT_ID.of(request)) +
                            (gart_error::DIRECTION.of(request) ? " write" : " read") +
                            " address=" + hex(read(cpu, reg::GART_ERROR_ADDR)));
        }
        if (interrupt::DECERR_EMEM.of(status)) {
            const std::uint64_t request = read(cpu, reg::DECERR_EMEM_OTHERS_STATUS);
            texts.push_back("DECERR_EMEM client=" + hex(decerr::CLIENT_ID.of(request)) +
                            (decerr::WRITE.of(request) ? " write" : " read") +
                            " address=" + hex(read(cpu, reg::DECERR_EMEM_OTHERS_ADR)));
        }
        write(cpu, reg::INTSTATUS, status);
        return texts;
    }

    [[nodiscard]] std::size_t fault_interrupt() const override { return 0; }

  private:
    void add(std::map<std::uint64_t, std::uint64_t>& entries, std::size_t space, std::size_t map) {
        const mapping& m = setup_.spaces[space].maps[map];
        constexpr std::array sizes{page_bytes};
        if (refused_.add_page(space, map, m, sizes))
            return;
        const auto refuse = [&](const std::string& why) { refused_.add_map(space, map, m, why); };
        if (!m.read || !m.write)
            return refuse("entries have no rights, both reads and writes pass");
        if (m.iova < aperture || m.iova - aperture >= aperture_bytes ||
            m.size_bytes > aperture + aperture_bytes - m.iova)
            return refuse("outside the aperture, " + hex(aperture) + " to " + hex(aperture + aperture_bytes - 1));
        if ((m.iova | m.address | m.size_bytes) % page_bytes != 0 || m.address > entry_data::PHYS_ADDR.mask())
            return refuse("whole pages below 2 GiB are expected");
        for (std::uint64_t at = 0; at < m.size_bytes; at += page_bytes) {
            const auto [place, is_new] = entries.emplace(m.iova + at, m.address + at);
            if (!is_new && place->second != m.address + at)
                return refuse("a second mapping of " + hex(m.iova + at) + ": all clients share the table");
        }
    }
    std::uint64_t read(control_cpu& cpu, const register_declaration& r) const {
        return cpu.read(setup_.registers_base + r.offset, r.bytes);
    }
    void write(control_cpu& cpu, const register_declaration& r, std::uint64_t value) const {
        cpu.write(setup_.registers_base + r.offset, r.bytes, value);
    }

    firmware_setup setup_;
    refusals refused_;
};

} // namespace

std::unique_ptr<firmware> make_gart_firmware(firmware_setup setup) {
    return std::make_unique<gart_firmware>(std::move(setup));
}

} // namespace iommulab::firmware
