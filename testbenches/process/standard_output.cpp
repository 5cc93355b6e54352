// SPDX-License-Identifier: Apache-2.0
#include "testbenches/process/standard_output.h"

#include "traces/input_error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <tuple>
#include <unistd.h>

namespace iommulab::process {

void open_standard_streams() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (::fcntl(fd, F_GETFD) < 0) // the lowest number that is free; what is written to it fails as it would have
            std::ignore = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void finish_standard_output() {
    errno = 0;
    std::cout.flush();
    if (const bool flushed = std::fflush(stdout) == 0; flushed && std::cout && std::ferror(stdout) == 0)
        return;
    throw input_error("standard output", 0, 0, errno != 0 ? std::strerror(errno) : "a write error",
                      "all that was printed to be taken");
}

} // namespace iommulab::process
