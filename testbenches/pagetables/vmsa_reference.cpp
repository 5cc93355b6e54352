// SPDX-License-Identifier: Apache-2.0
#include "testbenches/pagetables/vmsa_reference.h"

#include <algorithm>
#include <map>
#include <sstream>

namespace iommulab::reference {
namespace {

std::uint64_t bits(std::uint64_t value, unsigned high, unsigned low) {
    const unsigned width = high - low + 1;
    const std::uint64_t mask = width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
    return (value >> low) & mask;
}

bool bit(std::uint64_t value, unsigned position) {
    return bits(value, position, position) != 0;
}

bool fits(std::uint64_t address, unsigned size_bits) {
    return size_bits >= 64 || (address >> size_bits) == 0;
}

unsigned page_bits(granule_size granule) {
    return static_cast<unsigned>(granule);
}

// Index bits that a full table resolves: a table fills one granule with 8-byte descriptors.
unsigned stride(granule_size granule) {
    return page_bits(granule) - 3;
}

// Lowest input address bit that is resolved by the index of this level.
unsigned lowest_index_bit(granule_size granule, unsigned level) {
    return page_bits(granule) + (3 - level) * stride(granule);
}

// A first table is aligned to its size, and to 64 bytes with 52-bit output (IHI 0070 5.4 CD.TTB0; Arm ARM TTBR0_EL1).
unsigned table_alignment_bits(unsigned size_bits, unsigned output_bits) {
    return output_bits == 52 ? std::max(size_bits, 6u) : size_bits;
}

// Arm ARM D8.3: where a block descriptor is allowed. 64K level 1 comes with 52-bit addresses.
bool block_allowed(granule_size granule, unsigned level, const features& implemented) {
    switch (granule) {
    case granule_size::kib4:
        return level == 1 || level == 2;
    case granule_size::kib16:
        return level == 2;
    case granule_size::kib64:
        return level == 2 || (level == 1 && implemented.oas_bits == 52);
    }
    return false;
}

// Address field of a descriptor above bit `low`. With the 64K granule and 52-bit addresses, bits [15:12] are address
// [51:48].
std::uint64_t descriptor_address(std::uint64_t descriptor, granule_size granule, unsigned low,
                                 const features& implemented) {
    std::uint64_t address = bits(descriptor, 47, low) << low;
    if (granule == granule_size::kib64 && implemented.oas_bits == 52)
        address |= bits(descriptor, 15, 12) << 48;
    return address;
}

enum class descriptor_type { invalid, table, leaf };

// Arm ARM D8.3: bits [1:0]; reserved encodings are invalid.
descriptor_type type_of(std::uint64_t descriptor, granule_size granule, unsigned level, const features& implemented) {
    if (!bit(descriptor, 0))
        return descriptor_type::invalid;
    if (bit(descriptor, 1))
        return level == 3 ? descriptor_type::leaf : descriptor_type::table;
    return block_allowed(granule, level, implemented) ? descriptor_type::leaf : descriptor_type::invalid;
}

bool allows(const permissions& p, const request& access) {
    if (access.write)
        return access.privileged ? p.privileged_write : p.unprivileged_write;
    if (access.instruction)
        return access.privileged ? p.privileged_execute : p.unprivileged_execute;
    return access.privileged ? p.privileged_read : p.unprivileged_read;
}

permissions both(const permissions& a, const permissions& b) {
    return {a.privileged_read && b.privileged_read,       a.privileged_write && b.privileged_write,
            a.privileged_execute && b.privileged_execute, a.unprivileged_read && b.unprivileged_read,
            a.unprivileged_write && b.unprivileged_write, a.unprivileged_execute && b.unprivileged_execute};
}

// What table descriptors above the leaf took away (APTable, UXNTable, PXNTable: Arm ARM D8.4).
struct hierarchy {
    bool no_write = false;
    bool no_unprivileged = false;
    bool uxn = false;
    bool pxn = false;
};

constexpr unsigned af_bit = 10;
constexpr unsigned dbm_bit = 51;

class walker {
  public:
    walker(const features& implemented, const memory_reader& read) : implemented_(implemented), read_(read) {}

    outcome stage2(const stage2_context& context, const request& access, fault_class what);
    outcome stage1(const stage1_context& context, const stage2_context* stage2_of, const request& access);
    outcome finish(outcome result);

  private:
    // What this walk has itself updated is what it reads again.
    std::optional<std::uint64_t> fetch(std::uint64_t address, unsigned stage, unsigned level, fault_class what) {
        fetches_.push_back({address, stage, level, what});
        const auto own = updated_.find(address);
        if (own != updated_.end())
            return own->second;
        return read_(address);
    }

    void update(std::uint64_t address, std::uint64_t before, std::uint64_t after, unsigned stage) {
        if (before == after)
            return;
        updated_[address] = after;
        for (auto& earlier : updates_) {
            if (earlier.address == address) {
                earlier.after = after;
                return;
            }
        }
        updates_.push_back({address, before, after, stage});
    }

    static outcome fault(fault_kind kind, unsigned stage, fault_class what, unsigned level, std::string reason) {
        outcome result;
        result.fault = kind;
        result.stage = stage;
        result.what = what;
        result.level = level;
        result.reason = std::move(reason);
        return result;
    }

    const features& implemented_;
    const memory_reader& read_;
    std::map<std::uint64_t, std::uint64_t> updated_;
    std::vector<descriptor_update> updates_;
    std::vector<descriptor_fetch> fetches_;
};

outcome walker::finish(outcome result) {
    (result.ok() ? result.updates : result.permitted_updates) = updates_;
    result.fetches = fetches_;
    return result;
}

outcome walker::stage2(const stage2_context& context, const request& access, fault_class what) {
    const std::uint64_t ipa = access.address;
    const auto s2_fault = [&](fault_kind kind, unsigned level, const char* reason) {
        outcome result = fault(kind, 2, what, level, reason);
        result.ipa = ipa;
        return result;
    };
    const granule_size granule = context.s2tg;
    const unsigned input_bits = 64 - context.s2t0sz;
    const unsigned output_bits = effective_output_bits(context.s2ps_bits, granule, implemented_);
    if (!fits(ipa, input_bits))
        return s2_fault(fault_kind::translation, 0, "IPA beyond the range of S2T0SZ");

    unsigned level = *stage2_start_level(granule, context.s2sl0, implemented_);
    // The first index takes all that is left of the input address: up to 16 concatenated tables.
    unsigned high = input_bits - 1;
    const unsigned root_bits = table_alignment_bits(high - lowest_index_bit(granule, level) + 1 + 3, output_bits);
    std::uint64_t table = context.s2ttb >> root_bits << root_bits;
    for (;; ++level) {
        const unsigned low = lowest_index_bit(granule, level);
        const std::uint64_t address = table + 8 * bits(ipa, high, low);
        const auto read = fetch(address, 2, level, what);
        if (!read) {
            outcome result = s2_fault(fault_kind::walk_external_abort, level, "no memory for a stage 2 descriptor");
            result.fetch_address = address;
            return result;
        }
        const std::uint64_t descriptor = *read;
        const descriptor_type type = type_of(descriptor, granule, level, implemented_);
        if (type == descriptor_type::invalid)
            return s2_fault(fault_kind::translation, level, "invalid stage 2 descriptor");
        if (type == descriptor_type::table) {
            table = descriptor_address(descriptor, granule, page_bits(granule), implemented_);
            if (!fits(table, output_bits)) {
                outcome result = s2_fault(fault_kind::address_size, level, "stage 2 table address beyond S2PS");
                result.from_table_descriptor = true;
                return result;
            }
            high = low - 1;
            continue;
        }

        const std::uint64_t base = descriptor_address(descriptor, granule, low, implemented_);
        if (!fits(base, output_bits))
            return s2_fault(fault_kind::address_size, level, "stage 2 output beyond S2PS");
        std::uint64_t after = descriptor;
        if (!bit(descriptor, af_bit)) {
            if (!context.s2ha && !context.s2affd)
                return s2_fault(fault_kind::access_flag, level, "stage 2 AF = 0");
            if (context.s2ha)
                after |= std::uint64_t{1} << af_bit;
        }

        const bool can_be_dirtied = context.s2ha && context.s2hd && bit(descriptor, dbm_bit);
        const bool r = bit(descriptor, 6);
        const bool w = bit(descriptor, 7) || can_be_dirtied;
        const bool xn1 = bit(descriptor, 54);
        const bool xn0 = implemented_.xnx && bit(descriptor, 53);
        // XN[1:0]: 00 all may execute, 01 unprivileged only, 10 none, 11 privileged only.
        const bool privileged_execute = xn1 == xn0;
        const bool unprivileged_execute = !xn1;
        outcome result;
        result.allowed = implemented_.xnx ? permissions{r, w, privileged_execute, r, w, unprivileged_execute}
                                          : permissions{r, w, !xn1, r, w, !xn1};
        result.device = bits(descriptor, 5, 4) == 0; // MemAttr[3:2]
        result.contiguous = bit(descriptor, 52);
        const bool protected_walk = what != fault_class::IN && context.s2ptw && result.device;
        if (!allows(result.allowed, access) || protected_walk) {
            update(address, descriptor, after, 2);
            return s2_fault(fault_kind::permission, level,
                            protected_walk ? "S2PTW: fetch from Device memory" : "stage 2 S2AP or XN");
        }
        if (access.write && can_be_dirtied)
            after |= std::uint64_t{1} << 7; // S2AP[1]
        update(address, descriptor, after, 2);
        result.output_address = base | bits(ipa, low - 1, 0);
        result.mapped_size_bytes = std::uint64_t{1} << low;
        return result;
    }
}

outcome walker::stage1(const stage1_context& context, const stage2_context* stage2_of, const request& access) {
    const auto s1_fault = [&](fault_kind kind, unsigned level, const char* reason) {
        return fault(kind, 1, fault_class::IN, level, reason);
    };
    const std::uint64_t va = access.address;
    // Arm ARM D8.2: bit 55 tells the range; all bits above the input size equal it, TBI leaves out bits [63:56].
    const bool upper = bit(va, 55) && !context.one_va_range;
    const bool tbi = upper ? context.tbi1 : context.tbi0;
    const bool had = upper ? context.had1 : context.had0;
    const granule_size granule = upper ? context.tg1 : context.tg0;
    const unsigned tsz = upper ? context.t1sz : context.t0sz;
    if (upper ? context.epd1 : context.epd0)
        return s1_fault(fault_kind::translation, 0, "EPD: no walks in this range");
    const unsigned input_bits = 64 - tsz;
    const unsigned checked_top = tbi ? 55 : 63;
    for (unsigned position = input_bits; position <= checked_top; ++position) {
        if (bit(va, position) != upper)
            return s1_fault(fault_kind::translation, 0, "address in neither range");
    }

    const unsigned output_bits = effective_output_bits(context.ips_bits, granule, implemented_);
    unsigned level = stage1_start_level(granule, tsz);
    unsigned high = input_bits - 1;
    const unsigned root_bits = table_alignment_bits(high - lowest_index_bit(granule, level) + 1 + 3, output_bits);
    std::uint64_t table = (upper ? context.ttb1 : context.ttb0) >> root_bits << root_bits;
    hierarchy limits;
    for (;; ++level) {
        const unsigned low = lowest_index_bit(granule, level);
        const std::uint64_t table_entry = table + 8 * bits(va, high, low); // an IPA when there is a stage 2
        std::uint64_t address = table_entry;
        if (stage2_of) {
            const outcome of_table = stage2(*stage2_of, {table_entry, false, false, true}, fault_class::TT);
            if (!of_table.ok())
                return of_table;
            address = of_table.output_address;
        }
        const auto read = fetch(address, 1, level, fault_class::TT);
        if (!read) {
            outcome result = s1_fault(fault_kind::walk_external_abort, level, "no memory for a stage 1 descriptor");
            result.what = fault_class::TT;
            result.fetch_address = address;
            return result;
        }
        const std::uint64_t descriptor = *read;
        const descriptor_type type = type_of(descriptor, granule, level, implemented_);
        if (type == descriptor_type::invalid)
            return s1_fault(fault_kind::translation, level, "invalid stage 1 descriptor");
        if (type == descriptor_type::table) {
            table = descriptor_address(descriptor, granule, page_bits(granule), implemented_);
            if (!fits(table, output_bits)) {
                outcome result = s1_fault(fault_kind::address_size, level, "stage 1 table address beyond IPS");
                result.from_table_descriptor = true;
                return result;
            }
            if (!had) {
                limits.no_write |= bit(descriptor, 62);
                limits.no_unprivileged |= bit(descriptor, 61);
                limits.uxn |= bit(descriptor, 60);
                limits.pxn |= bit(descriptor, 59);
            }
            high = low - 1;
            continue;
        }

        const std::uint64_t base = descriptor_address(descriptor, granule, low, implemented_);
        if (!fits(base, output_bits))
            return s1_fault(fault_kind::address_size, level, "stage 1 output beyond IPS");
        std::uint64_t after = descriptor;
        if (!bit(descriptor, af_bit)) {
            if (!context.ha && !context.affd)
                return s1_fault(fault_kind::access_flag, level, "stage 1 AF = 0");
            if (context.ha)
                after |= std::uint64_t{1} << af_bit;
        }

        // Arm ARM D8.4. DBM with HD makes a read-only descriptor writable; APTable still forbids the write.
        const bool can_be_dirtied = context.ha && context.hd && bit(descriptor, dbm_bit);
        const bool writable = (!bit(descriptor, 7) || can_be_dirtied) && !limits.no_write;
        permissions p;
        if (context.one_va_range) {
            const bool x = !bit(descriptor, 54) && !limits.uxn && !(context.wxn && writable);
            p = {true, writable, x, true, writable, x};
        } else {
            const bool unprivileged = bit(descriptor, 6) && !limits.no_unprivileged;
            p.privileged_read = true;
            p.privileged_write = writable;
            p.unprivileged_read = unprivileged;
            p.unprivileged_write = unprivileged && writable;
            p.unprivileged_execute = !bit(descriptor, 54) && !limits.uxn && !(context.wxn && p.unprivileged_write);
            // What unprivileged code can write is never executed by privileged code.
            p.privileged_execute =
                !bit(descriptor, 53) && !limits.pxn && !(context.wxn && p.privileged_write) && !p.unprivileged_write;
            if (context.pan && unprivileged) {
                p.privileged_read = false;
                p.privileged_write = false;
            }
        }
        const bool permitted = allows(p, access);
        if (permitted && access.write && can_be_dirtied)
            after &= ~(std::uint64_t{1} << 7); // AP[2]
        if (after != descriptor) {
            if (stage2_of) {
                // The hardware update is a write to the stage 1 table: stage 2 must allow it.
                // Its reads are those of the fetch again, and not counted.
                const std::size_t counted = fetches_.size();
                const outcome of_table = stage2(*stage2_of, {table_entry, true, false, true}, fault_class::TT);
                fetches_.resize(counted);
                if (!of_table.ok() && permitted)
                    return of_table;
                if (of_table.ok())
                    update(address, descriptor, after, 1);
            } else {
                update(address, descriptor, after, 1);
            }
        }
        if (!permitted)
            return s1_fault(fault_kind::permission, level, "stage 1 AP, XN or PAN");

        outcome result;
        result.allowed = p;
        result.contiguous = bit(descriptor, 52);
        result.output_address = base | bits(va, low - 1, 0);
        result.mapped_size_bytes = std::uint64_t{1} << low;
        if (!stage2_of)
            return result;
        request of_output = access;
        of_output.address = result.output_address;
        const outcome final_stage = stage2(*stage2_of, of_output, fault_class::IN);
        if (!final_stage.ok())
            return final_stage;
        result.output_address = final_stage.output_address;
        result.mapped_size_bytes = std::min(result.mapped_size_bytes, final_stage.mapped_size_bytes);
        result.allowed = both(result.allowed, final_stage.allowed);
        result.device = final_stage.device;
        return result;
    }
}

outcome invalid_configuration(unsigned stage, std::string reason) {
    outcome result;
    result.fault = fault_kind::configuration_invalid;
    result.stage = stage;
    result.reason = std::move(reason);
    return result;
}

} // namespace

outcome walk_stage1(const stage1_context& context, const features& implemented, const memory_reader& read,
                    const request& access) {
    if (auto reason = configuration_error(context, implemented); !reason.empty())
        return invalid_configuration(1, std::move(reason));
    walker w(implemented, read);
    return w.finish(w.stage1(context, nullptr, access));
}

outcome walk_stage2(const stage2_context& context, const features& implemented, const memory_reader& read,
                    const request& access, fault_class what) {
    if (auto reason = configuration_error(context, implemented); !reason.empty())
        return invalid_configuration(2, std::move(reason));
    if (what == fault_class::IN && !fits(access.address, implemented.ias_bits)) {
        // IHI 0070 3.4: stage 1 is bypassed, and its output is checked against the IAS.
        outcome result;
        result.fault = fault_kind::address_size;
        result.stage = 1;
        result.reason = "input of stage 2 beyond the IAS";
        return result;
    }
    walker w(implemented, read);
    return w.finish(w.stage2(context, access, what));
}

outcome walk_nested(const stage1_context& stage1, const stage2_context& stage2, const features& implemented,
                    const memory_reader& read, const request& access) {
    if (auto reason = configuration_error(stage2, implemented); !reason.empty())
        return invalid_configuration(2, std::move(reason));
    if (auto reason = configuration_error(stage1, implemented); !reason.empty())
        return invalid_configuration(1, std::move(reason));
    walker w(implemented, read);
    return w.finish(w.stage1(stage1, &stage2, access));
}

const char* to_string(fault_kind kind) {
    switch (kind) {
    case fault_kind::none:
        return "none";
    case fault_kind::configuration_invalid:
        return "configuration_invalid";
    case fault_kind::translation:
        return "translation";
    case fault_kind::address_size:
        return "address_size";
    case fault_kind::access_flag:
        return "access_flag";
    case fault_kind::permission:
        return "permission";
    case fault_kind::walk_external_abort:
        return "walk_external_abort";
    }
    return "?";
}

std::string to_string(const outcome& result) {
    std::ostringstream out;
    out << std::hex;
    if (!result.ok()) {
        static constexpr const char* classes[] = {"CD", "TT", "IN"};
        out << to_string(result.fault) << " fault, stage " << result.stage << ", class "
            << classes[static_cast<int>(result.what)] << ", level " << result.level << ", fetch 0x"
            << result.fetch_address << ", ipa 0x" << result.ipa << " (" << result.reason << ")";
        return out.str();
    }
    const permissions& p = result.allowed;
    const auto rwx = [&](bool r, bool w, bool x) { out << (r ? 'r' : '-') << (w ? 'w' : '-') << (x ? 'x' : '-'); };
    out << "to 0x" << result.output_address << ", size 0x" << result.mapped_size_bytes << ", privileged ";
    rwx(p.privileged_read, p.privileged_write, p.privileged_execute);
    out << " unprivileged ";
    rwx(p.unprivileged_read, p.unprivileged_write, p.unprivileged_execute);
    for (const auto& u : result.updates)
        out << ", [0x" << u.address << "] 0x" << u.before << " -> 0x" << u.after;
    return out.str();
}

} // namespace iommulab::reference
