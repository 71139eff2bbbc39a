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

// `bytes` bytes at physical address `pa`; NULL if the sender cannot have put
// anything there, or the reader cannot read it.
const void *sender_read(const struct sender *from, pa_t pa, uint64_t bytes);

// Reads the payload of a setup_data node: `bytes` bytes at `pa`, unchecked.
struct node_reader {
    uint32_t type;
    status_t (*read)(const struct sender *from, pa_t pa, uint32_t bytes,
                     void *to);
};

// Follows the chain of setup_data and gives each node whose type is among the
// `count` readers to its reader, with `to`. REFUSED: the chain leaves memory or
// is longer than SETUP_NODES_MAX nodes; else the first error of a reader.
status_t sender_read_nodes(const struct sender *from,
                           const struct node_reader readers[], size_t count,
                           void *to);
