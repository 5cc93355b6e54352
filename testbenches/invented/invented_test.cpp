// SPDX-License-Identifier: Apache-2.0
// Rule: an IOMMU can be added from outside, by its room, its driver and its platform: the engine, the software core,
// the callers and the matrix take it as their own (docs/adding-an-iommu.md).
#include "models/core/iommu_module.h"
#include "platforms/platform_schema.h"
#include "sw/drivers/drivers.h"
#include "sw/iommu/provocation.h"
#include "testbenches/errno/errno_matrix.h"
#include "testbenches/invented/flat_driver.h"
#include "testbenches/invented/flat_model.h"
#include "testbenches/software/software_machine.h"

#include <gtest/gtest.h>

namespace iommulab::flat {
namespace {

const bool added = [] {
    platforms::add_iommu_model(model());
    sw::add_driver(description());
    return true;
}();

constexpr const char* board = IOMMULAB_SOURCE_DIR "/testbenches/invented/flat-board.yaml";

software::software_machine_description machine_of_board() {
    software::software_machine_description d;
    d.platform = platforms::read_platform_file(board);
    for (const char* unit : {"flat0", "flat1"}) {
        sw::device_description dev;
        dev.name = std::string("dev_of_") + unit;
        dev.spec = sw::firmware_spec{unit, {1}};
        d.devices.push_back({dev, 0});
    }
    d.kernel_memory_base = 0x4000'0000;
    d.kernel_memory_bytes = 64 << 20;
    return d;
}

TEST(invented, is_known_by_its_names) {
    ASSERT_TRUE(added);
    EXPECT_EQ(platforms::find_iommu_model("flat"), &model());
    ASSERT_TRUE(sw::driver_for_model("flat"));
    EXPECT_STREQ(sw::driver_for_model("flat")->name, "flat");
    EXPECT_THROW(platforms::add_iommu_model(model()), std::invalid_argument) << "once is enough";
    EXPECT_THROW(sw::add_driver(description()), std::invalid_argument);
}

TEST(invented, is_a_model_of_platform_files_with_checked_parameters) {
    const auto d = platforms::read_platform_file(board);
    ASSERT_EQ(d.iommus.size(), 2U);
    EXPECT_EQ(d.iommus[0].model, "flat");
    EXPECT_THROW(model().create("wrong", {.preset = "", .parameters = {{"walkers", 0}}, .reset_values = {}}),
                 parameter_error);
}

TEST(invented, translates_what_its_driver_maps_in_either_mode) {
    auto d = machine_of_board();
    software::software_machine m("machine", d);
    m.run([&] {
        sw::device& dev = m.device("dev_of_flat0");
        auto domain = m.core().allocate_domain(dev);
        EXPECT_FALSE(m.dma_read("dev_of_flat0", 0x10000, 8).ok) << "nothing is mapped";
        EXPECT_EQ(sw::errno_of(sw::map(m.kernel(), *domain, 0x10000, 0x4800'0000, 0x1000, {.read = true})),
                  sw::linux_errno::enodev);
        ASSERT_TRUE(m.core().attach_device(*domain, dev));
        ASSERT_TRUE(sw::map(m.kernel(), *domain, 0x10000, 0x4800'0000, 0x2000, {.read = true, .write = true}));
        EXPECT_TRUE(m.dma_write("dev_of_flat0", 0x11000, {1, 2, 3, 4}).ok);
        EXPECT_EQ(m.cpus().read(0x4800'1000, 4), 0x04030201U);
        EXPECT_EQ(sw::iova_to_phys(*domain, 0x11004), 0x4800'1004U);
        EXPECT_FALSE(m.dma_read("dev_of_flat1", 0x11000, 8).ok) << "the other unit has another table";
        EXPECT_EQ(sw::unmap(m.kernel(), *domain, 0x11000, 0x1000), 0x1000U);
        EXPECT_FALSE(m.dma_read("dev_of_flat0", 0x11000, 8).ok);
        EXPECT_TRUE(m.dma_read("dev_of_flat0", 0x10000, 8).ok);
        m.core().detach_device(*domain, dev);
        EXPECT_FALSE(m.dma_read("dev_of_flat0", 0x10000, 8).ok);
        m.kernel().power_off();
    });
    EXPECT_EQ(m.hardware().iommu(0).parameters().walkers, 2U);
}

// The matrix provokes its rows on the model, and callers make of them what they make of everybody's.
TEST(invented, has_its_place_in_the_matrix) {
    errno_matrix::matrix_request request;
    request.drivers = {"flat"};
    request.callers = true;
    const errno_matrix::matrix m = errno_matrix::run_matrix(request);
    ASSERT_EQ(m.rows.size(), 2U);
    EXPECT_EQ(m.measured(), 2 * sw::rule_sets);
    EXPECT_TRUE(m.agrees());
    const errno_matrix::matrix_cell* const before = m.rows[0].under(sw::rule_set::v6_0);
    const errno_matrix::matrix_cell* const after = m.rows[0].under(sw::rule_set::v6_2);
    ASSERT_TRUE(before && after && before->measured && after->measured);
    EXPECT_EQ(before->measured->number, "ENXIO");
    EXPECT_EQ(after->measured->number, "EINVAL");
    for (const auto& [caller, made] : after->callers) {
        EXPECT_TRUE(made.problem.empty()) << caller << ": " << made.problem;
        if (caller == "iommufd") {
            EXPECT_EQ(made.number, "0") << "EINVAL: another domain";
            EXPECT_EQ(made.domains, 2U);
            EXPECT_EQ(made.dma, "ok");
        }
    }
    for (const auto& [caller, made] : before->callers)
        if (caller == "iommufd") {
            EXPECT_EQ(made.number, "ENXIO");
        }
}

} // namespace
} // namespace iommulab::flat
