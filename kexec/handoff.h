// Writes the block of boot/handoff.h: the counterpart of boot/boot_params.c.
// Pure code, so that a test can write one and read it back.

#pragma once

#include "boot/node.h"
#include "lib/status.h"

// Room for everything, in bytes: a multiple of 4 KiB.
#define HANDOFF_BLOCK_BYTES (64 * KIB)

// Writes the block into the HANDOFF_BLOCK_BYTES zeroed bytes at `block`, for a
// reader who will find it at `block_pa`; boot_params come first.
// NO_MEMORY: something is larger than its place; the reason names it.
status_t handoff_write(struct handoff_content *content, void *block,
                       pa_t block_pa);

// Writes the node with struct handoff, which is at *sealed then, and all other
// nodes behind it. NO_MEMORY: there is too little room.
status_t handoff_write_nodes(struct block_writer *to,
                             const struct handoff_content *content,
                             struct handoff **sealed);

// Fills in what makes a block valid, its CRC above all: the last step.
void handoff_seal(const struct block_writer *block, struct handoff *sealed);
