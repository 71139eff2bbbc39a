// Writes the block of boot/handoff.h: the counterpart of boot/boot_params.c.
// Pure code, so that a test can write one and read it back.

#pragma once

#include "boot/boot_info.h"
#include "lib/status.h"

// Room for everything, in bytes: a multiple of 4 KiB.
#define HANDOFF_BLOCK_BYTES (64 * KIB)

// All that goes into a handoff.
struct handoff_content {
    const void *image; // the next kernel's file; for its setup header
    const struct memory_map *memory;
    const char *command_line;
    pa_t bundle_pa;
    uint64_t bundle_bytes;
    pa_t rsdp_pa;
    struct screen_info screen;
    struct boot_efi *efi; // map_bytes 0: no firmware to hand on
    bool with_efi_setup;  // the firmware's addresses are virtual
    struct efi_setup efi_setup;
    const struct handoff *baton; // without its block and its CRC
};

// Writes the block into the HANDOFF_BLOCK_BYTES zeroed bytes at `block`, for a
// reader who will find it at `block_pa`; boot_params come first.
// NO_MEMORY: something is larger than its place; the reason names it.
status_t handoff_write(const struct handoff_content *content, void *block,
                       pa_t block_pa);

// Adds one who ran before; the oldest may go for it.
void handoff_add_life(struct handoff *handoff, const struct handoff_life *life);

// Writes `baton` alone into the zeroed page at `page_pa`, for a kernel that may
// come after one that does not know it.
void handoff_keep(const struct handoff *baton, void *page, pa_t page_pa);
