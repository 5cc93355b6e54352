// SPDX-License-Identifier: Apache-2.0
// Waveforms, pushed on change. A probe costs one test of a pointer when nobody records.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace iommulab {

/// Writes a VCD file (IEEE 1364-2005, 18.2) of what is pushed into it: integer timestamps in picoseconds, scopes from
/// dotted paths. Signals are declared before the first change; changes come in order of time. Of several changes of a
/// signal at one time the last counts. Names are made fit for VCD readers: "ASID[3]" becomes "ASID_3".
class waveform_writer {
  public:
    using signal = std::uint32_t;

    /// Opens `path`; throws std::runtime_error naming the path when it can't.
    explicit waveform_writer(const std::string& path);
    ~waveform_writer();
    waveform_writer(const waveform_writer&) = delete;
    waveform_writer& operator=(const waveform_writer&) = delete;

    /// `scope` is dotted ("platform.iommu.walkers"); `bits` 1 to 64. Starts at `initial`. Throws std::logic_error after
    /// the first change, for another width, and for an empty name.
    signal add(std::string_view scope, std::string_view name, unsigned bits, std::uint64_t initial = 0);
    /// The value at `now_ps` and after, cut to the signal's width; equal to the last value: nothing is written. Throws
    /// std::logic_error when time goes back. Ends a pulse in progress. After finish(): ignored, as are pulses.
    void change(signal s, std::uint64_t value, std::uint64_t now_ps);
    /// A 1-bit signal that is high from `now_ps` for `width_ps` (at least 1); another pulse before its end prolongs it.
    void pulse(signal s, std::uint64_t now_ps, std::uint64_t width_ps);
    /// Writes what is pending up to `now_ps` and closes; throws std::runtime_error naming the path when anything could
    /// not be written. The destructor does the same at the last time seen, but throws nothing.
    void finish(std::uint64_t now_ps);

  private:
    struct implementation;
    std::unique_ptr<implementation> impl_;
};

/// A place in a model that can be recorded.
class probe {
  public:
    void attach(waveform_writer* writer, std::string_view scope, std::string_view name, unsigned bits,
                std::uint64_t initial = 0) {
        writer_ = writer;
        if (writer_)
            signal_ = writer_->add(scope, name, bits, initial);
    }
    void set(std::uint64_t value, std::uint64_t now_ps) {
        if (writer_) [[unlikely]]
            writer_->change(signal_, value, now_ps);
    }
    void pulse(std::uint64_t now_ps, std::uint64_t width_ps) {
        if (writer_) [[unlikely]]
            writer_->pulse(signal_, now_ps, width_ps);
    }
    [[nodiscard]] bool attached() const { return writer_ != nullptr; }

  private:
    waveform_writer* writer_ = nullptr;
    waveform_writer::signal signal_ = 0;
};

} // namespace iommulab
