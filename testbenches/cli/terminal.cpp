// SPDX-License-Identifier: Apache-2.0
#include "testbenches/cli/terminal.h"

#include <algorithm>
#include <clocale>
#include <cstring>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace iommulab::cli {

unsigned columns() {
    winsize size{};
    if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
        return std::clamp<unsigned>(size.ws_col, 60, 140);
    return 100;
}

bool has_unicode() {
    std::setlocale(LC_CTYPE, "");
    const bool utf8 = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    std::setlocale(LC_CTYPE, "C"); // nothing else depends on the locale
    return utf8;
}

} // namespace iommulab::cli
