// Tests that the kernel runs on itself (selftest=on), printed as KTAP. A file
// adds one with TEST(name) { … return condition; }; the linker collects them.

#pragma once

#include "lib/table.h"
#include "lib/types.h"

struct selftest {
    const char *name;
    bool (*run)(void);
};

TABLE(selftests, struct selftest);

#define TEST(name)                                                             \
    static bool test_##name(void);                                             \
    ROW(selftests, name) = {#name, test_##name};                               \
    static bool test_##name(void)
