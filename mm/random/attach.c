// The default seed, and where the direct map begins (direct_base=): somewhere
// else in each generation, as in a Linux with KASLR.

#include "kernel/stage.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"
#include "mm/random/random.h"
#include "mm/space.h"

STAGE(EARLY, 00_seed, "seed") {
    random_seed = read_tsc();
    return STATUS_OK;
}

// The seed is the same in all generations, what comes out of it is not.
static va_t random_base(uint32_t generation) {
    uint64_t state = 2 * (random_seed + generation) + 1;
    random_next(&state);
    uint64_t places = (DIRECT_MAP_LAST - DIRECT_MAP_BASE) / GIB;
    va_t base = DIRECT_MAP_BASE + random_next(&state) % places * GIB;
    say("mm: direct map at %#lx (seed=%lu)", base, random_seed);
    return base;
}

static status_t read_direct_base(const char *word, uint32_t generation) {
    va_t base = 0;
    if (str_equal(word, "random"))
        base = random_base(generation);
    else
        option_parse_number(word, &base);
    if (base < DIRECT_MAP_BASE || base > DIRECT_MAP_LAST ||
        !is_aligned(base, GIB))
        return fail(STATUS_INVALID,
                    "direct_base=%s: neither random nor a multiple of 1 GiB "
                    "from %#lx to %#lx",
                    word, DIRECT_MAP_BASE, DIRECT_MAP_LAST);
    direct_map_base = base;
    return STATUS_OK;
}

ROW(options, direct_base) = {
    "direct_base", "start of the direct map: a multiple of 1 GiB, or random",
    .read = read_direct_base};
