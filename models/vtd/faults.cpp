// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/faults.h"

namespace iommulab::vtd {

fault silent_abort() {
    fault f;
    f.recorded = false;
    return f;
}

fault fault_of(fault_reason reason, const access& a, bool fault_disabled) {
    namespace r = fault_record;
    fault f;
    f.reason = static_cast<std::uint32_t>(reason);
    f.recorded = !(fault_disabled && is_qualified(reason));
    f.words[0] = r::FI.of(a.address);
    r::SID.put(f.words, a.source_id);
    r::FR.put(f.words, f.reason);
    r::T1.put(f.words, a.write ? r::type_write : r::type_read);
    switch (a.type) {
    case address_type::untranslated:
        break;
    case address_type::translation_request:
        r::AT.put(f.words, r::at_translation_request);
        break;
    case address_type::translated:
        r::AT.put(f.words, r::at_translated);
        break;
    }
    if (a.has_pasid) {
        r::PP.put(f.words, 1);
        r::PV.put(f.words, a.pasid);
        r::EXE.put(f.words, a.instruction && !a.write);
        r::PRIV.put(f.words, a.privileged);
    }
    r::F.put(f.words, 1);
    return f;
}

fault_reason reason_of(const vtd_second_stage::walk_fault& f, const access& a, bool scalable) {
    using kind = vtd_second_stage::fault_kind;
    using enum fault_reason;
    switch (f.kind) {
    case kind::none:
        return none;
    case kind::beyond_width:
        return scalable ? sm_beyond_second_stage : beyond_address_width;
    case kind::reserved:
        return scalable ? second_stage_reserved : paging_entry_reserved;
    case kind::permission:
        if (scalable)
            return second_stage_permission;
        return a.write ? write_not_allowed : read_not_allowed;
    case kind::external_abort:
        if (f.first_table)
            return scalable ? second_table_access : context_invalid;
        return scalable ? second_stage_access : paging_entry_access;
    case kind::update:
        return second_stage_update;
    }
    return none;
}

fault_reason reason_of(const x86_64::walk_fault& f, const vtd_second_stage::walk_fault& behind) {
    using kind = x86_64::fault_kind;
    using enum fault_reason;
    switch (f.kind) {
    case kind::none:
        return none;
    case kind::not_canonical:
        return not_canonical;
    case kind::not_present:
        return first_stage_not_present;
    case kind::reserved:
        return first_stage_reserved;
    case kind::supervisor_page:
        return supervisor_page;
    case kind::write:
        return sm_write_not_allowed;
    case kind::execute:
        return execute_not_allowed;
    case kind::external_abort:
        return f.first_table ? first_table_access : first_stage_access;
    case kind::update:
        return first_stage_update;
    case kind::second_stage:
        break;
    }
    const bool of_tables = f.use != second_stage::use::output;
    if (behind.kind == vtd_second_stage::fault_kind::beyond_width)
        return of_tables ? nested_entry_beyond_width : sm_beyond_second_stage;
    if (behind.kind == vtd_second_stage::fault_kind::permission && of_tables) {
        if (f.use == second_stage::use::update)
            return nested_entry_not_writable;
        return f.first_table ? nested_root_not_readable : nested_entry_not_readable;
    }
    access read; // the kind of access plays no part in scalable mode
    return reason_of(behind, read, true);
}

} // namespace iommulab::vtd
