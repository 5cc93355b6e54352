// SPDX-License-Identifier: Apache-2.0
#include "platforms/data_files.h"
#include "platforms/platform_schema.h"
#include "platforms/settings/settings_units.h"
#include "sw/drivers/drivers.h"
#include "testbenches/scenario/comparison.h"

#include <algorithm>
#include <filesystem>

namespace iommulab::scenarios {

using settings::bytes_text;
using settings::schema;
using settings::section;
using settings::value_kind;

namespace {

constexpr std::uint64_t most_window_bytes = 256 << 20, most_pages = 65536;

const schema& machine_schema() {
    static const schema s{
        "compared machine",
        "A platform, and where the device sits on it.",
        {
            {.name = "platform", .kind = value_kind::text, .help = "the name of a platform's file", .required = true},
            {.name = "iommu", .kind = value_kind::text, .help = "that translates; without it the platform's first"},
            {.name = "port", .kind = value_kind::number, .default_text = "0", .help = "of the IOMMU"},
            {.name = "source_id",
             .kind = value_kind::number,
             .default_text = "0x20",
             .help = "of the device",
             .maximum = 0xffffff},
            {.name = "pci", .kind = value_kind::boolean, .default_text = "true", .help = "what kind of device it is"},
        }};
    return s;
}

comparison::machine read_machine(const section::member& m, const std::string& file) {
    const section& s = *m.value;
    comparison::machine out;
    out.name = m.name;
    const std::string path = platforms::find_beside(file, s.text("platform"), "platforms");
    if (!std::filesystem::exists(path))
        s.where("platform").fail("no file " + iommulab::quoted(s.text("platform")), "the name of a platform's file");
    out.platform = platforms::read_platform_file(path);
    if (out.platform.iommus.empty())
        s.where("platform").fail("a platform without an IOMMU", "one with one");
    out.iommu = s.has("iommu") ? s.text("iommu") : out.platform.iommus.front().name;
    const auto unit = std::find_if(out.platform.iommus.begin(), out.platform.iommus.end(),
                                   [&](const auto& i) { return i.name == out.iommu; });
    if (unit == out.platform.iommus.end())
        s.where("iommu").fail("unknown IOMMU " + iommulab::quoted(out.iommu), "one of the platform's");
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
            {.name = "machines",
             .kind = value_kind::named,
             .help = "by name",
             .required = true,
             .child = &machine_schema()},
            {.name = "window",
             .kind = value_kind::bytes,
             .default_text = "256KiB",
             .help = "that the device accesses",
             .minimum = 4096,
             .maximum = most_window_bytes},
            {.name = "page",
             .kind = value_kind::bytes,
             .default_text = "4KiB",
             .help = "mapped and unmapped at a time",
             .minimum = 4096,
             .maximum = most_window_bytes},
            {.name = "requests",
             .kind = value_kind::number,
             .default_text = "10000",
             .help = "of the device",
             .minimum = 1,
             .maximum = 100'000'000},
            {.name = "length",
             .kind = value_kind::bytes,
             .default_text = "64B",
             .help = "of a request",
             .minimum = 1,
             .maximum = 4096},
            {.name = "write_percent",
             .kind = value_kind::number,
             .default_text = "0",
             .help = "share of writes",
             .maximum = 100},
            {.name = "outstanding",
             .kind = value_kind::number,
             .default_text = "4",
             .help = "requests under way at one time",
             .minimum = 1,
             .maximum = 4096},
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
    for (const section::member& m : s.members("machines"))
        out.machines.push_back(read_machine(m, file));
    if (out.machines.empty())
        s.where("machines").fail("no machines", "at least one");
    return out;
}

} // namespace iommulab::scenarios
