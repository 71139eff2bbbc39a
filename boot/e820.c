// Lists of memory, read and written: see the header.

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

// ---- SETUP_E820_EXT, where a list goes on that boot_params have no room for

static status_t read_rest(const void *payload, uint32_t bytes,
                          struct boot_info *boot) {
    return e820_add(payload, bytes / sizeof(struct boot_e820_entry),
                    &boot->memory);
}

static status_t write_rest(struct block_writer *to,
                           const struct handoff_content *content) {
    const uint32_t here = E820_MAX_ENTRIES_ZEROPAGE;
    if (content->entries <= here)
        return STATUS_OK;
    return node_write(to, SETUP_E820_EXT, content->entry + here,
                      (content->entries - here) * sizeof(*content->entry));
}

ROW(nodes, 20_e820) = {SETUP_E820_EXT, read_rest, write_rest};

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
