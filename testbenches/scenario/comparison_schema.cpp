// SPDX-License-Identifier: Apache-2.0
#include "platforms/data_files.h"
#include "platforms/platform_schema.h"
#include "platforms/settings/error_list.h"
#include "platforms/settings/keys.h"
#include "platforms/settings/settings_units.h"
#include "sw/drivers/drivers.h"
#include "testbenches/scenario/comparison.h"
#include "traces/names.h"

#include <algorithm>
#include <filesystem>

namespace iommulab::scenarios {

using settings::bytes_text;
using settings::schema;
using settings::section;
using namespace settings::keys;

namespace {

constexpr std::uint64_t most_window_bytes = 256 << 20, most_pages = 65536;

const schema& machine_schema() {
    static const schema s{"compared machine",
                          "A platform, and where the device sits on it.",
                          {
                              text("platform", "the name of a platform's file").needed(),
                              text("iommu", "that translates; without it the platform's first"),
                              count("port", "of the IOMMU").otherwise("0"),
                              count("source_id", "of the device").otherwise("0x20").to(0xffffff),
                              flag("pci", "what kind of device it is").otherwise("true"),
                          }};
    return s;
}

comparison::machine read_machine(const section::member& m, const std::string& file) {
    const section& s = *m.value;
    comparison::machine out;
    out.name = m.name;
    out.where = m.where;
    const std::string path = platforms::find_beside(file, s.text("platform"), "platforms");
    if (!std::filesystem::exists(path))
        s.where("platform")
            .fail("no file " + iommulab::quoted(s.text("platform")),
                  platforms::expected_file("platforms", s.text("platform"), "the name of a platform's file"));
    out.platform = platforms::read_platform_file(path);
    if (out.platform.iommus.empty())
        s.where("platform").fail("a platform without an IOMMU", "one with one");
    out.iommu = s.has("iommu") ? s.text("iommu") : out.platform.iommus.front().name;
    const auto unit = std::find_if(out.platform.iommus.begin(), out.platform.iommus.end(),
                                   [&](const auto& i) { return i.name == out.iommu; });
    if (unit == out.platform.iommus.end()) {
        std::vector<std::string> names;
        for (const platforms::iommu_description& known : out.platform.iommus)
            names.push_back(known.name);
        s.where("iommu").fail("unknown IOMMU " + iommulab::quoted(out.iommu), one_of(out.iommu, names));
    }
    if (!sw::driver_for_model(unit->model))
        s.where("platform").fail("the model " + unit->model + ", for which there is no driver", "one with a driver");
    if (s.number("port") >= unit->ports)
        s.where("port").fail("port " + std::to_string(s.number("port")), "a port below " + std::to_string(unit->ports));
    out.port = static_cast<unsigned>(s.number("port"));
    out.source_id = static_cast<std::uint32_t>(s.number("source_id"));
    platforms::check_source_id(*unit, out.source_id, s.where("source_id"));
    out.pci = s.flag("pci");
    return out;
}

} // namespace

const schema& comparison_schema() {
    static const schema s{
        "compare",
        "A scenario of its own: the same work on several machines, software and hardware. A driver attaches a device, "
        "maps a window page by page, the device accesses it at random, the driver unmaps page by page and detaches. "
        "Beside it only `description` and `seed`.",
        {
            named("machines", "by name", machine_schema()).needed(),
            bytes("window", "that the device accesses").otherwise("256KiB").from(4096).to(most_window_bytes),
            bytes("page", "mapped and unmapped at a time").otherwise("4KiB").from(4096).to(most_window_bytes),
            count("requests", "of the device").otherwise("10000").from(1).to(100'000'000),
            bytes("length", "of a request").otherwise("64B").from(1).to(4096),
            count("write_percent", "share of writes").otherwise("0").to(100),
            count("outstanding", "requests under way at one time").otherwise("4").from(1).to(4096),
        }};
    return s;
}

comparison read_comparison(const settings::node& map, const std::string& file) {
    const section s(map, comparison_schema());
    comparison out;
    out.window_bytes = s.number("window");
    out.page_bytes = s.number("page");
    out.requests = s.number("requests");
    out.length_bytes = s.number("length");
    out.write_percent = static_cast<unsigned>(s.number("write_percent"));
    out.outstanding = static_cast<unsigned>(s.number("outstanding"));
    if ((out.page_bytes & (out.page_bytes - 1)) != 0)
        s.where("page").fail(s.written("page") + " for page", "a power of two");
    if (out.window_bytes % out.page_bytes != 0 || out.window_bytes / out.page_bytes > most_pages)
        s.where("window").fail(s.written("window") + " for window", "a multiple of " + bytes_text(out.page_bytes) +
                                                                        ", at most " + std::to_string(most_pages) +
                                                                        " of them");
    settings::error_list errors;
    for (const section::member& m : s.members("machines"))
        errors.keep([&] {
            out.machines.push_back(read_machine(m, file));
            const std::uint64_t room =
                out.machines.back().platform.memories.front().parameters.ranges.front().size_bytes / 4;
            if (out.window_bytes > room)
                s.where("window").fail(s.written("window") + " for window",
                                       "at most " + bytes_text(room) + ", a quarter of the first memory of " + m.name);
        });
    errors.raise();
    if (out.machines.empty())
        s.where("machines").fail("no machines", "at least one");
    return out;
}

} // namespace iommulab::scenarios
