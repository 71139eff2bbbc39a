// What every unit test includes: cmocka, which wants these headers before it,
// and the one thing that all tests of parsers need.

#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail // cmocka's macro; ours is a function (lib/status.h)

#include "lib/types.h"

// A copy that ends where its memory ends, so that the address sanitizer sees
// the first byte that is read too far. The caller frees it.
static inline void *exact_copy(const void *data, size_t bytes) {
    void *copy = malloc(bytes);
    assert_non_null(copy);
    return memcpy(copy, data, bytes);
}

// For reasons: does `text` contain `part`?
static inline void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part))
        print_error("\"%s\" is not in \"%s\"\n", part, text);
    assert_non_null(strstr(text, part));
}

// A small generator of pseudo-random numbers (Knuth's MMIX constants): the same
// numbers in every run on every machine.
static inline uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(*state >> 32);
}
