// Included by every unit test: cmocka, which needs these headers before it,
// and helpers for tests of parsers.

#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/status.h"
#include "lib/types.h"

// Both have a macro fail(); the kernel's is used.
#pragma push_macro("fail")
#undef fail
#include <cmocka.h>
#undef fail
#pragma pop_macro("fail")

// A copy that ends where its memory ends, so that the address sanitizer detects
// the first byte read beyond it. The caller frees it.
static inline void *exact_copy(const void *data, size_t bytes) {
    void *copy = malloc(bytes);
    assert_non_null(copy);
    return memcpy(copy, data, bytes);
}

// The same as a string, which ends at `bytes` or at an earlier zero. The caller
// frees it. (strndup() requires a string, and some compilers check that.)
static inline char *text_copy(const void *data, size_t bytes) {
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    return text;
}

// For reasons: does `text` contain `part`?
static inline void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part))
        print_error("\"%s\" is not in \"%s\"\n", part, text);
    assert_non_null(strstr(text, part));
}

// cmocka 2 renamed its assert_in_range(), which therefore does not exist here;
// this one works with every version.
#undef assert_in_range
static inline void assert_between(uint64_t value, uint64_t low, uint64_t high) {
    bool is_between = low <= value && value <= high;
    if (!is_between)
        print_error("%lu is not in %lu..%lu\n", value, low, high);
    assert_true(is_between);
}

// A small generator of pseudo-random numbers (Knuth's MMIX constants): the same
// numbers in every run on every machine.
static inline uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(*state >> 32);
}
