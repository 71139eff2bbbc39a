// The memory attributes, handed on: their table lies in boot-services memory,
// which later generations reuse, so each of them gets a copy of the rows.

#include "boot/node.h"
#include "efi/firmware.h"
#include "lib/string.h"

#define SETUP_ATTRIBUTES NODE_TYPE('M')

static struct handoff_attribute inherited[ATTRIBUTES_MAX];
static size_t inherited_count;

static status_t read(const void *payload, uint32_t bytes,
                     struct boot_info *boot) {
    (void)boot;
    return node_read_rows("memory attributes", payload, bytes, inherited,
                          sizeof(inherited[0]), ATTRIBUTES_MAX,
                          &inherited_count);
}

void efi_attributes_inherit(struct efi_attributes *attributes) {
    attributes->count = inherited_count;
    memcpy(attributes->row, inherited, sizeof(inherited));
}

// A kernel that did not use the firmware passes on what it was given.
static status_t write(struct block_writer *to,
                      const struct handoff_content *content) {
    (void)content;
    const struct efi_attributes *ours = &firmware.attributes;
    const void *rows = firmware.ready ? ours->row : inherited;
    size_t count = firmware.ready ? ours->count : inherited_count;
    if (count == 0)
        return STATUS_OK;
    return node_write(to, SETUP_ATTRIBUTES, rows, count * sizeof(inherited[0]));
}

ROW(nodes, 50_attributes) = {SETUP_ATTRIBUTES, read, write, NULL};
