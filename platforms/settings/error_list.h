// SPDX-License-Identifier: Apache-2.0
// All that is wrong with an input at once, not the first of it.
#pragma once

#include "traces/input_error.h"

#include <string>
#include <vector>

namespace iommulab::settings {

/// Several errors as one: what() has a line for each, file() and the rest are of the first.
class input_errors : public input_error {
  public:
    explicit input_errors(std::vector<input_error> all);
    [[nodiscard]] const std::vector<input_error>& all() const { return all_; }
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

  private:
    std::vector<input_error> all_;
    std::string text_;
};

/// Goes on after an error, as far as what follows does not depend on it.
class error_list {
  public:
    /// Calls `act`, and keeps the input_error that it throws. False: it threw.
    template <class Act>
    bool keep(Act&& act) {
        try {
            act();
            return true;
        } catch (const input_error& e) {
            add(e);
            return false;
        }
    }
    /// The same error a second time is one.
    void add(const input_error& e);
    [[nodiscard]] bool empty() const { return errors_.empty(); }
    /// Throws what was kept, if anything: one as it came, several as input_errors.
    void raise() const;

  private:
    std::vector<input_error> errors_;
};

} // namespace iommulab::settings
