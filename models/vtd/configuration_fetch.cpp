// SPDX-License-Identifier: Apache-2.0
// The way from a source-id and a PASID to their configuration in memory: VT-d specification, "Mapping Devices to
// Domains" (legacy and scalable mode).
#include "models/vtd/configuration.h"

namespace iommulab::vtd {

namespace {

constexpr time_part fetching = time_part::configuration_fetch;
/// Devices and functions that one of the two context tables of a bus stands for.
constexpr unsigned log2_half_bus = 7;
constexpr std::uint64_t root_reserved_low = 0xffe;

std::uint64_t bus_of(std::uint32_t source_id) {
    return (source_id >> 8) & 0xff;
}
std::uint64_t beyond_host(const features& f) {
    return f.host_bits >= 64 ? 0 : ~((std::uint64_t{1} << f.host_bits) - 1);
}
bool refuse(fetch_result& result, fault_reason reason, bool fault_disabled = false) {
    result = {reason, fault_disabled};
    return false;
}

walk<bool> fetch_legacy_context(walk_context& context, const configuration_source& source, std::uint32_t source_id,
                                context_configuration& into, fetch_result& result) {
    const std::uint64_t root_address = source.root_table + bus_of(source_id) * root_entry::bytes;
    const auto root = co_await context.read_words(fetching, root_address, root_entry::bytes);
    if (!root)
        co_return refuse(result, fault_reason::root_access);
    if (!root_entry::P.of((*root)[0]))
        co_return refuse(result, fault_reason::root_not_present);
    if (((*root)[0] & (root_reserved_low | beyond_host(source.feature))) || (*root)[1])
        co_return refuse(result, fault_reason::root_reserved);
    const std::uint64_t address =
        root_entry::CTP.of((*root)[0]) + std::uint64_t{source_id & 0xff} * context_entry::bytes;
    const auto words = co_await context.read_words(fetching, address, context_entry::bytes);
    if (!words)
        co_return refuse(result, fault_reason::context_access);
    const fault_reason reason =
        decode_context(std::span(*words).first<context_entry::bytes / 8>(), source.feature, into);
    if (reason != fault_reason::none)
        co_return refuse(result, reason, into.request.fault_disabled);
    co_return true;
}

walk<bool> fetch_sm_context(walk_context& context, const configuration_source& source, std::uint32_t source_id,
                            context_configuration& into, fetch_result& result) {
    const std::uint64_t root_address = source.root_table + bus_of(source_id) * sm_root_entry::bytes;
    const auto root = co_await context.read_words(fetching, root_address, sm_root_entry::bytes);
    if (!root)
        co_return refuse(result, fault_reason::sm_root_access);
    const std::uint64_t half = (*root)[(source_id >> log2_half_bus) & 1]; // LP and LCTP have the places of UP and UCTP
    if (!sm_root_entry::LP.of(half))
        co_return refuse(result, fault_reason::sm_root_not_present);
    if (half & (root_reserved_low | beyond_host(source.feature)))
        co_return refuse(result, fault_reason::sm_root_reserved);
    const std::uint64_t index = source_id & ((1U << log2_half_bus) - 1);
    const std::uint64_t address = sm_root_entry::LCTP.of(half) + index * sm_context_entry::bytes;
    const auto words = co_await context.read_words(fetching, address, sm_context_entry::bytes);
    if (!words)
        co_return refuse(result, fault_reason::sm_context_access);
    const fault_reason reason =
        decode_sm_context(std::span(*words).first<sm_context_entry::bytes / 8>(), source.feature, into);
    if (reason != fault_reason::none)
        co_return refuse(result, reason, into.request.fault_disabled);
    co_return true;
}

} // namespace

walk<bool> fetch_context(walk_context& context, const configuration_source& source, std::uint32_t source_id,
                         context_configuration& into, fetch_result& result) {
    return source.mode == rtaddr::table_mode::scalable ? fetch_sm_context(context, source, source_id, into, result)
                                                       : fetch_legacy_context(context, source, source_id, into, result);
}

walk<bool> fetch_pasid_entry(walk_context& context, const features& f, const context_configuration& from,
                             std::uint32_t pasid, request_configuration& into, fetch_result& result) {
    into = from.request;
    const std::uint64_t directory_address =
        from.pasid_directory +
        (std::uint64_t{pasid} >> pasid_directory_entry::log2_pasids) * pasid_directory_entry::bytes;
    const auto directory = co_await context.read64(fetching, directory_address);
    if (!directory)
        co_return refuse(result, fault_reason::pasid_directory_access, into.fault_disabled);
    into.fault_disabled |= pasid_directory_entry::FPD.of(*directory) != 0;
    if (!pasid_directory_entry::P.of(*directory))
        co_return refuse(result, fault_reason::pasid_directory_not_present, into.fault_disabled);
    constexpr std::uint64_t reserved = 0xffc;
    if (*directory & (reserved | beyond_host(f)))
        co_return refuse(result, fault_reason::pasid_directory_reserved, into.fault_disabled);
    const std::uint64_t index = pasid & ((1U << pasid_directory_entry::log2_pasids) - 1);
    const std::uint64_t address = pasid_directory_entry::SMPTBLPTR.of(*directory) + index * pasid_entry::bytes;
    const auto words = co_await context.read_words(fetching, address, pasid_entry::bytes);
    if (!words)
        co_return refuse(result, fault_reason::pasid_entry_access, into.fault_disabled);
    const fault_reason reason = decode_pasid_entry(std::span<const std::uint64_t, 8>(*words), f, pasid, into);
    if (reason != fault_reason::none)
        co_return refuse(result, reason, into.fault_disabled);
    co_return true;
}

} // namespace iommulab::vtd
