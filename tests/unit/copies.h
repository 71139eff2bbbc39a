// What a parser gets to read: an exact copy of what it asked for, aligned as
// its address is. So the sanitizers see the first byte too many, and every
// pointer that would be misaligned in the kernel is misaligned here.
//
// Who includes this says how many there may be (COPIES_MAX), and brings the
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
