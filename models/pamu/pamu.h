// SPDX-License-Identifier: Apache-2.0
// One Peripheral Access Management Unit of Freescale's QorIQ: P4080 Reference Manual, "Peripheral Access Management
// Unit", PAMU 1.0.
//
// Models: primary entries by LIODN, windows of 4 KiB and more, subwindows with secondary entries, base and limit of the
// tables, access permission, window translation, operation mapping (immediate, and through the OMT), the three caches
// of entries, which snoop, and their enables; access violations with what they record, operation errors, ECC status;
// interrupts for both; gate, enable, bypass.
//
// Does not: page tables behind windows (PAMU 1.0 has none: such entries are refused); what an operation does to the
// caches of the CPUs (stashing is counted, and in the attributes of a translation); transfers to I/O destinations as
// such (they are authorized like those to memory); operations other than plain reads and writes, since accesses do not
// say more; interrupts of the debug registers.
#pragma once

#include "models/core/iommu.h"
#include "models/pamu/parameters.h"
#include "models/pamu/spec/paace.h"
#include "models/pamu/spec/registers.h"
#include "models/pamu/windows.h"

#include <array>
#include <cstdint>

namespace iommulab::pamu {

namespace detail {
/// The bank must exist before the module that the base class makes.
struct register_holder {
    explicit register_holder(const pamu_parameters& p);
    register_bank bank;
};
} // namespace detail

class pamu final : private detail::register_holder, public iommu {
  public:
    explicit pamu(sc_core::sc_module_name name, const pamu_parameters& parameters = {});

    [[nodiscard]] std::vector<const char*> interrupt_names() const override { return {"violation", "error"}; }
    void trace(waveform_writer& writer) override;

    /// The next entry that the primary cache has is found with a flipped bit, or with more: for tests of ECC.
    void upset(bool correctable) { upset_ = correctable ? upset_kind::correctable : upset_kind::fatal; }

  private:
    /// An entry as it lies in memory, and where.
    struct cached_line {
        std::array<std::uint64_t, 8> memory{};
        std::uint64_t address = 0;
    };
    enum class upset_kind : std::uint8_t { none, correctable, fatal };
    /// What a look-up of an entry needs to know, and finds.
    struct entry_request {
        structure_cache<cached_line>* cache;
        const bit_field* enable; ///< of PC
        std::uint64_t address;
        std::uint32_t liodn;
        time_part look_up, fetch;
        const bit_field* error; ///< of POES1
        std::array<std::uint64_t, 8> memory{};
    };

    // authorization.cpp
    walk<bool> translate(walk_context& context, const access& a, translation& page) override;
    walk<bool> find_entry(walk_context& context, entry_request& r);
    walk<bool> obtain_entry(walk_context& context, entry_request& r);
    walk<bool> fetch_entry(walk_context& context, entry_request& r);
    [[nodiscard]] bool usable(const entry_request& r, const cached_line& line);
    [[nodiscard]] fault refuse(const access& a, refusal why, const window& w, std::uint64_t entry_address) const;

    // pamu.cpp
    void report(const access& a, const fault& f, std::uint32_t stall_tag) override;
    std::uint32_t invalidate_caches(const invalidation& i) override;
    void reset_model() override;
    void connect_registers();
    void forget_everything();
    void record_operation_error(const entry_request& r);
    void record_upset(const entry_request& r, const cached_line& line, bool correctable);
    void update_interrupts();
    [[nodiscard]] std::uint64_t base_of(const register_declaration& high, const register_declaration& low) const;
    [[nodiscard]] bool enabled(const bit_field& f) const { return bank.get(reg::PC, f) != 0; }

    pamu_parameters own_;
    structure_cache<cached_line> primaries_, secondaries_, operations_;
    upset_kind upset_ = upset_kind::none;
    struct {
        std::uint64_t violations = 0, violations_lost = 0, operation_errors = 0, snooped = 0, stashing = 0,
                      not_coherent = 0, corrected = 0, uncorrectable = 0;
    } counts_;
    iommulab::probe violation_probe_;
};

} // namespace iommulab::pamu
