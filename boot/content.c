// Core's own nodes of a handoff, each written and read: the command line,
// memory, and the firmware.

#include "boot/node.h"
#include "lib/string.h"

// ---- the command line

static status_t read_command_line(const void *payload, uint32_t bytes,
                                  struct boot_info *boot) {
    if (strnlen(payload, bytes) < bytes &&
        str_copy(boot->command_line, COMMAND_LINE_MAX, payload))
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "handoff: the command line in %u bytes has no end, or more "
                "than %d bytes",
                bytes, COMMAND_LINE_MAX - 1);
}

static status_t write_command_line(struct block_writer *to,
                                   const struct handoff_content *content) {
    static char line[COMMAND_LINE_MAX];
    if (!content->memory)
        return STATUS_OK;
    if (str_copy(line, sizeof(line), content->command_line))
        return node_write(to, NODE_COMMAND_LINE, line, sizeof(line));
    return fail(STATUS_NO_MEMORY,
                "handoff: a command line of %zu bytes; the limit is %d",
                strlen(content->command_line), COMMAND_LINE_MAX - 1);
}

ROW(nodes, 00_command_line) = {NODE_COMMAND_LINE, read_command_line,
                               write_command_line};

// ---- memory

// What a range is to the receiver. What is in use is free for it: that was the
// sender, or is the bundle, which has a place of its own in the payload.
static const uint8_t kind_received[MEMORY_KINDS] = {
    [MEMORY_USABLE] = MEMORY_USABLE,
    [MEMORY_BOOT_SERVICES] = MEMORY_USABLE,
    [MEMORY_IN_USE] = MEMORY_USABLE,
    [MEMORY_ACPI] = MEMORY_ACPI,
    [MEMORY_NVS] = MEMORY_NVS,
    [MEMORY_KEPT] = MEMORY_KEPT,
    [MEMORY_RESERVED] = MEMORY_RESERVED,
    [MEMORY_RUNTIME] = MEMORY_RESERVED,
    [MEMORY_MMIO] = MEMORY_RESERVED,
    [MEMORY_LOST] = MEMORY_RESERVED,
    [MEMORY_BOOT_KEPT] = MEMORY_RESERVED,
};

const void *handoff_memory_of(const struct handoff_content *content,
                              uint32_t *bytes) {
    static struct handoff_memory memory;
    const struct boot_info *boot = content->boot;
    struct memory_range *next = memory.range;
    memory.needs = (struct handoff_needs){boot->rsdp_pa, boot->bundle_pa,
                                          boot->bundle_bytes};
    for (size_t i = 0; i < content->memory->count; i++) {
        struct memory_range r = content->memory->range[i];
        struct memory_range *last = next > memory.range ? next - 1 : NULL;
        r.kind = kind_received[r.kind];
        if (last && last->kind == r.kind && last->end == r.start)
            last->end = r.end;
        else if (r.kind != MEMORY_HOLE)
            *next++ = r;
    }
    *bytes = (uint8_t *)next - (uint8_t *)&memory;
    return &memory;
}

status_t handoff_memory_read(const void *payload, uint32_t bytes,
                             struct handoff_needs *needs,
                             struct memory_map *map) {
    status_t status = STATUS_OK;
    struct memory_range r;
    if (bytes < sizeof(*needs))
        return fail(STATUS_REFUSED, "handoff: memory has %u bytes", bytes);
    memcpy(needs, payload, sizeof(*needs));
    const uint8_t *at = (const uint8_t *)payload + sizeof(*needs);
    for (uint32_t left = bytes - sizeof(*needs); left >= sizeof(r);
         left -= sizeof(r), at += sizeof(r)) {
        memcpy(&r, at, sizeof(r));
        status_t added = memory_map_add(map, r.start, r.end - r.start, r.kind);
        status = status ? status : added;
    }
    return status;
}

static status_t read_memory(const void *payload, uint32_t bytes,
                            struct boot_info *boot) {
    struct handoff_needs needs;
    TRY(handoff_memory_read(payload, bytes, &needs, &boot->memory));
    boot->rsdp_pa = needs.rsdp_pa;
    boot->bundle_pa = needs.bundle_pa;
    boot->bundle_bytes = needs.bundle_bytes;
    return STATUS_OK;
}

static status_t write_memory(struct block_writer *to,
                             const struct handoff_content *content) {
    uint32_t bytes;
    if (!content->memory)
        return STATUS_OK;
    const void *memory = handoff_memory_of(content, &bytes);
    return node_write(to, NODE_MEMORY, memory, bytes);
}

ROW(nodes, 20_memory) = {NODE_MEMORY, read_memory, write_memory};

// ---- the firmware: struct boot_efi up to the end of its map

#define EFI_HEAD_BYTES offsetof(struct boot_efi, map)

static status_t read_firmware(const void *payload, uint32_t bytes,
                              struct boot_info *boot) {
    if (bytes >= EFI_HEAD_BYTES && bytes <= sizeof(boot->efi)) {
        memcpy(&boot->efi, payload, bytes);
        if (boot->efi.map_bytes == bytes - EFI_HEAD_BYTES)
            return STATUS_OK;
    }
    return fail(STATUS_REFUSED,
                "handoff: the firmware has %u bytes, with an EFI memory map of "
                "%lu",
                bytes, boot->efi.map_bytes);
}

static status_t write_firmware(struct block_writer *to,
                               const struct handoff_content *content) {
    const struct boot_efi *efi = content->efi;
    if (!efi || efi->map_bytes == 0)
        return STATUS_OK;
    return node_write(to, NODE_FIRMWARE, efi, EFI_HEAD_BYTES + efi->map_bytes);
}

ROW(nodes, 30_firmware) = {NODE_FIRMWARE, read_firmware, write_firmware};
