// SPDX-License-Identifier: Apache-2.0
// Traffic that begins when the firmware is done.
#pragma once

#include "models/dma/traffic.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace iommulab::scenarios {

class gated_traffic final : public traffic {
  public:
    explicit gated_traffic(std::unique_ptr<traffic> inner) : inner_(std::move(inner)) {}

    /// From now on: times of requests count from `start_ps`, and none is before.
    void open(std::uint64_t start_ps) {
        start_ps_ = start_ps;
        open_ = true;
    }

    std::optional<dma_request> next() override {
        if (!open_)
            return {};
        std::optional<dma_request> r = inner_->next();
        if (r)
            r->not_before_ps += start_ps_;
        return r;
    }
    [[nodiscard]] bool waiting() const override { return !open_ || inner_->waiting(); }
    void completed(const dma_request& request, dma_status status, std::span<const unsigned char> data) override {
        inner_->completed(request, status, data);
    }

  private:
    std::unique_ptr<traffic> inner_;
    std::uint64_t start_ps_ = 0;
    bool open_ = false;
};

} // namespace iommulab::scenarios
