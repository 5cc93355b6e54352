// SPDX-License-Identifier: Apache-2.0
#include "testbenches/amd_vi/reference.h"

namespace iommulab::reference {

namespace {

std::uint64_t bits(std::uint64_t word, unsigned high, unsigned low) {
    return word >> low & ((std::uint64_t{2} << (high - low)) - 1);
}
constexpr std::uint64_t page_address = 0x000f'ffff'ffff'f000;

/// Events: figure 48 and those after it. Flags stand from bit 48 on.
enum : std::uint64_t {
    flag_PR = std::uint64_t{1} << 52,
    flag_RW = std::uint64_t{1} << 53,
    flag_PE = std::uint64_t{1} << 54,
    flag_RZ = std::uint64_t{1} << 55,
    master_abort = std::uint64_t{1} << 57
};

class translation_run {
  public:
    translation_run(const amd_vi_memory& memory, const amd_vi_setup& setup, const amd_vi_request& request)
        : memory_(memory), setup_(setup), request_(request) {}

    amd_vi_answer run() {
        const std::uint64_t at = setup_.device_table + request_.device * 32ULL;
        if ((request_.device + 1) * 32ULL > setup_.device_table_bytes)
            return logged(1, request_.address, direction());
        for (unsigned n = 0; n < 4; ++n) {
            const auto word = memory_(at + 8 * n);
            if (!word)
                return logged(3, at, direction() | master_abort);
            entry_[n] = *word;
        }
        if (!bits(entry_[0], 0, 0)) // V
            return passed();
        if (bits(entry_[0], 1, 1)) { // TV
            // reserved: 6:2, 8:7 (HAD, which is not supported), 63; 106
            if (bits(entry_[0], 8, 2) || bits(entry_[0], 63, 63) || bits(entry_[1], 42, 42))
                return logged(1, request_.address, direction() | flag_RZ);
            if (bits(entry_[0], 11, 9) > setup_.most_levels || bits(entry_[0], 11, 9) == 7)
                return logged(1, request_.address, direction());
        }
        if (const auto special = special_address())
            return *special;
        if (setup_.exclusion && request_.address >= setup_.exclusion_first &&
            request_.address <= setup_.exclusion_last &&
            (setup_.exclusion_for_all || (bits(entry_[0], 1, 1) && bits(entry_[1], 39, 39))))
            return passed();
        if (!bits(entry_[0], 1, 1))
            return page_fault(0);
        readable_ = bits(entry_[0], 61, 61);
        writable_ = bits(entry_[0], 62, 62);
        return bits(entry_[0], 11, 9) == 0 ? (allowed() ? passed() : page_fault(flag_PR | flag_PE)) : tables();
    }

  private:
    std::uint64_t direction() const { return request_.write ? std::uint64_t{flag_RW} : 0; }
    bool allowed() const { return request_.write ? writable_ : readable_; }
    amd_vi_answer passed() const { return {true, request_.address, {}}; }
    amd_vi_answer logged(std::uint64_t code, std::uint64_t address, std::uint64_t flags) const {
        return {false, 0, std::array{code << 60 | flags | request_.device, address}};
    }
    amd_vi_answer page_fault(std::uint64_t flags) const {
        amd_vi_answer a = logged(2, request_.address, flags | direction() | domain());
        if (bits(entry_[0], 1, 1) && bits(entry_[1], 34, 34)) // SA
            a.event.reset();
        return a;
    }
    std::uint64_t domain() const { return bits(entry_[0], 1, 1) ? bits(entry_[1], 15, 0) << 32 : 0; }

    std::optional<amd_vi_answer> special_address() const {
        const std::uint64_t a = request_.address;
        const bool translated = bits(entry_[0], 1, 1);
        const auto refused = [&](std::uint64_t type) { return logged(8, a, type << 57); };
        const auto interrupt = [&] {
            if (!request_.write)
                return refused(0);
            return bits(entry_[2], 0, 0) && bits(entry_[2], 61, 60) == 0 ? refused(5) : passed();
        };
        if (a >= 0xfee0'0000 && a <= 0xfeef'ffff)
            return interrupt();
        if (a < 0xfd'0000'0000 || a > 0xff'ffff'ffff)
            return std::nullopt;
        if (a >= 0xfd'f800'0000 && a <= 0xfd'f8ff'ffff)
            return interrupt();
        if (a <= 0xfd'f90f'ffff)
            return refused(request_.write ? 6 : 0);
        if (a <= 0xfd'f91f'ffff) {
            const std::uint64_t SysMgt = translated ? bits(entry_[1], 41, 40) : 0;
            if (SysMgt == 3)
                return std::nullopt;
            return SysMgt != 0 && request_.write ? passed() : refused(7);
        }
        if (a >= 0xfd'fc00'0000 && a <= 0xfd'fdff'ffff) {
            const std::uint64_t IoCtl = translated ? bits(entry_[1], 36, 35) : 0;
            if (IoCtl == 2)
                return std::nullopt;
            return IoCtl == 1 ? passed() : refused(2);
        }
        return refused(request_.write ? 3 : 4);
    }

    amd_vi_answer tables() {
        std::uint64_t table = entry_[0] & page_address;
        auto level = static_cast<unsigned>(bits(entry_[0], 11, 9));
        const std::uint64_t a = request_.address;
        if (level < 6 && a >> (12 + 9 * level))
            return page_fault(0);
        for (;;) {
            const unsigned low = 12 + 9 * (level - 1); // of the index
            const std::uint64_t at = table + (a >> low & 511) * 8;
            const auto word = memory_(at);
            if (!word)
                return logged(4, at, direction() | domain() | master_abort);
            if (!bits(*word, 0, 0))
                return page_fault(0);
            const auto next = static_cast<unsigned>(bits(*word, 11, 9));
            readable_ = readable_ && bits(*word, 61, 61);
            writable_ = writable_ && bits(*word, 62, 62);
            if (next == 0 || next == 7) {
                if (bits(*word, 58, 52))
                    return page_fault(flag_PR | flag_RZ);
                unsigned size = low;
                if (next == 7) {
                    size = 13;
                    while (size < 64 && size - 1 < 52 && bits(*word, size - 1, size - 1))
                        ++size;
                    if (size <= low || (level < 6 && size >= low + 9))
                        return page_fault(flag_PR);
                }
                if (!allowed())
                    return page_fault(flag_PR | flag_PE);
                const std::uint64_t offset = size >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
                return {true, (*word & page_address & ~offset) | (a & offset), {}};
            }
            if (bits(*word, 60, 52))
                return page_fault(flag_PR | flag_RZ);
            if (next >= level)
                return page_fault(flag_PR);
            for (unsigned skipped = next + 1; skipped < level; ++skipped)
                if (a >> (12 + 9 * (skipped - 1)) & 511)
                    return page_fault(0);
            table = *word & page_address;
            level = next;
        }
    }

    const amd_vi_memory& memory_;
    const amd_vi_setup& setup_;
    const amd_vi_request& request_;
    std::array<std::uint64_t, 4> entry_{};
    bool readable_ = false, writable_ = false;
};

} // namespace

amd_vi_answer amd_vi_translate(const amd_vi_memory& memory, const amd_vi_setup& setup, const amd_vi_request& request) {
    return translation_run(memory, setup, request).run();
}

} // namespace iommulab::reference
