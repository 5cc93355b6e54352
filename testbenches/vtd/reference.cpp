// SPDX-License-Identifier: Apache-2.0
#include "testbenches/vtd/reference.h"

namespace iommulab::reference {

namespace {

constexpr std::uint64_t page_mask = ~std::uint64_t{0xfff};
constexpr std::uint64_t frame_mask = 0x000f'ffff'ffff'f000;

bool bit(std::uint64_t word, unsigned n) {
    return (word >> n & 1) != 0;
}
std::uint64_t bits(std::uint64_t word, unsigned high, unsigned low) {
    return word >> low & ((std::uint64_t{2} << (high - low)) - 1);
}

/// How far one request has come.
class walker {
  public:
    walker(const vtd_memory& memory, const vtd_setup& setup, const vtd_request& request)
        : memory_(memory), s_(setup), r_(request) {}

    vtd_answer run() {
        if (!r_.pasid && interrupt(r_.address)) {
            vtd_answer a;
            a.ok = r_.write;
            a.output = r_.address;
            return a;
        }
        if (s_.scalable)
            scalable();
        else
            legacy();
        vtd_answer a;
        if (reason_ == 0 && interrupt(output_))
            reason_ = s_.scalable ? 0x87 : 0x0e;
        a.ok = reason_ == 0;
        a.output = a.ok ? output_ : 0;
        a.reason = reason_;
        a.recorded = reason_ != 0 && !disabled_;
        return a;
    }

  private:
    static bool interrupt(std::uint64_t address) { return address >= 0xfee0'0000 && address <= 0xfeef'ffff; }
    bool fail(unsigned reason) {
        reason_ = reason;
        return false;
    }
    std::uint64_t beyond_host() const { return ~std::uint64_t{0} << s_.host_bits; }
    bool too_wide(std::uint64_t address, unsigned width) const { return width < 64 && address >> width != 0; }
    unsigned guest_bits() const { return static_cast<unsigned>(bits(s_.cap, 21, 16)) + 1; }
    bool level_is_possible(std::uint64_t aw) const {
        return aw <= 3 && bit(bits(s_.cap, 12, 8), static_cast<unsigned>(aw));
    }
    /// Are all of `words` there?
    bool load(std::uint64_t address, unsigned words, std::uint64_t* into) const {
        for (unsigned n = 0; n < words; ++n) {
            const auto word = memory_(address + 8 * n);
            if (!word)
                return false;
            into[n] = *word;
        }
        return true;
    }

    // --- legacy mode
    void legacy() {
        std::uint64_t root[2], context[2];
        if (r_.pasid)
            return void(fail(0x31));
        if (!load(s_.root_table + (r_.source >> 8 & 0xff) * 16, 2, root))
            return void(fail(0x08));
        if (!bit(root[0], 0))
            return void(fail(0x01));
        if ((root[0] & (0xffe | beyond_host())) != 0 || root[1] != 0)
            return void(fail(0x0a));
        if (!load((root[0] & page_mask) + (r_.source & 0xff) * 16, 2, context))
            return void(fail(0x09));
        disabled_ = bit(context[0], 1);
        if (!bit(context[0], 0))
            return void(fail(0x02));
        const auto type = bits(context[0], 3, 2), aw = bits(context[1], 2, 0);
        const std::uint64_t domain_end = std::uint64_t{1} << (4 + 2 * bits(s_.cap, 2, 0));
        if ((context[0] & (0xff0 | (type == 2 ? 0 : beyond_host()))) != 0 || bit(context[1], 7) ||
            context[1] >> 24 != 0 || bits(context[1], 23, 8) >= domain_end)
            return void(fail(0x0b));
        const bool supported = type == 0 || (type == 1 && bit(s_.ecap, 2)) || (type == 2 && bit(s_.ecap, 6));
        if (!supported || !level_is_possible(aw))
            return void(fail(0x03));
        if (type == 2) {
            output_ = r_.address;
            if (too_wide(r_.address, s_.host_bits))
                fail(0x04);
            return;
        }
        second_root_ = context[0] & page_mask;
        second_levels_ = static_cast<unsigned>(aw) + 2;
        if (too_wide(r_.address, 12 + 9 * second_levels_) || too_wide(r_.address, guest_bits()))
            return void(fail(0x04));
        if (second(r_.address, !r_.write, r_.write, false, output_))
            return;
        switch (refusal_) {
        case refusal::reserved:
            return void(fail(0x0c));
        case refusal::rights:
            return void(fail(r_.write ? 0x05 : 0x06));
        case refusal::first_table:
            return void(fail(0x03));
        case refusal::table:
            return void(fail(0x07));
        case refusal::width:
            return void(fail(0x04));
        }
    }

    // --- scalable mode
    void scalable() {
        std::uint64_t root[2], context[4], directory, entry[8];
        if (!load(s_.root_table + (r_.source >> 8 & 0xff) * 16, 2, root))
            return void(fail(0x38));
        const std::uint64_t half = root[r_.source >> 7 & 1];
        if (!bit(half, 0))
            return void(fail(0x39));
        if ((half & (0xffe | beyond_host())) != 0)
            return void(fail(0x3a));
        if (!load((half & page_mask) + (r_.source & 0x7f) * 32, 4, context))
            return void(fail(0x40));
        disabled_ = bit(context[0], 1);
        if (!bit(context[0], 0))
            return void(fail(0x41));
        if ((context[0] & (0x1e0 | beyond_host())) != 0 || context[1] >> 21 != 0 || context[2] != 0 || context[3] != 0)
            return void(fail(0x42));
        if ((bit(context[0], 2) && !bit(s_.ecap, 2)) || (bit(context[0], 3) && !bit(s_.ecap, 40)) ||
            (bit(context[0], 4) && !bit(s_.ecap, 29)) || (bit(context[1], 20) && !bit(s_.ecap, 31)))
            return void(fail(0x43));
        const unsigned pasid_bits = 6 + 7 + static_cast<unsigned>(bits(context[0], 11, 9));
        if (r_.pasid && !bit(context[0], 3))
            return void(fail(0x45));
        const std::uint64_t pasid = r_.pasid ? *r_.pasid : bits(context[1], 19, 0);
        if (pasid >> pasid_bits != 0)
            return void(fail(r_.pasid ? 0x46 : 0x48));
        if (!load((context[0] & page_mask) + (pasid >> 6) * 8, 1, &directory))
            return void(fail(0x50));
        disabled_ |= bit(directory, 1);
        if (!bit(directory, 0))
            return void(fail(0x51));
        if ((directory & (0xffc | beyond_host())) != 0)
            return void(fail(0x52));
        if (!load((directory & page_mask) + (pasid & 63) * 64, 8, entry))
            return void(fail(0x58));
        disabled_ |= bit(entry[0], 1);
        if (!bit(entry[0], 0))
            return void(fail(0x59));
        privileged_ = r_.pasid ? r_.privileged : bit(context[1], 20);
        execute_ = r_.pasid && r_.instruction && !r_.write;
        translate_as(entry);
    }

    void translate_as(const std::uint64_t* e) {
        const auto type = bits(e[0], 8, 6), aw = bits(e[0], 4, 2), mode = bits(e[2], 3, 2);
        const bool first = type == 1 || type == 3, second_stage = type == 2 || type == 3;
        const std::uint64_t domain_end = std::uint64_t{1} << (4 + 2 * bits(s_.cap, 2, 0));
        bool reserved = (e[0] & 0xc00) != 0 || (e[1] & 0x7f'0000) != 0 || (e[2] & 0xf00) != 0;
        for (unsigned n = 3; n < 8; ++n)
            reserved |= e[n] != 0;
        reserved |= second_stage && (e[0] & beyond_host()) != 0;
        reserved |= type == 1 && (e[2] & beyond_host()) != 0;
        reserved |= bits(e[1], 15, 0) >= domain_end;
        reserved |= bit(e[1], 23) && !bit(s_.ecap, 48); // PWSNP without SMPWCS
        reserved |= bit(e[1], 24) && !bit(s_.ecap, 7);  // PGSNP without SC
        if (reserved)
            return void(fail(0x5a));
        bool valid = type >= 1 && type <= 4;
        valid &= !bit(e[2], 1) || bit(s_.ecap, 30); // ERE
        valid &= !bit(e[2], 0) || bit(s_.ecap, 31); // SRE
        valid &= !bit(e[2], 7) || bit(s_.ecap, 34); // EAFE
        valid &= !bit(e[0], 9) || bit(s_.ecap, 45); // SSADE
        valid &= !first || (bit(s_.ecap, 47) && (mode == 0 || (mode == 1 && bit(s_.cap, 60))));
        valid &= !second_stage || (bit(s_.ecap, 46) && level_is_possible(aw));
        valid &= type != 3 || bit(s_.ecap, 26);
        valid &= type != 4 || bit(s_.ecap, 6);
        if (!valid)
            return void(fail(0x5b));
        if (execute_ && !bit(e[2], 1))
            return void(fail(0x5c));
        if (privileged_ && !bit(e[2], 0))
            return void(fail(0x5d));
        if (type == 4) {
            output_ = r_.address;
            if (too_wide(r_.address, s_.host_bits))
                fail(0x83);
            return;
        }
        second_root_ = e[0] & page_mask;
        second_levels_ = static_cast<unsigned>(aw) + 2;
        execute_enabled_ = bit(e[0], 5);
        if (type == 2) {
            if (too_wide(r_.address, 12 + 9 * second_levels_))
                return void(fail(0x84));
            if (too_wide(r_.address, guest_bits()))
                return void(fail(0x83));
            if (!second(r_.address, !r_.write && !execute_, r_.write, execute_, output_))
                fail(reason_of_second());
            return;
        }
        first_stage(e, type == 3);
    }

    unsigned reason_of_second() const {
        switch (refusal_) {
        case refusal::reserved:
            return 0x7a;
        case refusal::rights:
            return 0x79;
        case refusal::first_table:
            return 0x7b;
        case refusal::table:
            return 0x78;
        case refusal::width:
            break;
        }
        return 0x84;
    }

    /// An intermediate address in a nested walk, or a physical one.
    bool locate(std::uint64_t address, bool nested, bool read, bool write, bool execute, std::uint64_t& physical) {
        physical = address;
        return !nested || second(address, read, write, execute, physical);
    }

    void first_stage(const std::uint64_t* e, bool nested) {
        const unsigned levels = bits(e[2], 3, 2) == 1 ? 5 : 4;
        const unsigned width = 12 + 9 * levels;
        const std::uint64_t above = r_.address >> (width - 1);
        if (above != 0 && above != ~std::uint64_t{0} >> (width - 1))
            return void(fail(0x80));
        const bool no_execute = bit(e[2], 5), protect = bit(e[2], 4), smep = bit(e[2], 6), extended = bit(e[2], 7);
        bool writable = true, user = true, executable = true;
        std::uint64_t table = e[2] & frame_mask;
        for (unsigned level = levels;; --level) {
            const bool top = level == levels;
            const std::uint64_t at = table + (r_.address >> (12 + 9 * (level - 1)) & 0x1ff) * 8;
            std::uint64_t physical;
            if (!locate(at, nested, true, false, false, physical)) {
                if (refusal_ == refusal::width)
                    return void(fail(0x74));
                return void(fail(refusal_ != refusal::rights ? reason_of_second() : (top ? 0x75 : 0x76)));
            }
            const auto word = memory_(physical);
            if (!word)
                return void(fail(top ? 0x73 : 0x70));
            if (!bit(*word, 0))
                return void(fail(0x71));
            const bool large = bit(*word, 7) && (level == 2 || (level == 3 && bit(s_.cap, 56)));
            std::uint64_t must_be_zero = nested ? 0 : beyond_host() & frame_mask;
            if (level > 1 && !large)
                must_be_zero |= 0x80;
            if (level > 1 && large)
                must_be_zero |= (std::uint64_t{1} << (12 + 9 * (level - 1))) - 0x2000;
            if (!no_execute)
                must_be_zero |= std::uint64_t{1} << 63;
            if ((*word & must_be_zero) != 0)
                return void(fail(0x72));
            writable &= bit(*word, 1);
            user &= bit(*word, 2);
            executable &= !bit(*word, 63);
            const bool leaf = level == 1 || large;
            if (leaf && !privileged_ && !user)
                return void(fail(0x81));
            if (leaf && r_.write && !writable && (!privileged_ || protect))
                return void(fail(0x85));
            if (leaf && execute_ && (!executable || (privileged_ && user && smep)))
                return void(fail(0x82));
            const std::uint64_t wanted = 0x20 | (extended ? 0x400 : 0) | (leaf && r_.write ? 0x40 : 0);
            if (r_.updates && (*word & wanted) != wanted && nested &&
                !locate(at, nested, false, true, false, physical)) {
                if (refusal_ == refusal::rights)
                    return void(fail(0x77));
                return void(fail(reason_of_second()));
            }
            table = *word & frame_mask;
            if (leaf) {
                const std::uint64_t offset = (std::uint64_t{1} << (12 + 9 * (level - 1))) - 1;
                output_ = (table & ~offset) | (r_.address & offset);
                break;
            }
        }
        const std::uint64_t intermediate = output_;
        if (nested && !second(intermediate, !r_.write && !execute_, r_.write, execute_, output_))
            fail(reason_of_second());
    }

    // --- second stage
    enum class refusal { width, reserved, rights, first_table, table };

    bool second(std::uint64_t address, bool read, bool write, bool execute, std::uint64_t& output) {
        const auto refuse = [&](refusal why) {
            refusal_ = why;
            return false;
        };
        if (too_wide(address, 12 + 9 * second_levels_) || too_wide(address, guest_bits()))
            return refuse(refusal::width);
        std::uint64_t table = second_root_ & frame_mask, rights = 7;
        for (unsigned level = second_levels_;; --level) {
            const auto word = memory_(table + (address >> (12 + 9 * (level - 1)) & 0x1ff) * 8);
            if (!word)
                return refuse(level == second_levels_ ? refusal::first_table : refusal::table);
            if ((*word & (execute_enabled_ ? 7 : 3)) == 0)
                return refuse(refusal::rights);
            const bool possible = (level == 2 && bit(s_.cap, 34)) || (level == 3 && bit(s_.cap, 35));
            const bool leaf = level == 1 || (possible && bit(*word, 7));
            std::uint64_t must_be_zero = beyond_host() & frame_mask;
            if (level > 1 && !possible)
                must_be_zero |= 0x80;
            if (level > 1 && leaf)
                must_be_zero |= (std::uint64_t{1} << (12 + 9 * (level - 1))) - 0x1000;
            if (!leaf || (!bit(s_.ecap, 7) && !s_.scalable)) // SNP
                must_be_zero |= 0x800;
            if (!leaf || !bit(s_.ecap, 2))
                must_be_zero |= std::uint64_t{1} << 62;
            if ((*word & must_be_zero) != 0)
                return refuse(refusal::reserved);
            rights &= *word;
            if (leaf) {
                const bool readable = bit(rights, 0), executable = readable && (!execute_enabled_ || bit(rights, 2));
                if ((read && !readable) || (write && !bit(rights, 1)) || (execute && !executable))
                    return refuse(refusal::rights);
                const std::uint64_t offset = (std::uint64_t{1} << (12 + 9 * (level - 1))) - 1;
                output = (*word & frame_mask & ~offset) | (address & offset);
                return true;
            }
            table = *word & frame_mask;
        }
    }

    const vtd_memory& memory_;
    const vtd_setup& s_;
    const vtd_request& r_;
    unsigned reason_ = 0;
    bool disabled_ = false, privileged_ = false, execute_ = false, execute_enabled_ = false;
    std::uint64_t output_ = 0, second_root_ = 0;
    unsigned second_levels_ = 0;
    refusal refusal_ = refusal::rights;
};

} // namespace

vtd_answer vtd_translate(const vtd_memory& memory, const vtd_setup& setup, const vtd_request& request) {
    return walker(memory, setup, request).run();
}

} // namespace iommulab::reference
