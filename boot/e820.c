// The list of memory in boot_params, read and written: see the header.

#include "boot/e820.h"

#include "boot/node.h"
#include "lib/string.h"

// ---- reading

status_t e820_add(const void *entries, size_t count,
                  struct memory_map *memory) {
    status_t status = STATUS_OK;
    struct boot_e820_entry entry;
    for (size_t i = 0; i < count; i++) {
        memcpy(&entry, (const uint8_t *)entries + i * sizeof(entry),
               sizeof(entry));
        enum memory_kind kind =
            entry.type == E820_KEPT ? MEMORY_KEPT : e820_kind(entry.type);
        status_t added = memory_map_add(memory, entry.addr, entry.size, kind);
        status = status ? status : added;
    }
    return status;
}

static status_t read_extension(const struct sender *from,
                               const struct setup_data *node, pa_t payload_pa,
                               void *memory) {
    if (node->type != SETUP_E820_EXT)
        return STATUS_OK;
    const void *entries = sender_read(from, payload_pa, node->len);
    if (!entries)
        return fail(STATUS_INVALID,
                    "boot_params: %u bytes of e820 entries at %#lx are not in "
                    "memory",
                    node->len, payload_pa);
    return e820_add(entries, node->len / sizeof(struct boot_e820_entry),
                    memory);
}

status_t e820_read(const struct sender *from, struct memory_map *memory) {
    const struct boot_params *params = from->params;
    if (params->e820_entries > E820_MAX_ENTRIES_ZEROPAGE)
        return fail(STATUS_INVALID,
                    "boot_params: %u e820 entries; there is room for %u",
                    params->e820_entries, E820_MAX_ENTRIES_ZEROPAGE);
    TRY(e820_add(params->e820_table, params->e820_entries, memory));
    status_t status = sender_visit_nodes(from, params->hdr.setup_data,
                                         read_extension, memory);
    return status == STATUS_REFUSED ? STATUS_OK : status; // reported later
}

// ---- writing

// IN_USE is in use by us, who will be gone, or by the bundle, which has a place
// of its own in boot_params.
static const uint32_t e820_types[MEMORY_KINDS] = {
    [MEMORY_USABLE] = E820_RAM,
    [MEMORY_BOOT_SERVICES] = E820_RAM,
    [MEMORY_IN_USE] = E820_RAM,
    [MEMORY_ACPI] = E820_ACPI,
    [MEMORY_NVS] = E820_NVS,
    [MEMORY_RESERVED] = E820_RESERVED,
    [MEMORY_RUNTIME] = E820_RESERVED,
    [MEMORY_MMIO] = E820_RESERVED,
    [MEMORY_LOST] = E820_RESERVED,
    [MEMORY_KEPT] = E820_KEPT,
    [MEMORY_BOOT_KEPT] = E820_RESERVED,
};

uint32_t e820_list(const struct memory_map *memory,
                   struct boot_e820_entry *entry) {
    struct boot_e820_entry *next = entry;
    for (size_t i = 0; i < memory->count; i++) {
        const struct memory_range *r = &memory->range[i];
        uint32_t type = e820_types[r->kind];
        struct boot_e820_entry *last = next > entry ? next - 1 : NULL;
        if (last && last->type == type && last->addr + last->size == r->start)
            last->size += r->end - r->start;
        else if (type)
            *next++ =
                (struct boot_e820_entry){r->start, r->end - r->start, type};
    }
    return next - entry;
}

status_t e820_write(struct block_writer *to, const struct memory_map *memory,
                    struct boot_params *params) {
    static struct boot_e820_entry entry[MEMORY_MAP_MAX];
    uint32_t count = e820_list(memory, entry);
    uint32_t here = min_u64(count, E820_MAX_ENTRIES_ZEROPAGE);
    params->e820_entries = here;
    memcpy(params->e820_table, entry, here * sizeof(entry[0]));
    if (count == here)
        return STATUS_OK;
    return node_write(to, SETUP_E820_EXT, entry + here,
                      (count - here) * sizeof(entry[0]));
}
