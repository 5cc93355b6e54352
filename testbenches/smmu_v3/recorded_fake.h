// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/machine.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace iommulab::conformance {

/// As much of an SMMUv3 as the replay of a recording needs to be tried without the model: two-level stream table, stage
/// 1 with 4 KiB pages, a TLB and a cache of last-level tables, TLB invalidation, events. It does everything as late as
/// it may: an access is walked when its master waits for it, a command is done when the CPU polls. Defects can be
/// switched on.
class fake_smmu_v3 final : public machine {
  public:
    enum class defect {
        none,
        keeps_stale_entries,
        keeps_stale_tables,
        one_page_off,
        loses_events,
        allows_all_writes,
        misplaces_data,
        skips_a_level,
        reads_a_neighbour
    };

    explicit fake_smmu_v3(machine_configuration configuration, defect broken = defect::none)
        : configuration_(std::move(configuration)), broken_(broken) {}

    std::string name() const override { return "fake"; }

    void reset() override {
        pages_.clear();
        registers_.clear();
        for (const auto& [offset, value] : configuration_.id_registers) {
            registers_[offset] = static_cast<std::uint32_t>(value);
        }
        tlb_.clear();
        last_tables_.clear();
        waiting_.clear();
    }

    bool write_memory(std::uint64_t address, const std::vector<std::uint8_t>& data) override {
        for (std::size_t i = 0, count = 0; i < data.size(); i += count) {
            std::uint8_t* const bytes = at(address + i, data.size() - i, count);
            if (bytes == nullptr) {
                return false;
            }
            std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(i), count, bytes);
        }
        return true;
    }
    bool read_memory(std::uint64_t address, std::vector<std::uint8_t>& data) override {
        for (std::size_t i = 0, count = 0; i < data.size(); i += count) {
            const std::uint8_t* const bytes = at(address + i, data.size() - i, count);
            if (bytes == nullptr) {
                return false;
            }
            std::copy_n(bytes, count, data.begin() + static_cast<std::ptrdiff_t>(i));
        }
        return true;
    }
    bool fill_memory(std::uint64_t address, std::uint64_t size_bytes, std::uint8_t byte) override {
        return write_memory(address, std::vector<std::uint8_t>(size_bytes, byte));
    }

    void write_register(const std::string& /*space*/, std::uint64_t offset, unsigned width,
                        std::uint64_t value) override {
        registers_[offset] = static_cast<std::uint32_t>(value);
        if (width == 8) {
            registers_[offset + 4] = static_cast<std::uint32_t>(value >> 32);
        }
        if (offset == 0x20 || offset == 0x50) { // CR0, IRQ_CTRL: acknowledged at once
            registers_[offset + 4] = registers_[offset];
        }
    }
    std::uint64_t read_register(const std::string& /*space*/, std::uint64_t offset, unsigned width) override {
        return registers_[offset] | (width == 8 ? std::uint64_t{registers_[offset + 4]} << 32 : 0);
    }

    dma_response dma(const dma_access& access) override { return perform(access); }
    std::uint64_t issue(const dma_access& access) override {
        waiting_.emplace_back(++last_token_, access);
        return last_token_;
    }
    std::vector<dma_completion> collect(bool wait) override {
        std::vector<dma_completion> done;
        if (wait && !waiting_.empty()) {
            // Not the oldest: accesses of a machine may overtake each other.
            const std::size_t which = last_token_ * 7 % waiting_.size();
            const auto [token, access] = waiting_[which];
            waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(which));
            done.push_back({token, perform(access)});
        }
        return done;
    }
    void settle() override { do_commands(); }
    bool advance() override {
        const bool idle = registers_[0x98] == registers_[0x9c];
        do_commands();
        return !idle;
    }

  private:
    struct entry {
        std::uint64_t page = 0;
        std::uint64_t size_bytes = 0;
        bool writable = false;
    };

    /// The byte at an address and how many of `wanted` follow it in the page; nullptr where there is no memory.
    std::uint8_t* at(std::uint64_t address, std::size_t wanted, std::size_t& count) {
        count = std::min<std::size_t>(wanted, 0x1000 - (address & 0xfff));
        for (const traces::memory_range& range : configuration_.memory) {
            if (range.contains(address, count)) {
                return &pages_[address >> 12][address & 0xfff];
            }
        }
        return nullptr;
    }
    std::uint64_t word(std::uint64_t address) {
        std::vector<std::uint8_t> bytes(8);
        read_memory(address, bytes);
        std::uint64_t value = 0;
        for (std::size_t i = 8; i-- > 0;) {
            value = value << 8 | bytes[i];
        }
        return value;
    }
    std::uint64_t register64(std::uint64_t offset) { return read_register("", offset, 8); }

    dma_response perform(const dma_access& access) {
        dma_response response;
        response.walks.emplace_back();
        std::uint64_t out = access.iova;
        if ((registers_[0x20] & 1) != 0) {
            const auto place = translate(access, response);
            if (!place) {
                return response;
            }
            out = *place;
        }
        if (broken_ == defect::one_page_off && access.iova == 0xffffd000) {
            out += 0x1000;
        }
        response.output_address = out;
        response.data = access.data;
        if (!access.write) {
            response.data.resize(access.size_bytes);
        }
        const std::uint64_t where = broken_ == defect::misplaces_data ? out ^ 0x40 : out;
        response.ok = access.write ? write_memory(where, access.data) : read_memory(where, response.data);
        return response;
    }

    std::uint64_t read_entry(std::uint64_t address, std::uint32_t size_bytes, dma_response& response) {
        response.walks.front().push_back({address, size_bytes});
        return word(address);
    }
    /// A descriptor of a translation table.
    std::uint64_t read_descriptor(std::uint64_t address, unsigned level, dma_response& response) {
        if (level == 1 && broken_ == defect::skips_a_level) {
            return word(address);
        }
        const bool neighbour = level == 3 && broken_ == defect::reads_a_neighbour;
        read_entry(neighbour ? address ^ 8 : address, 8, response);
        return word(address);
    }

    std::optional<std::uint64_t> translate(const dma_access& access, dma_response& response) {
        const std::uint32_t cfg = registers_[0x88];
        const unsigned split = cfg >> 6 & 0x1f;
        const std::uint64_t level_1 =
            (register64(0x80) & 0x000fffffffffffc0) + 8 * (std::uint64_t{access.source_id} >> split);
        if (access.source_id >> (cfg & 0x3f) != 0) {
            return fault(access, 0x02);
        }
        const std::uint64_t descriptor = read_entry(level_1, 8, response);
        const std::uint64_t index = access.source_id & ((1u << split) - 1);
        if ((descriptor & 0x1f) == 0 || index >> ((descriptor & 0x1f) - 1) != 0) {
            return fault(access, 0x02);
        }
        const std::uint64_t ste_address = (descriptor & 0x000fffffffffffc0) + 64 * index;
        const std::uint64_t ste = read_entry(ste_address, 64, response);
        switch (ste & 0xf) {
        case 0x9:
            return access.iova >> 44 == 0 ? std::optional(access.iova) : fault(access, 0x11);
        case 0xb:
            break;
        default:
            return std::nullopt; // abort
        }
        const std::uint64_t cd = ste & 0x000fffffffffffc0;
        const auto asid = static_cast<std::uint16_t>(read_entry(cd, 64, response) >> 48);
        if (access.iova >> 48 != 0) {
            return fault(access, 0x10);
        }
        const auto known = tlb_.find({asid, access.iova >> 12});
        const auto found = known != tlb_.end() ? std::optional(known->second) : walk(access, asid, cd, response);
        if (!found) {
            return fault(access, 0x10);
        }
        if (access.write && !found->writable && broken_ != defect::allows_all_writes) {
            return fault(access, 0x13);
        }
        tlb_[{asid, access.iova >> 12}] = *found;
        response.page_bytes = found->size_bytes;
        response.readable = true;
        response.writable = found->writable;
        return found->page + (access.iova & (found->size_bytes - 1));
    }

    std::optional<entry> walk(const dma_access& access, std::uint16_t asid, std::uint64_t cd, dma_response& response) {
        std::uint64_t table = word(cd + 8) & 0x000ffffffffffff0;
        unsigned level = 0;
        if (const auto cached = last_tables_.find({asid, access.iova >> 21}); cached != last_tables_.end()) {
            table = cached->second;
            level = 3;
        }
        for (;; ++level) {
            const unsigned shift = 12 + 9 * (3 - level);
            const std::uint64_t descriptor =
                read_descriptor(table + 8 * (access.iova >> shift & 0x1ff), level, response);
            const std::uint64_t out = descriptor & 0x0000fffffffff000;
            if ((descriptor & 1) == 0) {
                return std::nullopt;
            }
            if (level == 3 || (descriptor & 2) == 0) {
                return entry{out, std::uint64_t{1} << shift, (descriptor >> 7 & 1) == 0};
            }
            table = out;
            if (level == 2) {
                last_tables_[{asid, access.iova >> 21}] = table;
            }
        }
    }

    std::nullopt_t fault(const dma_access& access, std::uint64_t number) {
        if (broken_ == defect::loses_events && number == 0x10) {
            return std::nullopt;
        }
        std::uint32_t& producer = registers_[0x100a8];
        const std::uint64_t base = register64(0xa0);
        const unsigned log2size = base & 0x1f;
        const std::uint64_t place = (base & 0x000fffffffffffe0) + 32 * (producer & ((1u << log2size) - 1));
        const std::uint64_t words[] = {number | std::uint64_t{access.source_id} << 32,
                                       access.write ? 0 : std::uint64_t{1} << 35, access.iova, 0};
        std::vector<std::uint8_t> record(32);
        for (std::size_t i = 0; i < record.size(); ++i) {
            record[i] = static_cast<std::uint8_t>(words[i / 8] >> 8 * (i % 8));
        }
        write_memory(place, record);
        producer = (producer + 1) & ((2u << log2size) - 1);
        return std::nullopt;
    }

    void do_commands() {
        const std::uint64_t base = register64(0x90);
        const std::uint32_t size = 1u << (base & 0x1f);
        while (registers_[0x9c] != registers_[0x98] && (registers_[0x20] & 8) != 0) {
            const std::uint64_t place = (base & 0x000fffffffffffe0) + 16 * (registers_[0x9c] & (size - 1));
            do_command(word(place), word(place + 8));
            registers_[0x9c] = (registers_[0x9c] + 1) & (2 * size - 1);
        }
    }

    void do_command(std::uint64_t low, std::uint64_t high) {
        const unsigned opcode = low & 0xff;
        if (opcode < 0x10 || opcode > 0x30) {
            return;
        }
        const bool by_asid = opcode == 0x11 || opcode == 0x12;
        const bool by_address = opcode == 0x12;
        const std::uint64_t from = high >> 12;
        const std::uint64_t count = (high >> 10 & 3) == 0 ? 1 : ((low >> 12 & 0x1f) + 1) << (low >> 20 & 0x1f);
        const auto covered = [&](std::uint16_t asid, std::uint64_t page, std::uint64_t pages) {
            return (!by_asid || asid == low >> 48) && (!by_address || (page < from + count && from < page + pages));
        };
        if (broken_ != defect::keeps_stale_entries) {
            std::erase_if(tlb_, [&](const auto& item) {
                const std::uint64_t pages = item.second.size_bytes >> 12;
                return covered(item.first.first, item.first.second & ~(pages - 1), pages);
            });
        }
        if (!(by_address && (high & 1) != 0) && broken_ != defect::keeps_stale_tables) {
            std::erase_if(last_tables_,
                          [&](const auto& item) { return covered(item.first.first, item.first.second << 9, 512); });
        }
    }

    machine_configuration configuration_;
    defect broken_;
    std::unordered_map<std::uint64_t, std::array<std::uint8_t, 4096>> pages_;
    std::map<std::uint64_t, std::uint32_t> registers_;
    std::map<std::pair<std::uint16_t, std::uint64_t>, entry> tlb_;
    std::map<std::pair<std::uint16_t, std::uint64_t>, std::uint64_t> last_tables_;
    std::deque<std::pair<std::uint64_t, dma_access>> waiting_;
    std::uint64_t last_token_ = 0;
};

} // namespace iommulab::conformance
