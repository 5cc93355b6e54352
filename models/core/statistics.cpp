// SPDX-License-Identifier: Apache-2.0
#include "models/core/statistics.h"

#include <boost/histogram/axis/option.hpp>
#include <boost/histogram/histogram.hpp>
#include <boost/histogram/make_histogram.hpp>
#include <boost/histogram/sample.hpp>
#include <boost/histogram/storage_adaptor.hpp>
#include <boost/histogram/weight.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace iommulab {

namespace {

namespace histograms = boost::histogram;

constexpr unsigned log2_bins_per_octave = 7;
constexpr unsigned bins_per_octave = 1U << log2_bins_per_octave;

/// Bins of one picosecond up to 2 * bins_per_octave, of a bins_per_octave-th of the octave from there on. Computed with
/// integers, hence the same on every machine. Grows by octaves, as latencies need it.
class latency_axis {
  public:
    static constexpr unsigned options() { return histograms::axis::option::growth_t::value; }
    [[nodiscard]] int size() const { return size_; }
    [[nodiscard]] int index(std::uint64_t latency_ps) const {
        const int exponent =
            std::max(0, static_cast<int>(std::bit_width(latency_ps)) - static_cast<int>(log2_bins_per_octave) - 1);
        return exponent * static_cast<int>(bins_per_octave) + static_cast<int>(latency_ps >> exponent);
    }
    /// The bin, and minus the number of bins that were added for it.
    std::pair<int, int> update(std::uint64_t latency_ps) {
        const int i = index(latency_ps);
        if (i < size_)
            return {i, 0};
        const int added = (i | static_cast<int>(bins_per_octave - 1)) + 1 - size_;
        size_ += added;
        return {i, -added};
    }
    friend bool operator==(const latency_axis&, const latency_axis&) = default;

  private:
    int size_ = 0;
};

/// What a bin holds: the weighted count, and the largest latency.
struct latency_bin {
    std::uint64_t count = 0, largest_ps = 0;
    void operator()(const histograms::weight_type<std::uint64_t>& w, const std::uint64_t& latency_ps) {
        count += w.value;
        largest_ps = std::max(largest_ps, latency_ps);
    }
    friend bool operator==(const latency_bin&, const latency_bin&) = default;
};

using latency_histogram = histograms::histogram<std::tuple<latency_axis>, histograms::dense_storage<latency_bin>>;

/// The smallest latency that at least `per_mille` thousandths of the accesses do not exceed, to the resolution of the
/// bins.
std::uint64_t percentile(const latency_histogram& bins, std::uint64_t count, unsigned per_mille) {
    // Rounded up without computing count * per_mille, which might overflow.
    const std::uint64_t rank = count / 1000 * per_mille + (count % 1000 * per_mille + 999) / 1000;
    std::uint64_t seen = 0;
    for (const latency_bin& bin : bins) {
        seen += bin.count;
        if (seen >= rank && bin.count)
            return bin.largest_ps;
    }
    return 0;
}

} // namespace

struct latency_profile::implementation {
    latency_histogram bins = histograms::make_histogram_with(histograms::dense_storage<latency_bin>(), latency_axis());
    std::uint64_t count = 0, sum_ps = 0;
    std::uint64_t min_ps = std::numeric_limits<std::uint64_t>::max(), max_ps = 0;
    std::array<std::uint64_t, time_parts> sum_part_ps{};

    void count_latency(std::uint64_t latency_ps, std::uint64_t times) {
        bins(latency_ps, histograms::weight(times), histograms::sample(latency_ps));
        count += times;
        sum_ps += latency_ps * times;
        min_ps = std::min(min_ps, latency_ps);
        max_ps = std::max(max_ps, latency_ps);
    }

    std::uint64_t run_ps = 0, run_length = 0; // of sheets
    void end_run() {
        if (run_length != 0)
            count_latency(run_ps, std::exchange(run_length, 0));
    }
};

latency_profile::latency_profile() : impl_(std::make_unique<implementation>()) {}
latency_profile::~latency_profile() = default;
latency_profile::latency_profile(latency_profile&&) noexcept = default;
latency_profile& latency_profile::operator=(latency_profile&&) noexcept = default;

void latency_profile::add(const time_sheet& sheet) {
    // Walks of one kind often cost the same: a run of equal latencies goes into the histogram at once, like a run of
    // hits.
    if (sheet.total_ps() != impl_->run_ps || impl_->run_length == 0) {
        impl_->end_run();
        impl_->run_ps = sheet.total_ps();
    }
    ++impl_->run_length;
    sheet.for_each([this](std::size_t part, std::uint64_t ps) { impl_->sum_part_ps[part] += ps; });
}

void latency_profile::begin_run(std::uint64_t lookup_ps, std::uint64_t memory_ps) {
    end_run();
    run_lookup_ps_ = lookup_ps;
    run_memory_ps_ = memory_ps;
    run_length_ = 1;
}

void latency_profile::end_run() const {
    impl_->end_run();
    if (run_length_ == 0)
        return;
    impl_->count_latency(run_lookup_ps_ + run_memory_ps_, run_length_);
    impl_->sum_part_ps[static_cast<std::size_t>(time_part::micro_tlb)] += run_lookup_ps_ * run_length_;
    impl_->sum_part_ps[static_cast<std::size_t>(time_part::memory)] += run_memory_ps_ * run_length_;
    run_length_ = 0;
}

std::uint64_t latency_profile::count() const {
    return impl_->count + impl_->run_length + run_length_;
}

latency_profile::summary latency_profile::summarise() const {
    end_run();
    summary s;
    s.count = impl_->count;
    if (s.count == 0)
        return s;
    s.sum_ps = impl_->sum_ps;
    s.sum_part_ps = impl_->sum_part_ps;
    const auto count = static_cast<double>(s.count);
    s.min_ps = static_cast<double>(impl_->min_ps);
    s.max_ps = static_cast<double>(impl_->max_ps);
    s.mean_ps = static_cast<double>(s.sum_ps) / count;
    for (std::size_t i = 0; i < time_parts; ++i)
        s.mean_part_ps[i] = static_cast<double>(s.sum_part_ps[i]) / count;
    s.p50_ps = static_cast<double>(percentile(impl_->bins, s.count, 500));
    s.p90_ps = static_cast<double>(percentile(impl_->bins, s.count, 900));
    s.p99_ps = static_cast<double>(percentile(impl_->bins, s.count, 990));
    s.p999_ps = static_cast<double>(percentile(impl_->bins, s.count, 999));
    return s;
}

void latency_profile::merge(const latency_profile& other) {
    end_run();
    other.end_run();
    const auto& from = *other.impl_;
    if (from.count == 0)
        return;
    // The latencies of a bin share their bin here too; only its largest is known, and no more is asked for.
    for (const latency_bin& bin : from.bins)
        if (bin.count)
            impl_->bins(bin.largest_ps, histograms::weight(bin.count), histograms::sample(bin.largest_ps));
    impl_->count += from.count;
    impl_->sum_ps += from.sum_ps;
    impl_->min_ps = std::min(impl_->min_ps, from.min_ps);
    impl_->max_ps = std::max(impl_->max_ps, from.max_ps);
    for (std::size_t i = 0; i < time_parts; ++i)
        impl_->sum_part_ps[i] += from.sum_part_ps[i];
}

latency_profile& access_statistics::find(const key& k) {
    latency_profile& profile = profiles_[k];
    recent_[place_of(k)] = {k, &profile};
    return profile;
}

void access_statistics::reset() {
    recent_.fill({});
    profiles_.clear();
}

} // namespace iommulab
