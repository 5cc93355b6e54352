// SPDX-License-Identifier: Apache-2.0
#include "models/gart/spec/registers.h"
#include "testbenches/gart/testbench.h"
#include "traces/number.h"

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

[[noreturn]] void refuse(const std::string& text) {
    throw std::runtime_error("firmware of the GART: " + text);
}

class gart_firmware final : public firmware {
  public:
    explicit gart_firmware(firmware_setup setup) : setup_(std::move(setup)) {}

    void boot(control_cpu& cpu) override {
        std::map<std::uint64_t, std::uint64_t> entries; // one table for all spaces
        for (const address_space& a : setup_.spaces)
            for (const mapping& m : a.maps)
                add(entries, m);
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
    static void add(std::map<std::uint64_t, std::uint64_t>& entries, const mapping& m) {
        if (m.page_bytes != 0 && m.page_bytes != page_bytes)
            refuse("found pages of " + hex(m.page_bytes) + " bytes, expected 4 KiB");
        if (!m.read || !m.write)
            refuse("found a mapping without reads or writes at " + hex(m.iova) +
                   ", expected both: entries have no rights");
        if (m.iova < aperture || m.iova - aperture >= aperture_bytes ||
            m.size_bytes > aperture + aperture_bytes - m.iova)
            refuse("found a mapping at " + hex(m.iova) + ", expected it in the aperture, " + hex(aperture) + " to " +
                   hex(aperture + aperture_bytes - 1));
        if ((m.iova | m.address | m.size_bytes) % page_bytes != 0 || m.address > entry_data::PHYS_ADDR.mask())
            refuse("can't map " + hex(m.iova) + " to " + hex(m.address) + ": whole pages below 2 GiB are expected");
        for (std::uint64_t at = 0; at < m.size_bytes; at += page_bytes) {
            const auto [place, is_new] = entries.emplace(m.iova + at, m.address + at);
            if (!is_new && place->second != m.address + at)
                refuse("found two mappings of " + hex(m.iova + at) + ", expected one: all clients share the table");
        }
    }
    std::uint64_t read(control_cpu& cpu, const register_declaration& r) const {
        return cpu.read(setup_.registers_base + r.offset, r.bytes);
    }
    void write(control_cpu& cpu, const register_declaration& r, std::uint64_t value) const {
        cpu.write(setup_.registers_base + r.offset, r.bytes, value);
    }

    firmware_setup setup_;
};

} // namespace

std::unique_ptr<firmware> make_gart_firmware(firmware_setup setup) {
    return std::make_unique<gart_firmware>(std::move(setup));
}

} // namespace iommulab::firmware
