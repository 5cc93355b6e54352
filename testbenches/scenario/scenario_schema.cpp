// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/scenario_schema.h"

#include "platforms/platform_schema.h"
#include "platforms/settings/keys.h"
#include "platforms/settings/settings_units.h"
#include "testbenches/scenario/comparison.h"
#include "testbenches/scenario/software_schema.h"
#include "testbenches/scenario/story_schema.h"
#include "testbenches/scenario/sweep.h"

namespace iommulab::scenarios {

using settings::bytes_text;
using settings::schema;
using settings::time_text;

using namespace settings::keys;

namespace {

constexpr std::uint64_t longest_run_ps = 3'600'000'000'000'000; // an hour: far beyond what can be simulated
constexpr std::uint64_t longest_latency_ps = 1'000'000'000'000; // a second: beyond any link
constexpr std::uint64_t most_source_id = 0xffffff;              // 24 bits of StreamID; PCIe segments and requesters fit

const schema& map_schema() {
    static const schema s{"map",
                          "A range that the firmware maps before the master starts.",
                          {
                              bytes("iova", "first input address").needed(),
                              bytes("pa", "first physical address").needed(),
                              bytes("size", "how much").needed().from(1),
                              bytes("page", "the leaf size; without it the largest that the alignment allows"),
                              choice("permissions", "what the master may do", {"r", "w", "rw"}).otherwise("rw"),
                          }};
    return s;
}

const schema& link_schema() {
    static const schema s{
        "link",
        "What lies between a device and its IOMMU, as PCIe does: requests and write data share one direction, read "
        "data the other.",
        {
            rate("rate", "of each direction, line coding taken off; 0: no limit")
                .otherwise("0B/s")
                .to(1'000'000'000'000),
            bytes("overhead", "of a packet beside its data").otherwise("0B").to(4096),
            time("round_trip", "time of flight, both ways together").otherwise("0").to(longest_latency_ps),
        }};
    return s;
}

const schema& master_schema() {
    static const dma_parameters d;
    static const schema s{
        "master",
        "A device that does DMA.",
        {
            text("iommu", "what it sits behind; without it: the interconnect"),
            count("port", "of the IOMMU; masters may share one").otherwise("0"),
            count(
                "source_id",
                "StreamID, requester id; masters behind one IOMMU with the same one (and PASID) share an address space "
                "and its maps, as functions behind a bridge do")
                .otherwise("0")
                .to(most_source_id),
            count("pasid", "SubstreamID; without it: none is sent").from(1).to(65535),
            choice("translation", "what the firmware sets up: `stage1` when there are maps, else `bypass`",
                   {"bypass", "stage1", "stage2", "nested"}),
            choice("granule", "of its page tables", {"4KiB", "16KiB", "64KiB"}).otherwise("4KiB"),
            count("levels",
                  "of its page tables; 0: 4 where the IOMMU has so many, and more where its addresses need them")
                .otherwise("0")
                .to(6),
            list_of("map", "what it may reach", map_schema()),
            variant("traffic", "what it does", traffic_schemas()).needed(),
            time("start", "after the firmware is done").otherwise("0").to(longest_run_ps),
            time("interval", "least time from one request to the next; 0: as fast as the bus")
                .otherwise("0")
                .to(longest_run_ps),
            time("gap", "least time from the end of a request's last packet on the link to the next request")
                .otherwise("0")
                .to(longest_run_ps),
            map_of("link", "to the host", link_schema()),
            count("outstanding", "bursts under way at one time")
                .otherwise(std::to_string(d.outstanding))
                .from(1)
                .to(4096),
            bytes("burst", "longer requests are split at multiples of it")
                .otherwise(bytes_text(d.burst_bytes))
                .from(1)
                .to(1 << 20),
            flag("in_order", "responses keep the order of the requests").otherwise("false"),
            flag("posted_writes", "a write is done when it is accepted").otherwise("false"),
            count("requests", "ends after so many; 0: does not").otherwise("0"),
            bytes("bytes", "ends after so much; 0: does not").otherwise("0B"),
            choice("verify", "`shadow`: what it reads must be what it wrote there", {"none", "shadow"})
                .otherwise("none"),
            time("quantum", "mode `lt`: how far it may run ahead")
                .otherwise(time_text(d.quantum_ps))
                .to(longest_run_ps),
            flag("dmi", "mode `lt`: direct memory access where it is granted").otherwise("false"),
        }};
    return s;
}

const schema& invalidation_schema() {
    static const schema s{
        "invalidation",
        "The firmware invalidates a range of a master's translations, and waits until that is done, again and again.",
        {
            text("master", "whose").needed(),
            bytes("iova", "first input address").needed(),
            bytes("size", "of the range").needed().from(1),
            time("start", "after the firmware is done").otherwise("0").to(longest_run_ps),
            time("every", "from one to the next").needed().from(1).to(longest_run_ps),
            count("count", "how often; 0: until the masters have finished").otherwise("0"),
        }};
    return s;
}

const schema& recording_schema() {
    static const recording_description d;
    static const schema s{
        "recording",
        "What a real kernel did with its IOMMU, in motion: its tables, commands and accesses in their order, instead "
        "of masters "
        "and firmware. Every translation is checked.",
        {
            text("folder", "of the recording, relative to the scenario").needed(),
            text("iommu", "of the platform; without it the first"),
            count("outstanding", "accesses under way for a source")
                .otherwise(std::to_string(d.outstanding))
                .from(1)
                .to(4096),
            bytes("burst", "recorded accesses are cut into pieces of it")
                .otherwise(bytes_text(d.largest_burst_bytes))
                .from(64)
                .to(1 << 20),
            rate("link",
                 "how fast the devices behind a port ask for data; 0: as fast as their outstanding accesses allow")
                .otherwise("0B/s")
                .to(1'000'000'000'000),
        }};
    return s;
}

const schema& firmware_schema() {
    static const schema s{"firmware",
                          "Where the firmware has its page tables and queues.",
                          {
                              bytes("tables", "first address; without it: at the end of the first memory"),
                              bytes("tables_size", "how much").otherwise(bytes_text(usual_tables_bytes)).from(1 << 20),
                          }};
    return s;
}

const schema& limits_schema() {
    static const schema s{
        "limits",
        "When the run ends at the latest.",
        {
            time("time", "simulated, after the firmware is done; 0: no limit").otherwise("0").to(longest_run_ps),
        }};
    return s;
}

const schema& expect_schema() {
    static const schema s{"expect",
                          "What must be true at the end; the exit status is 1 when it is not.",
                          {
                              count("max_faults", "accesses that an IOMMU refused"),
                              count("min_faults", "accesses that an IOMMU refused"),
                              count("max_errors", "requests that a master got an error for"),
                              count("max_wrong_reads", "reads that `verify` found wrong"),
                              time("max_mean_latency", "of all accesses through IOMMUs"),
                              count("min_requests", "of all masters together"),
                          }};
    return s;
}

} // namespace

const schema& scenario_schema() {
    static const schema s{
        "scenario",
        "One file of `testbenches/scenarios/`, or your own: `iommulab run FILE`.",
        {
            text("description", "for people"),
            elsewhere("platform", "the name of a platform's file, or the map itself: [platform](#platform)").needed(),
            choice("mode", "cycle-approximate, or loosely timed", {"at", "lt"}).otherwise("at"),
            count("seed", "of everything random").otherwise("1"),
            map_of("limits", "when it ends", limits_schema()),
            map_of("firmware", "its memory", firmware_schema()),
            named("masters", "by name", master_schema()),
            named("invalidations", "by name", invalidation_schema()),
            map_of("recording", "instead of masters", recording_schema()),
            map_of("software", "instead of masters", software_schema()),
            map_of("expect", "what must be true at the end", expect_schema()),
        }};
    return s;
}

std::string scenario_reference() {
    return "# Scenarios and platforms\n\n"
           "Generated by `iommulab reference` from the declarations that the program reads with; a test keeps it "
           "so.\n\n"
           "Numbers are decimal or hexadecimal (`0x...`). Bytes and addresses may have a unit: `B`, `KiB`, `MiB`, "
           "`GiB`, `TiB`. "
           "Times have one: `ps`, `ns`, `us`, `ms`, `s`. Names are letters, digits and underscores, and stand for one "
           "thing in a "
           "scenario. `--set KEY=VALUE` of the command line replaces a value: `--set masters.nic.outstanding=4`.\n\n" +
           settings::reference({&scenario_schema(), &platforms::platform_schema(), &sweep_schema(),
                                &comparison_schema(), &story_schema()});
}

} // namespace iommulab::scenarios
