// Included by every fuzz target.
//
// A target is one function, fuzz(): it takes arbitrary bytes, passes them to
// the code, and asserts invariants. libFuzzer generates the bytes (make fuzz);
// replay.c reads them from files (make test).

#pragma once

#include <stdio.h>

#include "lib/log.h"
#include "lib/status.h"
#include "tests/unit/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The input, which is consumed from its start. After its end there are zeros.
struct input {
    const uint8_t *at;
    size_t left;
};

static void fuzz(struct input in);

static inline uint64_t take(struct input *in, size_t bytes) {
    uint64_t value = 0;
    size_t here = min_u64(bytes, in->left);
    memcpy(&value, in->at, here);
    in->at += here;
    in->left -= here;
    return value;
}

static inline struct input take_part(struct input *in, size_t bytes) {
    struct input part = {in->at, min_u64(bytes, in->left)};
    in->at += part.left;
    in->left -= part.left;
    return part;
}

// Any log line about the input remains one line.
static void check_line(uint32_t generation, const char *text, size_t bytes) {
    (void)generation;
    assert_true(bytes > 0 && text[bytes - 1] == '\n');
    for (size_t i = 0; i + 1 < bytes; i++)
        assert_true((uint8_t)text[i] >= ' ' && text[i] != 0x7f);
}

ROW(sinks, fuzz) = {.write = check_line};

// A failure has a reason that is valid as a value in a log line.
static inline void check_why(status_t status) {
    if (status == STATUS_OK)
        return;
    assert_true(why()[0] != '\0');
    assert_null(strpbrk(why(), "\"\n\r\t"));
}

// Outside a test, cmocka's assertions would only leave the program.
static __attribute__((constructor)) void begin(void) {
    setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz((struct input){data, size});
    return 0;
}
