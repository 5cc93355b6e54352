// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/linux_errno.h"

#include <array>
#include <string>

namespace iommulab::sw {
namespace {

struct named_errno {
    linux_errno number;
    const char* name;
    const char* text;
};

constexpr std::array names{
    named_errno{linux_errno::none, "0", "success"},
    named_errno{linux_errno::eperm, "EPERM", "operation not permitted"},
    named_errno{linux_errno::enoent, "ENOENT", "no such entry"},
    named_errno{linux_errno::eintr, "EINTR", "interrupted"},
    named_errno{linux_errno::eio, "EIO", "input/output error"},
    named_errno{linux_errno::enxio, "ENXIO", "no such device or address"},
    named_errno{linux_errno::e2big, "E2BIG", "too big"},
    named_errno{linux_errno::eagain, "EAGAIN", "try again"},
    named_errno{linux_errno::enomem, "ENOMEM", "out of memory"},
    named_errno{linux_errno::efault, "EFAULT", "bad address"},
    named_errno{linux_errno::ebusy, "EBUSY", "device or resource busy"},
    named_errno{linux_errno::eexist, "EEXIST", "exists already"},
    named_errno{linux_errno::exdev, "EXDEV", "across devices"},
    named_errno{linux_errno::enodev, "ENODEV", "no such device"},
    named_errno{linux_errno::einval, "EINVAL", "invalid argument"},
    named_errno{linux_errno::enospc, "ENOSPC", "no space left"},
    named_errno{linux_errno::erange, "ERANGE", "out of range"},
    named_errno{linux_errno::enosys, "ENOSYS", "not implemented"},
    named_errno{linux_errno::eoverflow, "EOVERFLOW", "value too large"},
    named_errno{linux_errno::eopnotsupp, "EOPNOTSUPP", "operation not supported"},
    named_errno{linux_errno::eaddrinuse, "EADDRINUSE", "address in use"},
    named_errno{linux_errno::etimedout, "ETIMEDOUT", "timed out"},
    named_errno{linux_errno::emediumtype, "EMEDIUMTYPE", "wrong medium type"},
    named_errno{linux_errno::eprobe_defer, "EPROBE_DEFER", "probe again later"},
};

class category final : public boost::system::error_category { // NOLINT(cppcoreguidelines-virtual-class-destructor)
  public:
    // boost's destructor is protected and not virtual: nobody deletes a category
    const char* name() const noexcept override { return "linux-errno"; }
    std::string message(int number) const override {
        for (const named_errno& e : names)
            if (static_cast<int>(e.number) == number)
                return std::string(e.name) + ": " + e.text;
        return "errno " + std::to_string(number);
    }
};

} // namespace

const char* name_of(linux_errno number) {
    for (const named_errno& e : names)
        if (e.number == number)
            return e.name;
    return "E?";
}

std::optional<linux_errno> errno_named(std::string_view name) {
    if (name.starts_with('-'))
        name.remove_prefix(1);
    for (const named_errno& e : names)
        if (name == e.name)
            return e.number;
    return std::nullopt;
}

const boost::system::error_category& linux_errno_category() noexcept {
    static const category instance;
    return instance;
}

boost::system::error_code make_error_code(linux_errno number) noexcept {
    return {static_cast<int>(number), linux_errno_category()};
}

} // namespace iommulab::sw
