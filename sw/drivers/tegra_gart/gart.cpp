// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/tegra_gart/gart.h"

#include "models/gart/spec/registers.h"
#include "sw/drivers/tegra_gart/failures.h"

#include <fmt/format.h>

#include <mutex>

namespace iommulab::sw::tegra_gart {

using namespace iommulab::gart;

namespace {
constexpr unsigned register_bytes = 4;
} // namespace

gart::gart(kernel& k, iommu_driver& driver, const instance_firmware& f)
    : instance(driver, f),
      entry_lock(k.machine()),
      domain_lock(k.machine()),
      kernel_(k),
      first_(f.property("aperture-base", default_aperture)),
      end_(first_ + f.property("aperture-bytes", default_aperture_bytes)) {}

gart::~gart() {
    kernel_.free_interrupts(name());
}

std::uint64_t gart::read(std::uint32_t offset) {
    return kernel_.machine().mmio_read(firmware().base + offset, register_bytes);
}

void gart::write(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, register_bytes);
}

void gart::write_entry(std::uint64_t iova, std::uint32_t entry) {
    write(reg::GART_ENTRY_ADDR.offset, iova);
    write(reg::GART_ENTRY_DATA.offset, entry);
}

std::uint32_t gart::read_entry(std::uint64_t iova) {
    write(reg::GART_ENTRY_ADDR.offset, iova);
    return static_cast<std::uint32_t>(read(reg::GART_ENTRY_DATA.offset));
}

void gart::read_back() {
    if (!kernel_.injection().fires("gart.read_back.skip"))
        static_cast<void>(read(reg::GART_CONFIG.offset));
}

/// Entries as given, or none valid; then translation on.
void gart::set_up(const std::vector<std::uint32_t>* entries) {
    for (std::uint64_t iova = first_; iova < end_; iova += page_bytes)
        write_entry(iova, entries ? (*entries)[(iova - first_) / page_bytes] : 0);
    write(reg::GART_CONFIG.offset, config::ENABLE.make(1));
    read_back();
}

result<void> gart::start() {
    set_up(nullptr);
    if (kernel_.injection().fires("gart.saved_entries.alloc"))
        return kernel_.fail(row::no_saved_entries, name());
    saved_.resize((end_ - first_) / page_bytes);
    if (const int line = firmware().interrupt("mc"); line >= 0) {
        kernel_.request_interrupt(line, name(), [this] { handle_error(); });
        write(reg::INTMASK.offset, interrupt::SECURITY_VIOLATION.make(1) | interrupt::INVALID_GART_PAGE.make(1) |
                                       interrupt::DECERR_EMEM.make(1));
    }
    return {};
}

void gart::suspend() {
    write(reg::GART_CONFIG.offset, 0); // what still uses the aperture is refused from now on
    read_back();
    for (std::uint64_t iova = first_; iova < end_; iova += page_bytes)
        saved_[(iova - first_) / page_bytes] = read_entry(iova);
}

void gart::resume() {
    set_up(&saved_);
}

/// The memory controller's driver: one line an error, and the status cleared.
void gart::handle_error() {
    const std::uint64_t status = read(reg::INTSTATUS.offset) & read(reg::INTMASK.offset);
    if (status == 0)
        return;
    const auto tell = [&](const char* what, bool write, std::uint64_t client, std::uint64_t address) {
        ++errors_;
        if (error_limit_.allows(kernel_.machine().now_ns()))
            kernel_.note(row::memory_error, name(),
                         fmt::format("client {}: {} at {:#010x}: {}", client, write ? "write" : "read", address, what));
    };
    if (interrupt::INVALID_GART_PAGE.of(status)) {
        const std::uint64_t request = read(reg::GART_ERROR_REQ.offset);
        tell("invalid GART page", gart_error::DIRECTION.of(request) != 0, gart_error::CLIENT_ID.of(request),
             read(reg::GART_ERROR_ADDR.offset));
    }
    if (interrupt::DECERR_EMEM.of(status)) {
        const std::uint64_t request = read(reg::DECERR_EMEM_OTHERS_STATUS.offset);
        tell("no memory there", decerr::WRITE.of(request) != 0, decerr::CLIENT_ID.of(request),
             read(reg::DECERR_EMEM_OTHERS_ADR.offset));
    }
    write(reg::INTSTATUS.offset, status);
}

} // namespace iommulab::sw::tegra_gart
