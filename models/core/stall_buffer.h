// SPDX-License-Identifier: Apache-2.0
// Accesses that wait for software's verdict. Internal to core.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

namespace iommulab {

enum class stall_verdict : std::uint8_t { retry, abort, ignore };

/// One access that may stall.
class stalled_access {
  public:
    virtual ~stalled_access() = default;
    /// It has a place now, and a name by which software can speak of it: report it.
    virtual void admitted(std::uint32_t tag) = 0;
    virtual void decided(stall_verdict v) = 0;
    std::uint32_t stalled_source = 0;
};

/// Bounded: an access that finds it full waits outside, unreported, until there is room. Tags are small numbers,
/// reused.
class stall_buffer {
  public:
    explicit stall_buffer(std::uint32_t entries) : places_(entries, nullptr) {}

    void enter(stalled_access& a) {
        for (std::uint32_t tag = 0; tag < places_.size(); ++tag)
            if (!places_[tag]) {
                places_[tag] = &a;
                a.admitted(tag);
                return;
            }
        outside_.push_back(&a);
    }
    /// False: nobody of this source has the tag.
    bool decide(std::uint32_t tag, std::uint32_t source_id, stall_verdict v) {
        if (tag >= places_.size() || !places_[tag] || places_[tag]->stalled_source != source_id)
            return false;
        stalled_access& a = *places_[tag];
        places_[tag] = nullptr;
        a.decided(v);
        if (!places_[tag] && !outside_.empty()) {
            stalled_access& next = *outside_.front();
            outside_.pop_front();
            enter(next);
        }
        return true;
    }
    void decide_all(std::uint32_t source_id, stall_verdict v) {
        for (std::uint32_t tag = 0; tag < places_.size(); ++tag)
            decide(tag, source_id, v);
    }
    [[nodiscard]] std::uint32_t waiting() const {
        auto n = static_cast<std::uint32_t>(outside_.size());
        for (const auto* p : places_)
            n += p != nullptr;
        return n;
    }

  private:
    std::vector<stalled_access*> places_;
    std::deque<stalled_access*> outside_;
};

} // namespace iommulab
