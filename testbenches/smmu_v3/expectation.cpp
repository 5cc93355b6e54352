// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/expectation.h"

#include "testbenches/smmu_v3/configuration_words.h"

#include <algorithm>

namespace iommulab::reference {
namespace {

// Event numbers: IHI 0070 7.3.
constexpr std::uint64_t C_BAD_STE = 0x04, C_BAD_CD = 0x0a, F_WALK_EABT = 0x0b, F_TRANSLATION = 0x10, F_ADDR_SIZE = 0x11,
                        F_ACCESS = 0x12, F_PERMISSION = 0x13;

std::uint64_t event_of(fault_kind kind) {
    switch (kind) {
    case fault_kind::translation:
        return F_TRANSLATION;
    case fault_kind::address_size:
        return F_ADDR_SIZE;
    case fault_kind::access_flag:
        return F_ACCESS;
    case fault_kind::permission:
        return F_PERMISSION;
    default:
        return F_WALK_EABT;
    }
}

class teller {
  public:
    teller(const stream_program& program, const memory_view& memory) : p_(program), memory_(memory) {}

    expectation tell(const device_request& asked) {
        if (configuration_fails(asked.what))
            return e_;
        request piece = asked.what;
        std::uint32_t left = asked.bytes;
        while (left != 0) {
            const outcome o = walk(piece);
            note(o);
            if (!o.ok()) {
                fault(o, piece);
                return e_;
            }
            const std::uint64_t room = o.mapped_size_bytes - (o.output_address & (o.mapped_size_bytes - 1));
            const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, left));
            const bool exists = memory_.exists(o.output_address, bytes);
            const std::uint64_t offset = o.output_address - p_.options.output_base;
            if (exists && (offset >= p_.options.output_bytes || p_.options.output_bytes - offset < bytes))
                e_.worthwhile = false;
            e_.pieces.push_back({o.output_address, bytes, exists});
            e_.ok &= exists;
            piece.address += bytes;
            left -= bytes;
        }
        return e_;
    }

  private:
    outcome walk(const request& a) const {
        const auto& t = p_.tables;
        const features& f = p_.options.implemented;
        if (t.stage1 && t.stage2)
            return walk_nested(*t.stage1, *t.stage2, f, memory_.read, a);
        return t.stage1 ? walk_stage1(*t.stage1, f, memory_.read, a) : walk_stage2(*t.stage2, f, memory_.read, a);
    }

    /// Walks of tables that the test writes to otherwise (data, queues) prove nothing.
    void note(const outcome& o) {
        for (const auto& f : o.fetches)
            if (memory_.exists(f.address, 8) && f.address - p_.options.table_base >= p_.options.table_bytes)
                e_.worthwhile = false;
        const auto add = [](std::vector<descriptor_update>& to, const std::vector<descriptor_update>& more) {
            to.insert(to.end(), more.begin(), more.end());
        };
        add(e_.updates, o.updates);
        add(e_.permitted_updates, o.permitted_updates);
        e_.last = o;
    }

    /// STE, then the way to the CD, then the CD (IHI 0070 3.3, 15.1).
    bool configuration_fails(const request& a) {
        const auto& t = p_.tables;
        const features& f = p_.options.implemented;
        if (t.stage2 && !configuration_error(*t.stage2, f).empty())
            return bad_configuration(C_BAD_STE);
        if (t.stage1 && t.stage2) {
            const std::uint64_t ipa = t.free_table_page + t.table_ipa_offset;
            const outcome o = walk_stage2(*t.stage2, f, memory_.read, {ipa, false, false, true}, fault_class::CD);
            note(o);
            if (!o.ok()) {
                fault(o, a);
                return true;
            }
            if (o.output_address != t.free_table_page)
                e_.worthwhile = false;
        }
        return t.stage1 && !configuration_error(*t.stage1, f).empty() && bad_configuration(C_BAD_CD);
    }
    bool bad_configuration(std::uint64_t event) {
        e_.ok = false;
        e_.record = {{event | std::uint64_t{p_.stream_id} << 32, 0, 0, 0}};
        return true;
    }

    void fault(const outcome& o, const request& a) {
        const std::uint64_t event = event_of(o.fault);
        const bool of_input = o.fault == fault_kind::address_size && o.stage == 1 && !p_.tables.stage1;
        bool aborts = true, records = true;
        if (event != F_WALK_EABT && !of_input) { // those two are beyond what CD and STE choose
            records = o.stage == 2 ? p_.stage2_records : p_.cd_records;
            aborts = o.stage == 2 || p_.cd_aborts; // 5.5: stage 2 faults always abort
        }
        if (aborts)
            e_.ok = false;
        else
            e_.reads_zero = true;
        if (!records)
            return;
        const auto bit = [](bool on, unsigned position) { return std::uint64_t{on} << position; };
        auto& words = e_.record.emplace();
        words[0] = event | std::uint64_t{p_.stream_id} << 32;
        words[1] = bit(a.privileged, 97 - 64) | bit(a.instruction && !a.write, 98 - 64) | bit(!a.write, 99 - 64) |
                   bit(o.stage == 2, 103 - 64) | static_cast<std::uint64_t>(o.what) << (104 - 64);
        if (event == F_PERMISSION && o.what == fault_class::TT)
            words[1] |= bit(!is_update(o), 108 - 64); // TTRnW
        words[2] = a.address;
        if (event == F_WALK_EABT)
            words[3] = o.fetch_address & 0x000f'ffff'ffff'fff8;
        else if (o.stage == 2)
            words[3] = o.ipa & 0x000f'ffff'ffff'f000;
    }
    /// A table that stage 2 lets the walk read was refused to hardware's own write.
    bool is_update(const outcome& o) const {
        return walk_stage2(*p_.tables.stage2, p_.options.implemented, memory_.read, {o.ipa, false, false, true},
                           fault_class::TT)
            .ok();
    }

    const stream_program& p_;
    const memory_view& memory_;
    expectation e_;
};

} // namespace

configuration_words stream_program::context_descriptor() const {
    configuration_words words = encode_context_descriptor(*tables.stage1, false, cd_records);
    constexpr std::uint64_t a = std::uint64_t{1} << 46;
    words[0] = cd_aborts ? words[0] | a : words[0] & ~a;
    return words;
}

configuration_words stream_program::stream_table_entry() const {
    const std::uint64_t cd = tables.free_table_page + (tables.stage2 ? tables.table_ipa_offset : 0);
    return encode_stream_table_entry(tables.stage1 ? &*tables.stage1 : nullptr, cd,
                                     tables.stage2 ? &*tables.stage2 : nullptr, false, stage2_records);
}

expectation expect(const stream_program& program, const memory_view& memory, const device_request& asked) {
    return teller(program, memory).tell(asked);
}

} // namespace iommulab::reference
