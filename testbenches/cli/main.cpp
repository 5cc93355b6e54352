// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

int main(int argc, char**) {
    std::puts("usage: iommulab COMMAND [ARGS...]");
    return argc > 1 ? 2 : 0;
}
