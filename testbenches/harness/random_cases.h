// SPDX-License-Identifier: Apache-2.0
// Properties over cases that one random number makes: a failure names the number.
#pragma once

#include "testbenches/pagetables/table_generator.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace iommulab::harness {

/// `one(chooser)`, `cases` times or as often as RC_PARAMS says; ends at the first that fails.
template <class Case>
void check_random_cases(const std::string& rule, unsigned cases, Case&& one) {
    setenv("RC_PARAMS", ("max_success=" + std::to_string(cases)).c_str(), 0);
    rc::check(rule, [&] {
        const auto seed = *rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>());
        std::mt19937_64 engine(seed);
        const reference::chooser choose = reference::choose_with(engine);
        SCOPED_TRACE("seed " + std::to_string(seed));
        one(choose);
        RC_ASSERT(!::testing::Test::HasFailure());
    });
}

} // namespace iommulab::harness
