// SPDX-License-Identifier: Apache-2.0
// A guest that programs anything, and devices that don't care: what the fuzzing of every IOMMU shares.
#pragma once

#include "models/core/registers.h"
#include "testbenches/harness/iommu_machine.h"
#include "testbenches/pagetables/table_generator.h"

#include <cstdint>
#include <deque>
#include <iterator>
#include <span>

namespace iommulab::harness {

class fuzzing_guest {
  public:
    fuzzing_guest(iommu_machine& m, const reference::chooser& choose) : choose_(choose), machine_(m) {}
    virtual ~fuzzing_guest() = default;

    void run() {
        for (unsigned rounds = 20 + static_cast<unsigned>(choose_(60)); rounds != 0; --rounds) {
            disturb();
            machine_.run(1 + choose_(400));
        }
    }

  protected:
    /// One thing that software or a device does.
    virtual void disturb() = 0;
    /// Where things are, where nothing is, and anywhere.
    virtual std::uint64_t any_address() = 0;

    std::uint64_t any() { return choose_(~std::uint64_t{0}); }
    template <class Places>
    std::uint64_t near_one_of(const Places& places) {
        return choose_(8) ? places[choose_(std::size(places))] + choose_(0x2'0000) : any();
    }
    /// A declared register, its bits or an address.
    void poke_register(std::span<const register_declaration> all) {
        const register_declaration& r = all[choose_(all.size())];
        machine_.set(r, choose_(3) == 0 ? any()
                        : choose_(2)    ? any_address()
                                        : machine_.get(r) ^ std::uint64_t{1} << choose_(64));
    }
    /// Any place in `space_bytes` of registers, or beyond; any size, read or written.
    void poke_place(std::uint64_t space_bytes) {
        constexpr unsigned sizes[] = {1, 2, 3, 4, 8, 16};
        std::uint64_t value = any();
        machine_.access_register(choose_(16) ? choose_(space_bytes + 16) : any(), value,
                                 sizes[choose_(std::size(sizes))], choose_(4) != 0);
    }
    /// An access of any kind and size, otherwise as `a`.
    device_access odd(device_access a) {
        a.privileged = choose_(2);
        a.instruction = choose_(4) == 0;
        a.type = choose_(8) ? address_type::untranslated : static_cast<address_type>(choose_(3));
        a.data.resize(1 + choose_(choose_(4) ? 16 : 9000));
        return a;
    }
    [[nodiscard]] bool is_busy() const { return machine_.devices[0]->waiting() > 16; }
    void issue(device_access a, std::size_t port = 0) {
        machine_.devices[port]->issue(accesses_.emplace_back(std::move(a)));
    }

    const reference::chooser& choose_;

  private:
    iommu_machine& machine_;
    std::deque<device_access> accesses_; // never moved: they are under way
};

} // namespace iommulab::harness
