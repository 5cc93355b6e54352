// SPDX-License-Identifier: Apache-2.0
#include "testbenches/invented/flat_driver.h"

#include "sw/iommu/iommu_core.h"
#include "sw/iommu/provocation.h"
#include "testbenches/invented/flat_spec.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

namespace iommulab::flat {

namespace {

using namespace sw;
using enum linux_errno;

// --- the failures

constexpr failure_table table({
    {"F-1", "flat_attach_dev", "the domain belongs to another unit", failure_class::incompatible, failure_scope::attach,
     changed({enxio, log_level::error}, {emediumtype}, {einval}), "P5"},
    {"F-2", "flat_attach_dev", "no memory for the table", failure_class::memory, failure_scope::attach, always(enomem)},
    {"F-M1", "flat_map", "the domain was never attached", failure_class::device, failure_scope::map, always(enodev)},
});
const failure_row &unattached = table["F-M1"], &foreign_unit = table["F-1"], &no_table = table["F-2"];

constexpr injection_point points[] = {{"flat.table.alloc", "memory for the table", enomem}};

constexpr std::uint64_t pages = 4096; ///< that a domain can map
constexpr std::uint64_t table_bytes = pages * entry_bytes;

// --- the unit

class unit final : public instance {
  public:
    unit(kernel& k, iommu_driver& driver, const instance_firmware& f) : instance(driver, f), kernel_(k) {}

    domain* active = nullptr;

    void use(std::uint64_t table_address) {
        kernel_.machine().barrier();
        write(TABLE.offset, table_address);
        invalidate_all();
    }
    void invalidate_all() {
        const std::uint64_t done = read(SYNC.offset);
        kernel_.machine().barrier();
        write(INVALIDATE.offset, ~std::uint64_t{0});
        while (read(SYNC.offset) == done)
            kernel_.machine().delay_ns(10);
    }

  private:
    std::uint64_t read(std::uint32_t offset) { return kernel_.machine().mmio_read(firmware().base + offset, 4); }
    void write(std::uint32_t offset, std::uint64_t value) {
        kernel_.machine().mmio_write(firmware().base + offset, value, 8);
    }
    kernel& kernel_;
};

class flat_domain final : public domain {
  public:
    flat_domain(kernel& k, iommu_driver& driver) : domain(driver, domain_type::unmanaged), kernel_(k) {
        set_page_sizes(page_bytes);
        set_aperture(0, pages * page_bytes - 1, true);
    }
    ~flat_domain() override {
        if (table_ != 0)
            kernel_.machine().release(table_, table_bytes);
    }

    result<void> attach_dev(device& dev) override {
        auto& behind = static_cast<unit&>(*dev.behind);
        if (unit_ && unit_ != &behind)
            return kernel_.fail(foreign_unit, dev.name(), "the domain belongs to another unit");
        if (table_ == 0)
            table_ = kernel_.allocate("flat.table.alloc", table_bytes, table_bytes, 0, memory_kind::cached);
        if (table_ == 0)
            return kernel_.fail(no_table, dev.name());
        unit_ = &behind;
        behind.active = this; // a unit's devices are one group: all are on the same domain
        behind.use(table_);
        return {};
    }
    [[nodiscard]] bool offers_detach() const override { return true; }
    void detach_dev(device& dev) override;

    map_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t size, std::uint64_t count,
                         const protection& prot) override {
        map_result done;
        if (table_ == 0) {
            done.status = kernel_.fail(unattached, fmt::format("domain {}", number()));
            return done;
        }
        for (; done.mapped_bytes < size * count; done.mapped_bytes += size)
            put(iova + done.mapped_bytes, VALID.make(1) | WRITABLE.make(prot.write) | (address + done.mapped_bytes));
        return done;
    }
    std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count,
                              iotlb_gather& gather) override {
        if (table_ == 0)
            return 0;
        for (std::uint64_t n = 0; n < count; ++n)
            put(iova + n * size, 0);
        gather.add_page(*this, iova, size * count);
        return size * count;
    }
    void flush_iotlb_all() override {
        if (unit_)
            unit_->invalidate_all();
    }
    void iotlb_sync(iotlb_gather&) override { flush_iotlb_all(); }
    std::uint64_t iova_to_phys(std::uint64_t iova) override {
        const std::uint64_t e = table_ ? kernel_.machine().read(table_ + iova / page_bytes * entry_bytes, 8) : 0;
        return VALID.of(e) ? PAGE.of(e) | iova % page_bytes : 0;
    }

  private:
    void put(std::uint64_t iova, std::uint64_t entry) {
        kernel_.machine().write(table_ + iova / page_bytes * entry_bytes, entry, entry_bytes);
    }
    kernel& kernel_;
    std::uint64_t table_ = 0;
    unit* unit_ = nullptr;
};

struct flat_driver final : iommu_driver {
    explicit flat_driver(kernel& k) : kernel_(k) {}
    ~flat_driver() override {
        if (empty_ != 0)
            kernel_.machine().release(empty_, table_bytes);
    }
    [[nodiscard]] const char* name() const override { return "flat"; }
    result<instance*> probe_instance(const instance_firmware& firmware) override {
        if (empty_ == 0)
            empty_ = kernel_.machine().allocate(table_bytes, table_bytes, 0, memory_kind::cached);
        units_.push_back(std::make_unique<unit>(kernel_, *this, firmware));
        units_.back()->use(empty_);
        return units_.back().get();
    }
    std::unique_ptr<domain> allocate_domain(domain_type type) override {
        return type == domain_type::unmanaged ? std::make_unique<flat_domain>(kernel_, *this) : nullptr;
    }
    result<void> probe_device(device&, instance&) override { return {}; }
    void release_device(device&) override {}
    [[nodiscard]] bool capable(const device&, capability what) const override {
        return what == capability::cache_coherency;
    }
    [[nodiscard]] bool offers_features() const override { return false; }

    kernel& kernel_;
    std::vector<std::unique_ptr<unit>> units_;
    std::uint64_t empty_ = 0;
};

void flat_domain::detach_dev(device& dev) {
    auto& behind = static_cast<unit&>(*dev.behind);
    if (behind.active != this)
        return;
    behind.active = nullptr;
    behind.use(static_cast<flat_driver&>(owner()).empty_);
}

// --- how they are met

device_description at(const char* name, std::size_t unit_number) {
    device_description d;
    d.name = name;
    d.spec = firmware_spec{provoking_unit_name(unit_number), {1}};
    d.isolation = d.spec->instance; // a unit has one table
    return d;
}

std::span<const provocation> provocations() {
    static const std::vector<provocation> all{
        {.row = "F-1", .units = {{}, {}}, .devices = {at("first", 0), at("second", 1)}},
        {.row = "F-2", .units = {{}}, .devices = {at("dev", 0)}, .inject = "flat.table.alloc"},
    };
    return all;
}

} // namespace

std::span<const sw::failure_row> failures() {
    return table.rows();
}

sw::driver_description description() {
    return {"flat",       "flat",
            table.rows(), {},
            points,       [](kernel& k) -> std::unique_ptr<iommu_driver> { return std::make_unique<flat_driver>(k); },
            {},           &provocations};
}

} // namespace iommulab::flat
