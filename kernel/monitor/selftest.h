// Tests that the kernel runs on itself (selftest=on), printed as KTAP. A file
// adds one with TEST(name) { … return condition; }; the linker collects them.

#pragma once

#include "lib/types.h"

struct selftest {
    const char *name;
    bool (*run)(void);
};

#define TEST(name)                                                             \
    static bool test_##name(void);                                             \
    static const struct selftest entry_##name                                  \
        __attribute__((used, section(".tests"), aligned(8))) = {#name,         \
                                                                test_##name};  \
    static bool test_##name(void)

// Runs all of them; false if one failed.
bool selftest_run(void);
