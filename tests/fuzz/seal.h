// Corrects the CRC of a damaged handoff. Otherwise nearly all inputs of a
// fuzzer would end at that check.

#pragma once

#include "lib/crc32.h"
#include "tests/fuzz/memory.h"

// Its bytes: nothing in the input is aligned.
static inline uint8_t *find_handoff(pa_t block_pa) {
    return memory_at(block_pa, sizeof(struct handoff));
}

static inline void seal(pa_t block_pa) {
    struct handoff handoff;
    uint8_t *found = find_handoff(block_pa);
    if (!found)
        return;
    memcpy(&handoff, found, sizeof(handoff));
    handoff.block_crc = 0;
    memcpy(found, &handoff, sizeof(handoff));
    const void *block = memory_at(handoff.block_pa, handoff.block_bytes);
    if (block)
        handoff.block_crc = crc32(0, block, handoff.block_bytes);
    memcpy(found, &handoff, sizeof(handoff));
}
