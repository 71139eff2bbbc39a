// An observer, which counts, and a node, which hands the count on.

#include "kernel/census/census.h"

#include "boot/node.h"
#include "efi/observe.h"
#include "lib/string.h"

#define NODE_CENSUS NODE_TYPE('Z')

uint32_t census_here, census_before;

static bool count(struct gate_call *call) {
    census_here += call->status != EFI_SUCCESS;
    return false;
}

ROW(observers, 80_census) = {.after = count};

static status_t read_node(const void *payload, uint32_t bytes,
                          struct boot_info *boot) {
    (void)boot;
    if (bytes != sizeof(census_before))
        return fail(STATUS_REFUSED, "census: a node of %u bytes", bytes);
    memcpy(&census_before, payload, bytes);
    return STATUS_OK;
}

static status_t write_node(struct block_writer *to,
                           const struct handoff_content *content) {
    (void)content;
    return node_write(to, NODE_CENSUS, &census_here, sizeof(census_here));
}

ROW(nodes, 80_census) = {NODE_CENSUS, read_node, write_node};
