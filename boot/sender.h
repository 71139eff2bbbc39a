// The kernel that left boot_params, and the limits on what it points to.
//
// Every pointer in boot_params is followed before a checksum can vouch for it.
// A Baton puts everything into one block that begins with boot_params, so
// nothing outside that block is read. Linux may put its pieces anywhere, but
// only in memory that its own map lists.

#pragma once

#include <asm/bootparam.h>

#include "boot/boot_info.h"

#define LOADER_KEXEC 0xd0 // type_of_loader of both of Linux's kexecs

struct sender {
    memory_reader read;
    const struct boot_params *params;
    pa_t params_pa;
    const struct memory_map *memory; // NULL: not known yet
};

static inline bool sender_is_linux(const struct sender *from) {
    return from->params->hdr.type_of_loader == LOADER_KEXEC;
}

// A number that boot_params have in two halves.
static inline uint64_t sender_join(uint32_t high, uint32_t low) {
    return (uint64_t)high << 32 | low;
}

// `bytes` bytes at physical address `pa`; NULL if the sender cannot have put
// anything there, or the reader cannot read it.
const void *sender_read(const struct sender *from, pa_t pa, uint64_t bytes);

// What is done with a node of the chain, whose payload of node->len bytes, not
// checked yet, begins at `payload_pa`.
typedef status_t (*node_visitor)(const struct sender *from,
                                 const struct setup_data *node, pa_t payload_pa,
                                 void *to);

// Follows the chain of setup_data that begins at `first_pa`, 0 for an empty
// one, and gives each node to `visit`, with `to`. REFUSED: the chain leaves
// memory or is longer than SETUP_NODES_MAX nodes; else the first error of
// `visit`.
status_t sender_visit_nodes(const struct sender *from, pa_t first_pa,
                            node_visitor visit, void *to);
