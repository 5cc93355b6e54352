// SPDX-License-Identifier: Apache-2.0
// Rule: a story that can't be meant is refused by file:line:column, what was found, and what was expected.
#include "testbenches/scenario/scenario_schema.h"
#include "traces/input_error.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace iommulab::scenarios {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

/// What reading says, without the folder.
std::string message(const std::string& text, const read_options& options = {}) {
    const fs::path path = fs::temp_directory_path() / ("story-" + std::to_string(getpid()) + ".yaml");
    std::ofstream(path) << text;
    std::string what = "no error";
    try {
        read_scenario(path.string(), options);
    } catch (const input_error& e) {
        what = std::string(e.what()).substr(path.string().size());
    }
    fs::remove(path);
    return what;
}

const std::string machine = R"(rules: v6.0, v6.2
iommus:
  smmu0: {preset: qemu}
devices:
  nic: {iommu: smmu0}
spaces:
  vm: {caller: iommufd}
operations:
  - domain: {name: shared, device: nic}
)"; // what follows is line 10

TEST(story_errors, a_right_one_has_none) {
    EXPECT_EQ(message(machine + "  - attach: {device: nic, domain: shared}\n"
                                "    expect: {errno: EINVAL}\n"
                                "    under: {v6.0: {errno: ENXIO, row: S3-3, error_lines: 1}}\n"),
              "no error");
}
TEST(story_errors, an_unknown_device_is_told_the_nearest) {
    EXPECT_EQ(message(machine + "  - attach: {device: nik, domain: shared}\n"),
              ":10:22: found unknown device 'nik', expected 'nic'");
}
TEST(story_errors, an_unknown_domain_or_space) {
    EXPECT_THAT(message(machine + "  - attach: {device: nic, domain: share}\n"),
                HasSubstr(":10:35: found unknown domain 'share', expected 'shared'"));
    EXPECT_THAT(message(machine + "  - take: {device: nic, space: vn}\n"),
                HasSubstr(":10:32: found unknown address space 'vn', expected 'vm'"));
    EXPECT_THAT(message(machine + "  - free: {domain: shared}\n  - attach: {device: nic, domain: shared}\n"),
                HasSubstr(":11:35: found unknown domain 'shared', expected none, as there are none"));
}
TEST(story_errors, an_expectation_on_a_row_that_does_not_exist) {
    EXPECT_THAT(message(machine + "  - attach: {device: nic, domain: shared}\n    expect: {row: S3-33}\n"),
                HasSubstr(":11:19: found unknown row 'S3-33', expected 'S3-3'"));
    EXPECT_THAT(message(machine + "  - attach: {device: nic, domain: shared}\n    under: {v6.0: {row: V-4}}\n"),
                HasSubstr(":11:25: found unknown row 'V-4'"));
}
TEST(story_errors, an_unknown_errno_point_rule_set_or_caller) {
    EXPECT_THAT(message(machine + "  - attach: {device: nic, domain: shared}\n    expect: {errno: EINVALID}\n"),
                HasSubstr(":11:21: found unknown errno 'EINVALID', expected a name as EINVAL, or 0"));
    EXPECT_THAT(message(machine + "  - inject: {point: smmu_v3.cd_tables.alloc}\n"),
                HasSubstr(":10:21: found unknown injection point 'smmu_v3.cd_tables.alloc', expected "
                          "'smmu_v3.cd_table.alloc'"));
    EXPECT_THAT(message(machine, {.overrides = {"rules=v6.3"}, .seed = {}}), HasSubstr("unknown set of rules 'v6.3'"));
    EXPECT_THAT(message(machine, {.overrides = {"spaces.vm.caller=vfio"}, .seed = {}}), HasSubstr("vfio-type1"));
}
TEST(story_errors, impossible_limits) {
    const auto with_unit = [](const std::string& unit) {
        return "iommus:\n  smmu0: " + unit +
               "\ndevices:\n  nic: {iommu: smmu0}\noperations:\n  - probe: {device: nic}\n";
    };
    EXPECT_EQ(message(with_unit("{properties: {asid-bits: 8}}")), "no error");
    EXPECT_THAT(message(with_unit("{properties: {asid-bits: 17}}")),
                StartsWith(":2:35: found '17' for asid-bits, expected 1 to 16"));
    EXPECT_THAT(message(with_unit("{properties: {asid-bit: 8}}")), HasSubstr("asid-bits"));
    EXPECT_THAT(message(with_unit("{parameters: {ASID16: 2}}")),
                StartsWith(":2:32: found '2' for ASID16, expected 0 to 1"));
    EXPECT_THAT(message(with_unit("{parameters: {ASID15: 1}}")), HasSubstr("ASID16"));
    EXPECT_THAT(message(with_unit("{model: smmu_v9}")), HasSubstr(":2:18: found unknown model 'smmu_v9'"));
    EXPECT_THAT(message(machine + "  - exhaust: {device: nic, domains: 99999999}\n"), StartsWith(":10:37: found"));
}
TEST(story_errors, ranges_that_cannot_be) {
    EXPECT_THAT(message(machine + "  - map: {domain: shared, iova: 0, pa: 0x40000000}\n"),
                HasSubstr("which is the kernel's own memory"));
    EXPECT_THAT(message(machine + "  - map: {domain: shared, iova: 0xfffffffffffff000, pa: 0x60000000, size: 8KiB}\n"),
                HasSubstr("a range within 64 address bits"));
    EXPECT_THAT(message(machine + "  - dma: {device: nic, iova: 0}\n    expect: {lands_at: 0x1000}\n"),
                HasSubstr(":11:24: found 0x1000 for lands_at"));
}
TEST(story_errors, operations_that_say_nothing_or_too_much) {
    EXPECT_THAT(message(machine + "  - expect: {errno: 0}\n"), HasSubstr("an operation that does nothing"));
    EXPECT_THAT(message(machine + "  - probe: {device: nic}\n    claim: {device: nic}\n"),
                HasSubstr("one thing in an operation"));
    EXPECT_THAT(message(machine + "  - map: {iova: 0, pa: 0x60000000}\n"), HasSubstr("found 'map' of nothing"));
    EXPECT_THAT(message(machine + "  - attach: {device: nic, domain: shared}\n    expect: {bytes: 4KiB}\n"),
                HasSubstr("an expectation that such an operation has"));
    EXPECT_THAT(message(machine + "  - atach: {device: nic, domain: shared}\n"), HasSubstr("attach"));
}

// A scenario may be called as the platform that it runs on: it does not find itself.
TEST(story_errors, a_file_with_its_platforms_name_has_none) {
    const fs::path folder = fs::temp_directory_path() / ("platform-name-" + std::to_string(getpid()));
    fs::create_directory(folder);
    const fs::path path = folder / "xeon.yaml";
    std::ofstream(path) << "platform: xeon.yaml\nmasters:\n  nic:\n    iommu: dmar0\n    source_id: 0x10\n"
                           "    map: [{iova: 0x10000000, pa: 0x50000000, size: 4KiB}]\n"
                           "    traffic: {type: uniform, base: 0x10000000, size: 4KiB}\n    requests: 10\n";
    EXPECT_NO_THROW(read_scenario(path.string(), {}));
    fs::remove_all(folder);
}

} // namespace
} // namespace iommulab::scenarios
