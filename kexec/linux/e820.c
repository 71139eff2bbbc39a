// Linux's list of memory, read and written.

#include "boot/e820.h"

#include "kexec/linux/params.h"
#include "lib/string.h"

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

static uint32_t e820_type(enum memory_kind kind) {
    switch (kind) {
    case MEMORY_USABLE:
        return E820_RAM;
    case MEMORY_ACPI:
        return E820_ACPI;
    case MEMORY_NVS:
        return E820_NVS;
    case MEMORY_KEPT:
        return E820_KEPT;
    default:
        return E820_RESERVED;
    }
}

uint32_t e820_list(const struct handoff_memory *memory, uint32_t bytes,
                   struct boot_e820_entry *entry) {
    size_t count = (bytes - offsetof(struct handoff_memory, range)) /
                   sizeof(memory->range[0]);
    for (size_t i = 0; i < count; i++) {
        const struct memory_range *r = &memory->range[i];
        entry[i] = (struct boot_e820_entry){r->start, r->end - r->start,
                                            e820_type(r->kind)};
    }
    return count;
}
