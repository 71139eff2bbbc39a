// Makes a damaged handoff look sound: its CRC is computed again. Else nearly
// all that a fuzzer does to one would end at that check.

#pragma once

#include <asm/bootparam.h>

#include "lib/crc32.h"
#include "tests/fuzz/memory.h"

#define NODES_MAX 64

// Its bytes: nothing in the input is aligned.
static inline uint8_t *find_handoff(pa_t params_pa) {
    pa_t at = params_pa + offsetof(struct boot_params, hdr.setup_data);
    for (unsigned i = 0; i < NODES_MAX && memory_at(at, 8); i++) {
        struct setup_data node;
        memcpy(&at, memory_at(at, 8), sizeof(at));
        if (!memory_at(at, sizeof(node)))
            return NULL;
        memcpy(&node, memory_at(at, sizeof(node)), sizeof(node));
        if (node.type == SETUP_BATON)
            return memory_at(at + sizeof(node), sizeof(struct handoff));
    }
    return NULL;
}

static inline void seal(pa_t params_pa) {
    struct handoff handoff;
    uint8_t *found = find_handoff(params_pa);
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
