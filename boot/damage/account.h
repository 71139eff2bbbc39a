// What a kernel cannot live without, a second time: a copy of NODE_MEMORY, in
// the node behind the command line, at HANDOFF_SECOND_AT.

#pragma once

#include "boot/node.h"

#define NODE_ACCOUNT NODE_TYPE('A')

struct handoff_account {
    uint32_t crc;   // CRC-32 of `copy`, as it was sent
    uint32_t bytes; // of `copy`
    struct handoff_memory copy;
};

// Makes `both` the map of what `a` and `b` agree on; where they differ, memory
// is MEMORY_LOST. `both` is neither of the two.
void memory_agree(const struct memory_map *a, const struct memory_map *b,
                  struct memory_map *both);

// Makes MEMORY_RESERVED what is a hole in `map`, and free in `other`.
// NO_MEMORY: the map is full.
status_t memory_confine(struct memory_map *map, const struct memory_map *other);
