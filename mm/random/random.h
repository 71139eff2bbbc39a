// Numbers that look like chance, and come again: xorshift (Marsaglia 2003).

#pragma once

#include <stdint.h>

// seed=, or by default the time-stamp counter, from STAGE_EARLY on.
extern uint64_t random_seed;

// The next number. `state` starts as any seed but 0.
static inline uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}
