// SPDX-License-Identifier: Apache-2.0
// Random programs and accesses for a simulated SMMUv3, their execution, and the comparison with what must come of them.
#pragma once

#include "testbenches/smmu_v3/expectation.h"
#include "testbenches/smmu_v3/machine.h"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace iommulab::harness {

/// ID registers that implement `f`.
smmu_v3::id_registers id_registers_of(const reference::features& f);

/// The windows of the generator's options.
std::vector<memory_range> memory_of(const reference::generator_options& o);

/// One of the sets of features that machines are built with, index below feature_sets.
constexpr unsigned feature_sets = 4;
reference::features feature_set(unsigned n);

/// Caches of 0 to 8 entries of any policy, few walkers, any order: whatever is small.
smmu_v3::smmu_parameters small_parameters(const reference::chooser& choose, unsigned ports);

reference::stream_program random_program(const reference::chooser& choose, reference::stages translation,
                                         const reference::features& implemented);

/// Writes STE, CD and tables, and enables the SMMU.
void load(smmu_v3_machine& m, const reference::stream_program& p);

/// Kind, size and data of an access to an input of the program.
device_access random_access(const reference::chooser& choose, const reference::stream_program& p, std::uint64_t input);

reference::memory_view view_of(const smmu_v3_machine& m);
reference::expectation expect(const smmu_v3_machine& m, const reference::stream_program& p, const device_access& a);

/// Memory as it must be. The machine's contents are compared with it over the windows of the tables and the outputs.
class shadow_memory {
  public:
    shadow_memory(smmu_v3_machine& m, const reference::stream_program& p);
    /// New contents where reads will look, in both memories.
    void prepare(const reference::chooser& choose, const reference::expectation& e, const device_access& a);
    /// What a write must have done.
    void apply(const reference::expectation& e, const device_access& a);
    /// What the reads must have found; bytes that no piece covers are left alone.
    [[nodiscard]] std::vector<unsigned char> read(const reference::expectation& e, std::size_t bytes) const;
    /// Updates of descriptors: must have happened, or may have. Anything else shows in expect_same().
    void expect_updates(const reference::expectation& e);
    /// Every byte of the windows.
    void expect_same() const;

  private:
    void expect_same(std::uint64_t base, std::uint64_t bytes) const;
    smmu_v3_machine& m_;
    const reference::stream_program& p_;
    sparse_store store_;
};

/// Response and data.
void expect_answer(const reference::expectation& e, const device_access& a, const shadow_memory& shadow);

std::string text_of(const device_access& a);
std::string text_of(const smmu_v3_machine::event_record& r);

/// How often what came up, so that a test can tell that it tested something.
struct case_tally {
    std::map<std::string, unsigned> outcomes;
    unsigned accesses = 0, split = 0, recorded = 0, updated = 0;
    void count(const reference::expectation& e);
    void expect_variety() const;
};

} // namespace iommulab::harness
