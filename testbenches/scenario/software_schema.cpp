// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/software_schema.h"

#include "platforms/platform_schema.h"
#include "platforms/settings/keys.h"
#include "platforms/settings/settings_units.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <array>
#include <bit>

namespace iommulab::scenarios {

using settings::schema;
using settings::section;
using namespace settings::keys;

namespace {

constexpr std::uint64_t most_ps = 1'000'000'000'000;       // a second
constexpr std::uint64_t page_4k = 4096, page_2m = 2 << 20; // what a granule of 4 KiB offers below 1 GiB
constexpr std::uint64_t ethernet_100g = 12'500'000'000;
constexpr std::uint64_t flash_ps = 10'000'000; // assumption: a read of fast flash or of the drive's cache

const schema& device_schema() {
    static const schema s{
        "software device",
        "A device, or several of the same, with its driver.",
        {
            choice("kind", "`nic_receive`: packets come into the buffers of a ring; `nvme_read`: commands fill buffers",
                   {"nic_receive", "nvme_read"})
                .needed(),
            text("iommu", "what it sits behind; without it the first"),
            count("port", "of the IOMMU").otherwise("0"),
            count("source_id", "of the first; the others follow").needed().to(0xffff),
            count("count", "how many; each has a domain of its own").otherwise("1").from(1).to(64),
            count("queues", "of a device; they take the CPUs in turn").otherwise("1").from(1).to(64),
            choice("page", "what buffers are made of, and mapped by", {"4KiB", "2MiB"}).otherwise("4KiB"),
            bytes("buffer",
                  "size of a buffer, a power of two; what is smaller than a page shares one, which is mapped once "
                  "for all of them; what is larger is a scatter list of pages")
                .otherwise("4KiB")
                .from(256)
                .to(2 << 20),
            bytes("length", "data in a buffer; without it 1500B for a NIC, else the whole buffer").from(1).to(2 << 20),
            count("entries", "of a queue, all of which the driver keeps filled").otherwise("256").from(1).to(4096),
            count("depth", "entries that a device works on at one time").otherwise("16").from(1).to(4096),
            count("requests", "packets or commands of each queue").needed().from(1).to(100'000'000),
            rate("link",
                 "how fast data arrive at a queue; without it 12.5 GB/s for a NIC, else as fast as memory takes them")
                .to(1'000'000'000'000),
            time("device_time",
                 "from the doorbell to the data; without it 0 for a NIC, else 10us, which is an assumption")
                .to(most_ps),
            count("outstanding", "bursts under way at one time").otherwise("32").from(1).to(4096),
            bytes("burst", "requests are split at multiples of it").otherwise("256B").from(64).to(4096),
        }};
    return s;
}

const schema& probe_schema() {
    static const schema s{
        "software probe",
        "A device that tries what it was not to reach any more: its own accesses to pages just unmapped.",
        {
            count("every",
                  "every so many unmaps are tried; 0: none. What the tries take is not counted as time in unmap, but "
                  "other CPUs wait for them where they wait for a flush: with several CPUs, measure times with 0")
                .otherwise("16")
                .to(1'000'000'000),
            time("interval", "how often a page is tried until it is invalidated")
                .otherwise("50us")
                .from(1'000'000)
                .to(most_ps),
        }};
    return s;
}

const schema& software_expect_schema() {
    static const schema s{
        "software expect",
        "What must be true of the software at the end. That no access lands after its page was invalidated, and that "
        "all data lie where they belong, is always expected.",
        {
            time("max_reach", "from an unmap to its invalidation, the longest"),
            count("min_landed", "tries that landed on an unmapped page"),
            count("max_landed", "tries that landed on an unmapped page"),
            rate("min_throughput", "data of all devices"),
            time("max_mean_unmap", "of an unmap"),
        }};
    return s;
}

class reader {
  public:
    reader(const section& s, const platforms::platform_description& platform) : s_(s), platform_(platform) {}

    software_description read(std::uint64_t tables_base, std::uint64_t tables_bytes) {
        constexpr std::array types{sw::domain_type::dma, sw::domain_type::dma_fq, sw::domain_type::identity};
        out_.where = s_.where();
        out_.domains = types[s_.number("mode")];
        out_.cpus = static_cast<unsigned>(s_.number("cpus"));
        out_.work_ns = s_.number("work") / 1000;
        out_.poll_ns = s_.number("poll") / 1000;
        settings::node nothing;
        nothing.is = settings::node::kind::map;
        const section absent(nothing, probe_schema());
        const section& probe = s_.has("probe") ? s_.child("probe") : absent;
        out_.probe_every = static_cast<unsigned>(probe.number("every"));
        out_.probe_interval_ns = probe.number("interval") / 1000;
        for (const section::member& m : s_.members("devices"))
            read_device(m);
        if (out_.devices.empty())
            s_.where("devices").fail("no devices", "at least one");
        place_buffers(tables_base, tables_bytes);
        if (s_.has("expect")) {
            const section& e = s_.child("expect");
            const auto limit = [&](const char* name) {
                return e.has(name) ? std::optional(e.number(name)) : std::nullopt;
            };
            out_.expected.max_reach_ps = limit("max_reach");
            out_.expected.min_landed = limit("min_landed");
            out_.expected.max_landed = limit("max_landed");
            out_.expected.min_bytes_per_second = limit("min_throughput");
            out_.expected.max_mean_unmap_ps = limit("max_mean_unmap");
        }
        return std::move(out_);
    }

  private:
    void read_device(const section::member& m) {
        const section& s = *m.value;
        software_device d;
        d.name = m.name;
        d.where = m.where;
        d.nic = s.text("kind") == "nic_receive";
        if (platform_.iommus.empty())
            s_.where().fail("a platform without an IOMMU", "one for the devices");
        d.iommu = s.has("iommu") ? s.text("iommu") : platform_.iommus.front().name;
        const auto unit = std::find_if(platform_.iommus.begin(), platform_.iommus.end(),
                                       [&](const auto& i) { return i.name == d.iommu; });
        if (unit == platform_.iommus.end())
            s.where("iommu").fail("unknown IOMMU " + iommulab::quoted(d.iommu),
                                  "'" + platform_.iommus.front().name + "' or another of the platform");
        d.port = static_cast<unsigned>(s.number("port"));
        if (d.port >= unit->ports)
            s.where("port").fail("port " + std::to_string(d.port) + " of '" + d.iommu + "'",
                                 "a port below " + std::to_string(unit->ports));
        d.source_id = static_cast<std::uint32_t>(s.number("source_id"));
        d.count = static_cast<unsigned>(s.number("count"));
        platforms::check_source_id(*unit, d.source_id + d.count - 1, s.where("source_id"));
        for (const software_device& other : out_.devices)
            if (other.iommu == d.iommu && d.source_id < other.source_id + other.count &&
                other.source_id < d.source_id + d.count)
                s.where("source_id")
                    .fail("source ids from " + traces::hex(d.source_id) + " on, which '" + other.name + "' has too",
                          "source ids of its own");
        d.queues = static_cast<unsigned>(s.number("queues"));
        d.page_bytes = s.text("page") == "2MiB" ? page_2m : page_4k;
        d.buffer_bytes = s.number("buffer");
        if (!std::has_single_bit(d.buffer_bytes))
            s.where("buffer").fail(s.written("buffer") + " for buffer", "a power of two");
        d.length_bytes = s.has("length") ? s.number("length")
                                         : (d.nic ? std::min<std::uint64_t>(1500, d.buffer_bytes) : d.buffer_bytes);
        if (d.length_bytes > d.buffer_bytes)
            s.where("length").fail(s.written("length") + " for length", "at most the buffer, " + s.written("buffer"));
        d.entries = static_cast<unsigned>(s.number("entries"));
        d.depth = static_cast<unsigned>(s.number("depth"));
        d.requests = s.number("requests");
        d.link_bytes_per_second = s.has("link") ? s.number("link") : (d.nic ? ethernet_100g : 0);
        d.device_ps = s.has("device_time") ? s.number("device_time") : (d.nic ? 0 : flash_ps);
        d.outstanding = static_cast<unsigned>(s.number("outstanding"));
        d.burst_bytes = s.number("burst");
        out_.devices.push_back(d);
    }

    /// The buffers of all queues, one after the other from the start of the first memory.
    void place_buffers(std::uint64_t tables_base, std::uint64_t tables_bytes) {
        const memory_range& range = platform_.memories.front().parameters.ranges.front();
        out_.buffers_base = (range.base + page_2m - 1) / page_2m * page_2m;
        std::uint64_t wanted = 0;
        for (const software_device& d : out_.devices)
            wanted += d.count * d.queues * d.memory_bytes_of_queue();
        std::uint64_t end = range.base + range.size_bytes;
        if (tables_base >= out_.buffers_base && tables_base < end)
            end = tables_base;
        const bool kernel_there = tables_base + tables_bytes > out_.buffers_base && tables_base < out_.buffers_base;
        const std::uint64_t room = end > out_.buffers_base && !kernel_there ? end - out_.buffers_base : 0;
        if (wanted > room)
            s_.where("devices").fail("buffers of " + settings::bytes_text(wanted) + " together",
                                     "no more than " + settings::bytes_text(room) +
                                         ", which the first memory has below the kernel's own");
    }

    const section& s_;
    const platforms::platform_description& platform_;
    software_description out_;
};

} // namespace

const schema& software_schema() {
    static const schema s{
        "software",
        "A kernel with device drivers in the loop: they map and unmap the buffers of their queues through the DMA API "
        "and the IOMMU's driver, while the devices do the DMA.",
        {
            choice("mode",
                   "`strict`: an unmap returns when it is invalidated; `lazy`: flush queues of 256 entries a CPU, "
                   "flushed after 10 ms at the latest; `passthrough`: no translation",
                   {"strict", "lazy", "passthrough"})
                .otherwise("strict"),
            count("cpus", "that run drivers; three more serve timers, tries and interrupts")
                .otherwise("1")
                .from(1)
                .to(64),
            time("work", "what a driver and the stack above it do for each entry; assumption")
                .otherwise("250ns")
                .to(most_ps),
            time("poll", "how soon an idle driver looks again; assumption").otherwise("200ns").from(1000).to(most_ps),
            named("devices", "by name", device_schema()),
            map_of("probe", "who tries unmapped pages", probe_schema()),
            map_of("expect", "what must be true at the end", software_expect_schema()),
        }};
    return s;
}

software_description read_software(const section& s, const platforms::platform_description& platform,
                                   std::uint64_t tables_base, std::uint64_t tables_bytes) {
    return reader(s, platform).read(tables_base, tables_bytes);
}

} // namespace iommulab::scenarios
