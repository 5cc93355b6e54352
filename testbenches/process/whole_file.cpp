// SPDX-License-Identifier: Apache-2.0
#include "testbenches/process/whole_file.h"

#include "traces/input_error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace iommulab::process {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& path, int why) {
    throw input_error(path, 0, 0, std::strerror(why), "a file that can be written");
}

} // namespace

whole_file::whole_file(std::string path) : path_(std::move(path)), target_(path_) {
    std::error_code ignored;
    if (const fs::path behind = fs::canonical(path_, ignored); !ignored)
        target_ = behind.string();
    struct stat there {};
    const bool exists = ::stat(target_.c_str(), &there) == 0;
    if (exists && ::access(target_.c_str(), W_OK) != 0)
        fail(path_, errno);
    if (exists && S_ISDIR(there.st_mode))
        fail(path_, EISDIR);
    if (exists && !S_ISREG(there.st_mode)) {
        scratch_ = target_;
        return;
    }
    for (unsigned n = 0;; ++n) {
        scratch_ = target_ + ".part-" + std::to_string(::getpid()) + (n == 0 ? "" : "-" + std::to_string(n));
        const int fd = ::open(scratch_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            if (exists)
                ::fchmod(fd, there.st_mode & 07777);
            ::close(fd);
            return;
        }
        if (errno != EEXIST)
            fail(path_, errno);
    }
}

whole_file::whole_file(whole_file&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      scratch_(std::exchange(other.scratch_, std::string())) {}

whole_file::~whole_file() {
    if (!scratch_.empty() && scratch_ != target_)
        ::unlink(scratch_.c_str());
}

void whole_file::keep() {
    if (scratch_ != target_ && std::rename(scratch_.c_str(), target_.c_str()) != 0)
        fail(path_, errno);
    scratch_.clear();
}

void write_whole(const std::string& path, std::string_view text) {
    whole_file file(path);
    errno = 0;
    std::ofstream out(file.scratch(), std::ios::binary);
    out << text;
    out.close();
    if (!out)
        fail(path, errno != 0 ? errno : EIO);
    file.keep();
}

} // namespace iommulab::process
