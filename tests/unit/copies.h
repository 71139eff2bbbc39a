// The memory that a parser reads: an exact copy of the requested bytes, with
// the same alignment. So the sanitizers detect the first byte too many, and
// every pointer that would be misaligned in the kernel is misaligned here.
//
// The including file defines the maximum number (COPIES_MAX), and includes the
// assertions.

#pragma once

#include <stdlib.h>
#include <string.h>

#include "lib/types.h"

static struct {
    void *at[COPIES_MAX];
    size_t count;
} copies;

static inline const void *copy_as_at(pa_t pa, const void *from,
                                     uint64_t bytes) {
    assert_true(copies.count < COPIES_MAX);
    size_t misaligned = pa % 16;
    uint8_t *copy = malloc(misaligned + bytes);
    assert_non_null(copy);
    copies.at[copies.count++] = copy;
    return memcpy(copy + misaligned, from, bytes);
}

static inline void copies_free(void) {
    while (copies.count > 0)
        free(copies.at[--copies.count]);
}
