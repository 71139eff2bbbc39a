// Bounded reading of what boot_params points to: see the header.

#include "boot/sender.h"

#include "boot/handoff.h"
#include "lib/string.h"

#define SETUP_NODES_MAX 64

static bool is_in_block(const struct sender *from, pa_t pa, uint64_t bytes) {
    return pa >= from->params_pa && bytes <= HANDOFF_BLOCK_MAX &&
           pa - from->params_pa <= HANDOFF_BLOCK_MAX - bytes;
}

static bool is_listed(const struct memory_map *memory, pa_t pa,
                      uint64_t bytes) {
    return !memory ||
           !(memory_map_kinds(memory, pa, bytes) & 1u << MEMORY_HOLE);
}

const void *sender_read(const struct sender *from, pa_t pa, uint64_t bytes) {
    bool is_possible = sender_is_linux(from)
                           ? is_listed(from->memory, pa, bytes)
                           : is_in_block(from, pa, bytes);
    return is_possible ? from->read(pa, bytes) : NULL;
}

status_t sender_visit_nodes(const struct sender *from, pa_t first_pa,
                            node_visitor visit, void *to) {
    pa_t pa = first_pa;
    for (unsigned i = 0; pa != 0; i++) {
        struct setup_data node; // a copy: a chain need not be aligned
        const void *found = sender_read(from, pa, sizeof(node));
        if (!found)
            return fail(STATUS_REFUSED,
                        "handoff: setup_data at %#lx is not in memory", pa);
        if (i == SETUP_NODES_MAX)
            return fail(STATUS_REFUSED,
                        "handoff: setup_data goes on after %u nodes, at %#lx",
                        i, pa);
        memcpy(&node, found, sizeof(node));
        TRY(visit(from, &node, pa + sizeof(node), to));
        pa = node.next;
    }
    return STATUS_OK;
}
