// SPDX-License-Identifier: Apache-2.0
// The numbers with which Linux says why something failed. A type of its own, so that no other integer passes for one.
#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace iommulab::sw {

/// include/uapi/asm-generic/errno-base.h and errno.h, the ones that IOMMU code returns. Lower case, since <cerrno> has
/// macros of the other names.
enum class linux_errno : std::uint16_t {
    none = 0,
    eperm = 1,
    enoent = 2,
    eintr = 4,
    eio = 5,
    enxio = 6,
    e2big = 7,
    eagain = 11,
    enomem = 12,
    efault = 14,
    ebusy = 16,
    eexist = 17,
    exdev = 18,
    enodev = 19,
    einval = 22,
    enospc = 28,
    erange = 34,
    enosys = 38,
    eoverflow = 75,
    eopnotsupp = 95,
    eaddrinuse = 98,
    etimedout = 110,
    emediumtype = 124,
    eprobe_defer = 517, ///< include/linux/errno.h: the kernel's own
};

/// "EINVAL"; "0" for none; "E?" for a number that is not above.
const char* name_of(linux_errno number);
/// From "EINVAL", "-EINVAL" or "0".
std::optional<linux_errno> errno_named(std::string_view name);

/// "linux-errno": for those who want a boost::system::error_code.
const boost::system::error_category& linux_errno_category() noexcept;
boost::system::error_code make_error_code(linux_errno number) noexcept;

} // namespace iommulab::sw

template <>
struct boost::system::is_error_code_enum<iommulab::sw::linux_errno> : std::true_type {};
