// SPDX-License-Identifier: Apache-2.0
// What a story may say. story_reader.cpp makes a story of it.
#include "testbenches/scenario/story_schema.h"

#include "platforms/iommu_model.h"
#include "platforms/settings/keys.h"

namespace iommulab::scenarios {

using settings::key;
using settings::schema;

using namespace settings::keys;

namespace {

constexpr std::uint64_t largest_map_bytes = 1 << 30; // more would only take time

key device_key(const char* help = "which one") {
    return text("device", help, true);
}

const schema& expectation_schema() {
    static const schema s{
        "expectation",
        "What must come of an operation. Without `errno` it must succeed, without `dma` an access must get through, "
        "without `bytes` everything must be unmapped; other keys that are not there are not looked at. Counts are "
        "those of the operation alone; those of `take` leave the claim out, unless the claim is what fails.",
        {
            text("errno", "`EINVAL`, `-EINVAL`; `0`: success; `any`"),
            text("row", "of the driver's, the core's or the caller's table that it fails at: `S3-3`; `none`"),
            count("error_lines", "logged"),
            count("warning_lines", "logged"),
            count("debug_lines", "logged"),
            text("log", "a part of one of the lines logged"),
            count("attach_calls", "of the driver's attach_dev"),
            count("domains_made", "in the operation, those given up again included"),
            count("domains", "of the address space afterwards: `take`, `leave`"),
            count("address_spaces", "that the caller has afterwards, with the same mappings: `take`, `leave`"),
            choice("dma", "`take`: all accesses to all mappings of the space",
                   {"ok", "fault", "wrong", "untried", "any"}),
            bytes("lands_at", "physical address that a `dma` reaches, tried with data"),
            bytes("bytes", "unmapped"),
            bytes("pa", "that `translate` finds; 0: none"),
            flag("at_claim", "`take` fails at the claim already"),
            flag("shared", "`take` puts the device on a domain that was there before"),
        }};
    return s;
}

const schema& under_schema() {
    static const schema s = [] {
        schema all{"under", "Expectations that hold under one set of rules, over those of `expect`.", {}};
        for (const sw::rule_set rules : sw::all_rule_sets)
            all.keys.push_back(map_of(name_of(rules), "", expectation_schema()));
        return all;
    }();
    return s;
}

const schema& region_schema() {
    static const schema s{"region",
                          "IO virtual addresses with a meaning of their own.",
                          {choice("type", "RMRR and the like are `direct`",
                                  {"direct", "direct-relaxable", "reserved", "msi"}, "reserved"),
                           bytes("start", "first address", true), bytes("size", "how much").needed().from(1)}};
    return s;
}

const schema& unit_schema() {
    static const schema s{
        "story iommu",
        "An IOMMU and what firmware says of it.",
        {
            text("model", "which one, as `iommulab models` names it; there must be a driver for it")
                .otherwise(platforms::iommu_models().front()->name()),
            text("preset", "sizes and latencies of a piece of silicon"),
            elsewhere("parameters",
                      "over the preset, by the names of the model's parameters: limits, ID register fields"),
            elsewhere("properties", "what firmware and the command line tell the driver: `asid-bits`"),
            flag("coherent", "firmware says that the IOMMU snoops", "true"),
        }};
    return s;
}

const schema& device_schema() {
    static const schema s{
        "story device",
        "A device that does DMA when it is told to.",
        {
            text("iommu", "what it sits behind; without it: nothing"),
            text("source_ids", "by which the IOMMU knows it, apart by blanks; the first is used for DMA; `none`: "
                               "firmware gives it none; without it: one more than the last device"),
            text("group", "devices with the same name here cannot be told apart"),
            flag("ats", "has address translation services", "false"),
            flag("pci", "is a PCI device", "true"),
            count("pasid_bits", "width of its PASIDs", 0, 20, "0"),
            flag("pri", "has the page request interface", "false"),
            flag("can_stall", "waits for software at a fault", "false"),
            flag("untrusted", "may be hostile", "false"),
            flag("coherent", "snoops the CPU's caches", "true"),
            list_of("regions", "from firmware", region_schema()),
        }};
    return s;
}

const schema& space_schema() {
    static const schema s = [] {
        std::vector<std::string> names;
        for (const sw::caller_description& c : sw::callers())
            names.emplace_back(c.name);
        key caller = choice("caller", "whose", names);
        caller.required = true;
        return schema{"space",
                      "An address space of user space, kept by a caller.",
                      {
                          caller,
                          flag("capability_test", "devices whose IOMMU is not coherent are refused", "true"),
                          flag("claim", "groups are claimed first", "true"),
                          flag("interrupts_isolated", "interrupt controllers keep MSIs of devices apart", "true"),
                          flag("allow_unsafe_interrupts", "module parameter", "false"),
                          flag("nesting", "domains that can carry a guest's stage 1", "false"),
                          bytes("locked_limit", "RLIMIT_MEMLOCK; none without it"),
                      }};
    }();
    return s;
}

const schema& kernel_schema() {
    static const schema s{"kernel",
                          "How the kernel was built and started.",
                          {choice("page_size", "of the CPU", {"4KiB", "16KiB", "64KiB"}, "4KiB"),
                           choice("default_domain", "iommu.strict=1, iommu.strict=0, iommu.passthrough=1",
                                  {"dma", "dma-fq", "identity"}, "dma")}};
    return s;
}

schema action(const char* title, const char* help, std::vector<key> keys) {
    return {title, help, std::move(keys)};
}

const schema& domain_action() {
    static const schema s =
        action("domain", "Makes a domain.",
               {text("name", "for later operations", true), device_key("whose IOMMU it is for"),
                choice("type", "of the domain", {"unmanaged", "blocked", "identity", "dma", "dma-fq"}, "unmanaged"),
                count("pasids", "it is for so many PASIDs; what comes without passes untranslated", 1, 1 << 20)});
    return s;
}
const schema& free_action() {
    static const schema s =
        action("free", "Gives a domain back; no device may be on it.", {text("domain", "which one", true)});
    return s;
}
const schema& attach_action() {
    static const schema s =
        action("attach", "Attaches to a domain.",
               {device_key(), text("domain", "which one", true),
                choice("by",
                       "`device`: iommu_attach_device; `group`: iommu_attach_group, for all of its group; `driver`: "
                       "attach_dev behind the core's back",
                       {"device", "group", "driver"}, "device")});
    return s;
}
const schema& detach_action() {
    static const schema s = action("detach", "Detaches from a domain.",
                                   {device_key(), text("domain", "which one", true),
                                    choice("by", "as with attach", {"device", "group"}, "device")});
    return s;
}
const schema& story_map_action() {
    static const schema s =
        action("story map", "Maps a range. One of `domain`, `device`, `space` says where.",
               {text("domain", "this one"), text("device", "the domain that its group is on"),
                text("space", "all domains of this address space; VFIO has none before its first group"),
                bytes("iova", "first input address", true),
                bytes("pa", "first physical address: from 0x60000000 on, below is the kernel's").needed(),
                bytes("size", "how much").otherwise("4KiB").from(1).to(largest_map_bytes),
                choice("permissions", "what devices may do", {"r", "w", "rw", "none"}, "rw")});
    return s;
}
const schema& unmap_action() {
    static const schema s =
        action("unmap", "Takes a range back. One of `domain`, `device`, `space` says where.",
               {text("domain", "this one"), text("device", "the domain that its group is on"),
                text("space", "all domains of this address space; VFIO has none before its first group"),
                bytes("iova", "first input address", true),
                bytes("size", "how much").otherwise("4KiB").from(1).to(largest_map_bytes)});
    return s;
}
const schema& translate_action() {
    static const schema s = action("translate", "Asks the driver what is behind an address.",
                                   {text("domain", "of this one"), text("device", "of the domain its group is on"),
                                    bytes("iova", "the address", true)});
    return s;
}
const schema& dma_action() {
    static const schema s = action("dma", "One access of a device, through the models.",
                                   {device_key(), choice("access", "which", {"read", "write"}, "write"),
                                    bytes("iova", "input address", true), count("bytes", "of it", 1, 64, "8")});
    return s;
}
const schema& inject_action() {
    static const schema s =
        action("inject", "Makes a named point fail from now on.",
               {text("point", "as the driver declares it: `DRIVER.THING.VERB`", true),
                count("nth", "first occurrence that fails, from 1", 1, ~std::uint64_t{0}, "1"),
                count("count", "how many fail", 1, ~std::uint64_t{0}, "1"), flag("every", "all of them", "false"),
                flag("cancel", "none any more", "false"), text("errno", "what it fails with, instead of the usual")});
    return s;
}
const schema& exhaust_action() {
    static const schema s = action("exhaust", "Attaches and detaches fresh domains, and keeps them.",
                                   {device_key(), count("domains", "how many", 1, 70000, "1")});
    return s;
}
const schema& feature_action() {
    static const schema s = action(
        "feature", "Switches a feature of a device.",
        {device_key(), choice("name", "which: `sva` is shared virtual addressing", {"sva", "page-faults"}, "sva"),
         flag("on", "or off", "true")});
    return s;
}
const schema& default_domain_action() {
    static const schema s =
        action("default_domain", "Changes the default domain of a device that is alone in its group.",
               {device_key(), choice("type", "to this", {"dma", "dma-fq", "identity"}, "dma")});
    return s;
}
const schema& take_action() {
    static const schema s =
        action("take", "A caller takes a device onto an address space: claim, attach, and then DMA to all mappings.",
               {text("space", "which one", true), device_key(),
                text("inject", "a point that fails once, after the claim: see `inject`")});
    return s;
}
const schema& leave_action() {
    static const schema s = action("leave", "A caller takes a device off an address space.",
                                   {text("space", "which one", true), device_key()});
    return s;
}
const schema& probe_action() {
    static const schema s =
        action("probe", "A driver is to take charge of a device.",
               {device_key(), choice("by", "`core`: if none has; `driver`: probe_device behind the core's back",
                                     {"core", "driver"}, "core")});
    return s;
}
const schema& device_action() {
    static const schema s = action("a device", "Only which.", {device_key()});
    return s;
}

const schema& operation_schema() {
    static const schema s{"operation",
                          "One thing that software or a device does: exactly one of the keys but `expect` and `under`.",
                          {
                              map_of("domain", "make a domain", domain_action()),
                              map_of("free", "give a domain back", free_action()),
                              map_of("attach", "", attach_action()),
                              map_of("detach", "", detach_action()),
                              map_of("map", "", story_map_action()),
                              map_of("unmap", "", unmap_action()),
                              map_of("translate", "", translate_action()),
                              map_of("dma", "an access", dma_action()),
                              map_of("inject", "a failure", inject_action()),
                              map_of("claim", "ownership of the device's group", device_action()),
                              map_of("release", "that ownership", device_action()),
                              map_of("use", "a kernel driver binds to the device", device_action()),
                              map_of("unuse", "it lets go", device_action()),
                              map_of("exhaust", "use resources up", exhaust_action()),
                              map_of("feature", "of a device", feature_action()),
                              map_of("default_domain", "change it", default_domain_action()),
                              map_of("probe", "the device again", probe_action()),
                              map_of("remove", "the device from its IOMMU", device_action()),
                              map_of("take", "VFIO, IOMMUFD and others", take_action()),
                              map_of("leave", "VFIO, IOMMUFD and others", leave_action()),
                              map_of("expect", "what must come of it", expectation_schema()),
                              map_of("under", "what else must come of it under one set of rules", under_schema()),
                          }};
    return s;
}

} // namespace

const schema& story_schema() {
    static const schema s{
        "story",
        "A scenario of another kind, known by its `operations`: what software does with devices and domains, and what "
        "must come of it. `iommulab run FILE` runs it once under each set of rules, and exits with 1 when something "
        "else came. The machine has 1 GiB of memory at 0x40000000; the kernel keeps the first half.",
        {
            text("description", "for people"),
            text("rules", "in force: `v6.0`, `emediumtype`, `einval-v5`, `v6.1`, `v6.2`, several of them apart by "
                          "blanks, or `all`")
                .otherwise("v6.2"),
            choice("mode", "cycle-approximate, or loosely timed", {"at", "lt"}, "at"),
            map_of("kernel", "how it was started", kernel_schema()),
            named("iommus", "by name", unit_schema()).needed(),
            named("devices", "by name", device_schema()).needed(),
            named("spaces", "by name", space_schema()),
            list_of("operations", "in this order", operation_schema()).needed(),
        }};
    return s;
}

bool is_story(const settings::node& root) {
    return root.find("operations") != nullptr;
}

} // namespace iommulab::scenarios
