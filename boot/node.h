// Nodes: the parts of a handoff, each about one subject.
//
// A node is a setup_data of Linux (boot.rst): type, length, and a payload. So
// the chain is open: a part of the kernel that has information for its
// successor adds a row here, with a type of its own, and reads and writes what
// only it understands. The block's CRC is over all nodes, so none needs its
// own.

#pragma once

#include <asm/bootparam.h>

#include "boot/boot_info.h"
#include "lib/table.h"

// Types that only a Baton knows, and Linux skips: "BAT" and a letter.
#define NODE_TYPE(letter)                                                      \
    ((uint32_t)'B' | 'A' << 8 | 'T' << 16 | (uint32_t)(letter) << 24)

// ---- writing

// A block of memory that is filled from its start.
struct block_writer {
    uint8_t *block; // `room` zeroed bytes
    pa_t block_pa;
    uint64_t room, used;
    void *link; // of the chain: where the address of the next node goes
};

// The content of a handoff. What it points to belongs to the caller.
struct handoff_content {
    const void *image; // the next kernel's file; for its setup header
    const struct memory_map *memory; // NULL: only nodes, for a later Baton
    const char *command_line;
    pa_t bundle_pa;
    uint64_t bundle_bytes;
    pa_t rsdp_pa;
    struct screen_info screen;
    struct boot_efi *efi; // map_bytes 0: no firmware to hand on
    bool with_efi_setup;  // the firmware's addresses are virtual
    struct efi_setup efi_setup;
    const struct handoff *baton;         // without its block and its CRC
    const struct lineage_entry *between; // it runs before the receiver; or NULL

    // `memory` as e820 entries, set by handoff_write().
    const struct boot_e820_entry *entry;
    uint32_t entries;
};

// Puts `bytes` bytes behind what is there, at *pa, a multiple of 16.
status_t block_put(struct block_writer *to, const void *data, uint64_t bytes,
                   pa_t *pa);

// Puts a node at the end of the chain, with its payload right behind it.
status_t node_write(struct block_writer *to, uint32_t type, const void *payload,
                    uint32_t bytes);

// ---- reading

#define SETUP_NODES_MAX 64 // so that a cyclic chain ends

// Where a receiver may read. A Baton puts everything into one block, so nothing
// outside that block is read, even where a checksum vouches for the pointer.
struct sender {
    memory_reader read;
    const struct boot_params *params;
    pa_t start_pa, end_pa; // nothing outside is read
};

// `bytes` bytes at physical address `pa`; NULL: outside, or not readable.
const void *sender_read(const struct sender *from, pa_t pa, uint64_t bytes);

// A number that boot_params have in two halves.
static inline uint64_t sender_join(uint32_t high, uint32_t low) {
    return (uint64_t)high << 32 | low;
}

// Follows the chain of setup_data that begins at `first_pa`, 0 for an empty
// one, and gives each node whose type is `wanted`, or all if that is NULL, to
// its row. REFUSED: one is not in memory, its row refuses it, or there are more
// than SETUP_NODES_MAX.
status_t nodes_read(const struct sender *from, pa_t first_pa,
                    bool (*wanted)(uint32_t type), struct boot_info *boot);

// For a row's read() of a payload that is a list of `what`: copies rows of
// `row_bytes` bytes to `rows`, which has room for `max`, and counts them.
// REFUSED: there are more, or a part of one.
status_t node_read_rows(const char *what, const void *payload, uint32_t bytes,
                        void *rows, size_t row_bytes, size_t max,
                        size_t *count);

// ---- rows

// A function that is NULL has nothing to do. Rows are walked in their order by
// boot_params_read() and handoff_write(), and after a panic never.
struct node {
    uint32_t type;

    // Takes what a kernel before this one handed on, from `bytes` bytes that
    // need not be aligned. Called before there are frames; what it sets counts
    // as long as boot->has_handoff does. REFUSED: all of the handoff is.
    status_t (*read)(const void *payload, uint32_t bytes,
                     struct boot_info *boot);

    // Writes the node by node_write(), or none. NO_MEMORY: the block is full.
    status_t (*write)(struct block_writer *to,
                      const struct handoff_content *content);
};
TABLE(nodes, struct node);

// Readers of boot_params that core refuses, since no valid CRC vouches for
// them: they are damaged (boot->handoff_why says how), or not a Baton's. Rows
// are asked in their order until one has filled boot->memory.
struct unsealed {
    // Leaves `boot` alone if it cannot read such boot_params; clears
    // boot->handoff_status if it believes them. INVALID: nothing can run on
    // them, and no other row is asked.
    status_t (*read)(const struct sender *from, struct boot_info *boot);
};
TABLE(unsealed, struct unsealed);

// Copies what boot_params themselves have: the list of memory, bundle, RSDP,
// framebuffer. INVALID: there are more entries than fit, or an impossible one.
status_t boot_params_copy(const struct boot_params *params,
                          struct boot_info *boot);

// Takes struct handoff from the block that begins at from->start_pa, `seal_at`
// bytes on, if its CRC is right, and ends `from` where the block does. REFUSED:
// the reason says what is wrong.
status_t handoff_check(struct sender *from, uint64_t seal_at,
                       struct boot_info *boot);

// Notes that the firmware is not called: `status`, with why().
void firmware_refuse(struct boot_info *boot, status_t status);

// The same, and drops all of a handoff that concerns the firmware.
void handoff_drop(struct boot_info *boot, status_t status);
