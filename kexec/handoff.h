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
status_t handoff_write(const struct handoff_content *content, void *block,
                       pa_t block_pa);

// Writes Baton's nodes alone into the zeroed page at `page_pa`, as a block of
// its own, for a Baton that may come after a kernel that does not know them.
// NO_MEMORY: they are more than a page.
status_t handoff_preserve(const struct handoff_content *content, void *page,
                          pa_t page_pa);
