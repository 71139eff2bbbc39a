// What a check found, and how the findings of its parts add up.

#pragma once

#include "lib/types.h"

// In ascending order: the verdict of several parts is the least of them. SKIP
// is not a weak PASS: a check of which one part could not be tried has shown
// less than it claims.
enum verdict { FAIL, SKIP, PASS };

static inline enum verdict verdict_of(bool is_so) {
    return is_so ? PASS : FAIL;
}

static inline enum verdict verdict_both(enum verdict one, enum verdict other) {
    return one < other ? one : other;
}
