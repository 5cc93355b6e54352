// SPDX-License-Identifier: Apache-2.0
// The Graphics Address Relocation Table in the memory controller of Tegra20: Tegra 2 Technical Reference Manual,
// "Memory Controller".
//
// Models: an aperture of 4 KiB pages with one entry each on chip, one table for all clients; accesses outside of the
// aperture, which pass as they are; GART_CONFIG, and what is refused while translation is off; invalid entries; the
// error registers and the interrupt of the memory controller for both; a look-up of fixed time, without TLB; register
// writes that a bridge posts, and the read that pushes them.
//
// Does not: the memory controller's arbitration, latency allowance, security carve-outs and resets of clients; rights
// (an entry allows everything); decoding errors outside of the aperture, which the memory behind answers.
#pragma once

#include "models/core/iommu.h"
#include "models/gart/parameters.h"
#include "models/gart/spec/registers.h"

#include <cstdint>
#include <vector>

namespace iommulab::gart {

namespace detail {
/// The bank must exist before the module that the base class makes.
struct register_holder {
    register_bank bank{registers()};
};
} // namespace detail

class gart final : private detail::register_holder, public iommu {
  public:
    /// Throws parameter_error for an aperture that cannot be.
    explicit gart(sc_core::sc_module_name name, const gart_parameters& parameters = {});

    [[nodiscard]] std::vector<const char*> interrupt_names() const override { return {"mc"}; }
    void trace(waveform_writer& writer) override;

  private:
    /// Why an access is refused: the bit of INTSTATUS.
    enum class error : std::uint8_t { decode = 6, invalid_page = 7 };

    walk<bool> translate(walk_context& context, const access& a, translation& page) override;
    void report(const access& a, const fault& f, std::uint32_t stall_tag) override;
    std::uint32_t invalidate_caches(const invalidation&) override { return 0; }
    void reset_model() override;

    [[nodiscard]] translation untranslated(std::uint64_t address) const;
    [[nodiscard]] fault refused(error why) const;
    std::uint32_t& selected_entry();
    void write_entry(std::uint64_t value);
    void forget(std::uint64_t first, std::uint64_t last);
    void update_interrupt();

    gart_parameters own_;
    std::uint64_t aperture_bytes_;
    structure_port port_; ///< of the table
    std::vector<std::uint32_t> entries_;
    struct {
        std::uint64_t entry_writes = 0, invalid_pages = 0, decode_errors = 0, errors_lost = 0;
    } counts_;
    iommulab::probe error_probe_;
};

} // namespace iommulab::gart
