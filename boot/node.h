// Nodes: the parts of a handoff, each about one subject.
//
// A node is a setup_data of Linux (boot.rst): type, length, and a payload. So
// the chain is open: a part of the kernel that has something to tell its
// successor adds a row here, with a type of its own, and reads and writes what
// only it understands. The block's CRC is over all nodes, so none needs its
// own.

#pragma once

#include "boot/boot_info.h"
#include "boot/sender.h"
#include "lib/table.h"

// Types that only a Baton knows, and Linux skips: "BAT" and a letter.
#define NODE_TYPE(letter)                                                      \
    ((uint32_t)'B' | 'A' << 8 | 'T' << 16 | (uint32_t)(letter) << 24)

// A block of memory that is filled from its start.
struct block_writer {
    uint8_t *block; // `room` zeroed bytes
    pa_t block_pa;
    uint64_t room, used;
    void *link; // of the chain: where the address of the next node goes
};

// All that goes into a handoff. What it points to belongs to whoever fills it.
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
};

// A row; a function that is NULL has nothing to do. Rows are walked in their
// order by boot_params_read() and handoff_write(), and after a panic never.
struct node {
    uint32_t type;

    // Takes what a kernel before this one said, from `bytes` bytes that need
    // not be aligned. Called before there are frames, and for a type of
    // NODE_TYPE() only if the CRC is right; what it says counts as long as
    // boot->has_handoff does. REFUSED: all of the handoff is.
    status_t (*read)(const void *payload, uint32_t bytes,
                     struct boot_info *boot);

    // Writes the node by node_write(), or none. NO_MEMORY: the block is full.
    status_t (*write)(struct block_writer *to,
                      const struct handoff_content *content);

    // Finds what the block does not give: memory and bundle where its CRC is
    // wrong (boot->handoff_status says so), or a handoff where a Linux sent it,
    // which has none. INVALID: too little memory is left to run on. REFUSED:
    // the handoff that was found is damaged.
    status_t (*find)(const struct sender *from, struct boot_info *boot);
};
TABLE(nodes, struct node);

// Puts `bytes` bytes behind what is there, at *pa, a multiple of 16.
status_t block_put(struct block_writer *to, const void *data, uint64_t bytes,
                   pa_t *pa);

// Puts a node at the end of the chain, with its payload right behind it.
status_t node_write(struct block_writer *to, uint32_t type, const void *payload,
                    uint32_t bytes);

// For a row's read() of a payload that is a list of `what`: copies rows of
// `row_bytes` bytes to `rows`, which has room for `max`, and counts them.
// REFUSED: there are more, or a part of one.
status_t node_read_rows(const char *what, const void *payload, uint32_t bytes,
                        void *rows, size_t row_bytes, size_t max,
                        size_t *count);

// Finds struct handoff in a chain, checks the CRC of its block, which has to be
// the one at `block_pa`, and copies it to `boot`. REFUSED: the reason says what
// is wrong. (In boot_params.c.)
status_t handoff_check(const struct sender *from, pa_t first_pa, pa_t block_pa,
                       struct boot_info *boot);

// Gives each node of a chain to its row, types of Baton's only if `sealed`.
// REFUSED: one is not in memory, or its row refuses it.
status_t nodes_read(const struct sender *from, pa_t first_pa, bool sealed,
                    struct boot_info *boot);
