// SPDX-License-Identifier: Apache-2.0
// What firmware says of devices and of IOMMUs, and a device as the kernel knows it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::sw {

class group;
class instance;

/// Which IOMMU translates for a device, and by which ids it knows the device (stream ids, endpoint ids, …).
struct firmware_spec {
    std::string instance{};
    std::vector<std::uint32_t> source_ids{};
    bool root_complex_ats = false; ///< the root complex supports ATS (IOMMU_FWSPEC_PCI_RC_ATS)
};

enum class region_type : std::uint8_t { direct, direct_relaxable, reserved, msi, software_msi };
const char* name_of(region_type type);

/// A range of IO virtual addresses with a meaning of its own.
struct reserved_region {
    std::uint64_t start = 0, bytes = 0;
    region_type type = region_type::reserved;

    [[nodiscard]] std::uint64_t last() const { return start + bytes - 1; }
    friend bool operator==(const reserved_region&, const reserved_region&) = default;
};

struct device_description {
    std::string name{};
    std::optional<firmware_spec> spec{}; ///< none: firmware puts no IOMMU before it
    std::string isolation{};             ///< devices with the same non-empty name cannot be told apart: one group
    unsigned node = 0;
    bool pci = true;
    bool ats = false;                                  ///< has the ATS capability
    unsigned pasid_bits = 0;                           ///< width of its PASIDs, 0: none
    bool pri = false;                                  ///< has the page request interface
    bool can_stall = false;                            ///< firmware property dma-can-stall
    bool untrusted = false;                            ///< may be hostile: always translated
    bool dma_coherent = true;                          ///< snoops the CPU's caches
    unsigned dma_bits = 64;                            ///< addresses that it can send
    std::vector<reserved_region> regions{};            ///< from firmware: RMRR, RMR, IVMD
    std::map<std::string, std::uint64_t> properties{}; ///< other firmware properties, for drivers
};

/// The part of a device that only its IOMMU driver knows.
struct device_private {
    virtual ~device_private() = default;
};

class device {
  public:
    explicit device(device_description d) : description_(std::move(d)) {}
    device(const device&) = delete;
    device& operator=(const device&) = delete;

    [[nodiscard]] const device_description& description() const { return description_; }
    [[nodiscard]] const std::string& name() const { return description_.name; }
    [[nodiscard]] const firmware_spec* spec() const { return description_.spec ? &*description_.spec : nullptr; }
    [[nodiscard]] std::uint64_t property(const std::string& key, std::uint64_t otherwise = 0) const {
        const auto place = description_.properties.find(key);
        return place == description_.properties.end() ? otherwise : place->second;
    }

    /// Switches ATS in the device itself; false: it refuses. Set by who owns the device's model; without it, it obeys.
    std::function<bool(bool on, unsigned smallest_page_log2)> ats_control;

    // Set by the core: where the device stands.
    group* in_group = nullptr;
    instance* behind = nullptr;
    std::unique_ptr<device_private> driver_private;

  private:
    device_description description_;
};

/// What firmware says of one IOMMU.
struct instance_firmware {
    std::string name{};
    std::uint64_t base = 0, bytes = 0;           ///< of its registers
    std::map<std::string, int> interrupts{};     ///< wired: "eventq" -> line
    std::optional<std::uint64_t> msi_doorbell{}; ///< where a written line number becomes an interrupt
    int msi_first_line = 0;
    bool dma_coherent = true; ///< it snoops the CPU's caches
    unsigned node = 0;
    std::map<std::string, std::uint64_t> properties{};

    [[nodiscard]] std::uint64_t property(const std::string& key, std::uint64_t otherwise = 0) const {
        const auto place = properties.find(key);
        return place == properties.end() ? otherwise : place->second;
    }
    [[nodiscard]] int interrupt(const std::string& key) const {
        const auto place = interrupts.find(key);
        return place == interrupts.end() ? -1 : place->second;
    }
};

} // namespace iommulab::sw
