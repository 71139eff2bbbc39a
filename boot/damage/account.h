// What a kernel cannot live without, listed a second time: memory above all.
// This is the first node of the block, so it is at HANDOFF_NODES_AT.

#pragma once

#include "boot/node.h"

#define SETUP_ACCOUNT NODE_TYPE('A')

// All that a receiver needs besides memory, 0 if there is none.
struct account_needs {
    uint64_t bundle_pa, bundle_bytes, rsdp_pa;
};

struct handoff_account {
    uint32_t crc;   // CRC-32 of `needs` and `entry`, without the padding
    uint32_t count; // of entries
    struct account_needs needs;
    struct boot_e820_entry entry[]; // all; boot_params have room for 128
};

// Makes `both` the map of what `a` and `b` agree on; where they differ, memory
// is MEMORY_LOST. `both` is neither of the two.
void memory_agree(const struct memory_map *a, const struct memory_map *b,
                  struct memory_map *both);
