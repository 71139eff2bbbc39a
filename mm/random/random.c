// The seed of what is random: from the command line, or else the time.

#include "mm/random/random.h"

#include "lib/options.h"

uint64_t random_seed = 1;

// First of all, for the other options to use it.
ROW(options, 00_seed) = {
    "seed", "seed of random addresses: the same seed, the same addresses",
    .number = &random_seed, .min = 1, .max = UINT64_MAX};
