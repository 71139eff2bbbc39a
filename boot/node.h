// Nodes: the parts of a handoff, each about one subject.
//
// A node is a type, a length, and a payload. So the format is open: a part of
// the kernel that has information for its successor adds a row here, with a
// type of its own, and reads and writes what only it understands. The block's
// CRC is over all nodes, so none needs its own.

#pragma once

#include "boot/boot_info.h"
#include "lib/table.h"

#define NODE_TYPE(letter)                                                      \
    ((uint32_t)'B' | 'A' << 8 | 'T' << 16 | (uint32_t)(letter) << 24)

#define NODE_ALIGNMENT 8 // of a node in the block

struct node_head {
    uint32_t type;
    uint32_t bytes; // of the payload, which follows
};

// ---- writing

// A block of memory that is filled from its start.
struct block_writer {
    uint8_t *block; // `size` zeroed bytes
    uint64_t size, used;
};

// The content of a handoff. What it points to belongs to the caller. Between
// two Batons a Linux may run, which keeps a handoff without reading it.
struct handoff_content {
    const struct boot_info *boot;    // of the sender
    const struct memory_map *memory; // NULL: only what passes through a Linux
    const char *command_line;
    struct boot_efi *efi;                // map_bytes 0: no firmware to hand on
    const struct handoff *baton;         // without its block and its CRC
    const struct lineage_entry *between; // a Linux that runs before the
                                         // receiver; or NULL
};

// Puts a node behind what is there. NO_MEMORY: it does not fit.
status_t node_write(struct block_writer *to, uint32_t type, const void *payload,
                    uint32_t bytes);

// ---- reading

// Gives each node of the block at `block` to its row. REFUSED: one passes the
// end of the block, or its row refuses it.
status_t nodes_read(const uint8_t *block, uint32_t block_bytes,
                    struct boot_info *boot);

// For a row's read() of a payload that is a list of `what`: copies rows of
// `row_bytes` bytes to `rows`, which holds `max`, and counts them.
// REFUSED: there are more, or a part of one.
status_t node_read_rows(const char *what, const void *payload, uint32_t bytes,
                        void *rows, size_t row_bytes, size_t max,
                        size_t *count);

// ---- rows

// A function that is NULL has nothing to do. Rows are walked in their order by
// handoff_take() and handoff_write(), and after a panic never.
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

// ---- the whole block

// Writes it to the `size` zeroed bytes at `block`, for a reader who will find
// it at `block_pa`. NO_MEMORY: something is larger than its place; the reason
// names it.
status_t handoff_write(const struct handoff_content *content, void *block,
                       uint64_t size, pa_t block_pa);

// Takes the handoff at `block_pa`, with all of its nodes, if its CRC is right.
// REFUSED: the reason says what is wrong; drop what it has set in `boot`.
status_t handoff_take(pa_t block_pa, memory_reader read,
                      struct boot_info *boot);

// Notes that the firmware is not called: `status`, with why().
void firmware_refuse(struct boot_info *boot, status_t status);

// The same, and drops all of a handoff that concerns the firmware.
void handoff_drop(struct boot_info *boot, status_t status);

// Readers of what core refuses because it has no valid CRC: a damaged block
// (boot->handoff_why says how), or the data of another kernel. Rows are asked
// in their order until one has filled boot->memory.
struct unsealed {
    // Leaves `boot` alone if it cannot read what is at `pa`; clears
    // boot->handoff_status if it accepts it. INVALID: nothing can run on it,
    // and no other row is asked.
    status_t (*read)(pa_t pa, memory_reader read, struct boot_info *boot);
};
TABLE(unsealed, struct unsealed);

// ---- core's own nodes (boot/content.c)

#define NODE_COMMAND_LINE NODE_TYPE('C') // always COMMAND_LINE_MAX bytes
#define NODE_MEMORY       NODE_TYPE('P')
#define NODE_FIRMWARE     NODE_TYPE('E') // struct boot_efi, as far as it goes

// Places in the block that do not depend on what is in it: the command line,
// and the node behind it.
#define HANDOFF_COMMAND_LINE_AT                                                \
    (sizeof(struct handoff) + sizeof(struct node_head))
#define HANDOFF_SECOND_AT (HANDOFF_COMMAND_LINE_AT + COMMAND_LINE_MAX)

// All that a kernel needs beside memory; 0 where there is none.
struct handoff_needs {
    pa_t rsdp_pa, bundle_pa;
    uint64_t bundle_bytes;
};

// The payload of NODE_MEMORY. Its ranges are those that the receiver will use.
struct handoff_memory {
    struct handoff_needs needs;
    struct memory_range range[MEMORY_MAP_MAX]; // as many as there are
};

// The payload of NODE_MEMORY for `content`, a struct handoff_memory that is
// valid until the next call, and its size.
const void *handoff_memory_of(const struct handoff_content *content,
                              uint32_t *bytes);

// Reads such a payload, and adds its ranges to `map`. REFUSED: it is too short.
// INVALID: a range is impossible; it is left out, the others are added.
status_t handoff_memory_read(const void *payload, uint32_t bytes,
                             struct handoff_needs *needs,
                             struct memory_map *map);
