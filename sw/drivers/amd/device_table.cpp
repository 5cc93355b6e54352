// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/amd/device_table.h"

#include "models/amd_vi/spec/device_table_entry.h"
#include "models/amd_vi/spec/registers.h"

#include <bit>
#include <vector>

namespace iommulab::sw::amd {

using namespace iommulab::amd_vi;

device_table::~device_table() {
    if (base_ != 0 && kernel_.powered())
        kernel_.machine().release(base_, bytes_);
}

bool device_table::allocate(std::uint32_t last, unsigned node) {
    last_ = last;
    bytes_ = std::bit_ceil(
        std::max<std::uint64_t>((std::uint64_t{last} + 1) * dte::bytes, device_table_base::size_unit_bytes));
    base_ = kernel_.allocate("amd.device_table.alloc", bytes_, bytes_, node, memory_kind::cached);
    if (base_ == 0)
        return false;
    // V and TV without IR and IW: nothing passes, until a domain is attached.
    constexpr std::size_t words_of_unit = device_table_base::size_unit_bytes / 8;
    std::vector<std::uint64_t> block(words_of_unit, 0);
    for (std::size_t n = 0; n < words_of_unit; n += dte::bytes / 8)
        block[n] = dte::V.make(1) | dte::TV.make(1);
    for (std::uint64_t done = 0; done < bytes_; done += device_table_base::size_unit_bytes)
        kernel_.machine().write_block(base_ + done, block.data(), device_table_base::size_unit_bytes);
    kernel_.machine().barrier();
    return true;
}

std::uint64_t device_table::base_register() const {
    return device_table_base::DevTabBase.put(0, base_) |
           device_table_base::Size.make(bytes_ / device_table_base::size_unit_bytes - 1);
}

std::uint64_t device_table::address(std::uint16_t id) const {
    return base_ + std::uint64_t{id} * dte::bytes;
}

device_entry device_table::read(std::uint16_t id) {
    device_entry entry{};
    for (std::size_t n = 0; n < entry.size(); ++n)
        entry[n] = kernel_.machine().read(address(id) + 8 * n, 8);
    return entry;
}

void device_table::write(std::uint16_t id, const device_entry& entry) {
    kernel_.machine().write(address(id) + 8, entry[1], 8);
    kernel_.machine().write(address(id), entry[0], 8);
    kernel_.machine().barrier();
}

void device_table::copy(std::uint16_t from, std::uint16_t to) {
    const device_entry entry = read(from);
    for (std::size_t n = 0; n < entry.size(); ++n)
        kernel_.machine().write(address(to) + 8 * n, entry[n], 8);
    kernel_.machine().barrier();
}

} // namespace iommulab::sw::amd
