// GRUB's way in: the multiboot2 information (Multiboot2 §3.6), a list of tags
// that each have their own length.
//
// No length is used before it is compared with what is left of the whole, and
// the whole with what is readable; a list without its end tag was cut off. An
// error that makes only the firmware unusable is recorded by firmware_refuse()
// (boot/node.h).

#include "boot/multiboot2.h"
#include "boot/boot_info.h"
#include "boot/e820.h"
#include "boot/node.h"
#include "lib/log.h"
#include "lib/string.h"

#define INFO_BYTES_MAX MIB

enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_LOADER_NAME = 2,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_EFI64_SYSTEM_TABLE = 12,
    TAG_EFI_MEMORY_MAP = 17,
};

struct info_header {
    uint32_t bytes, reserved;
};

struct tag_module {
    struct tag tag;
    uint32_t start_pa, end_pa;
    char name[];
};

struct tag_memory_map {
    struct tag tag;
    uint32_t entry_bytes, entry_version;
    uint8_t entries[];
};

struct memory_map_entry {
    uint64_t start_pa, bytes;
    uint32_t type, reserved;
};

struct tag_efi_system_table {
    struct tag tag;
    uint64_t pa;
};

struct tag_efi_memory_map {
    struct tag tag;
    uint32_t descriptor_bytes, descriptor_version;
    uint8_t map[];
};

// The tag's text, if it ends inside the tag.
static const char *text_in(const struct tag *tag, size_t header_bytes) {
    const char *text = (const char *)tag + header_bytes;
    size_t size = tag->bytes - header_bytes;
    return strnlen(text, size) < size ? text : NULL;
}

static status_t read_command_line(const struct tag *tag,
                                  struct boot_info *boot) {
    const char *text = text_in(tag, sizeof(*tag));
    if (text && str_copy(boot->command_line, sizeof(boot->command_line), text))
        return STATUS_OK;
    return fail(STATUS_INVALID,
                "multiboot2: command line of %u bytes has no end, or is longer "
                "than %zu",
                tag->bytes, sizeof(boot->command_line) - 1);
}

static status_t read_loader_name(const struct tag *tag,
                                 struct boot_info *boot) {
    const char *text = text_in(tag, sizeof(*tag));
    bool grub = text && str_starts_with(text, "GRUB");
    str_copy(boot->loader, sizeof(boot->loader), grub ? "grub" : "other");
    return STATUS_OK;
}

// The bundle is the first module. GRUB keeps it out of the image's way, but not
// out of the free memory of any map: the caller has to.
static status_t read_module(const struct tag *tag, struct boot_info *boot) {
    const struct tag_module *module = (const struct tag_module *)tag;
    if (module->end_pa < module->start_pa)
        return fail(STATUS_INVALID,
                    "multiboot2: module from %#x to %#x, which is before it",
                    module->start_pa, module->end_pa);
    if (boot->bundle_bytes == 0) {
        boot->bundle_pa = module->start_pa;
        boot->bundle_bytes = module->end_pa - module->start_pa;
    } else {
        say("boot: module from %#x to %#x is not used: the first one is the "
            "bundle",
            module->start_pa, module->end_pa);
    }
    return STATUS_OK;
}

static status_t read_memory_map(const struct tag *tag, struct boot_info *boot) {
    const struct tag_memory_map *map = (const struct tag_memory_map *)tag;
    size_t step = map->entry_bytes;
    if (step < sizeof(struct memory_map_entry) || step > tag->bytes)
        return fail(STATUS_INVALID,
                    "multiboot2: memory map entries of %zu bytes; must be "
                    "%zu to %u",
                    step, sizeof(struct memory_map_entry), tag->bytes);

    size_t left = tag->bytes - sizeof(*map);
    const uint8_t *at = map->entries;
    for (; left >= step; left -= step, at += step) {
        struct memory_map_entry entry;
        memcpy(&entry, at, sizeof(entry));
        TRY(memory_map_add(&boot->memory, entry.start_pa, entry.bytes,
                           e820_kind(entry.type)));
    }
    return STATUS_OK;
}

static status_t read_system_table(const struct tag *tag,
                                  struct boot_info *boot) {
    boot->efi.system_table_pa = ((const struct tag_efi_system_table *)tag)->pa;
    boot->efi.word_bytes = 8;
    return STATUS_OK;
}

static status_t read_efi_map(const struct tag *tag, struct boot_info *boot) {
    const struct tag_efi_memory_map *map =
        (const struct tag_efi_memory_map *)tag;
    size_t bytes = tag->bytes - sizeof(*map);
    if (bytes > sizeof(boot->efi.map)) { // half a map is worse than none
        firmware_refuse(
            boot,
            fail(STATUS_REFUSED,
                 "multiboot2: EFI memory map of %zu bytes; the limit is %zu",
                 bytes, sizeof(boot->efi.map)));
        return STATUS_OK;
    }
    boot->efi.descriptor_bytes = map->descriptor_bytes;
    boot->efi.descriptor_version = map->descriptor_version;
    boot->efi.map_bytes = bytes;
    memcpy(boot->efi.map, map->map, bytes);
    return STATUS_OK;
}

ROW(tags, command_line) = {TAG_COMMAND_LINE, sizeof(struct tag) + 1,
                           read_command_line};
ROW(tags, loader) = {TAG_LOADER_NAME, sizeof(struct tag) + 1, read_loader_name};
ROW(tags, module) = {TAG_MODULE, sizeof(struct tag_module), read_module};
ROW(tags, memory) = {TAG_MEMORY_MAP, sizeof(struct tag_memory_map),
                     read_memory_map};
ROW(tags, efi64) = {TAG_EFI64_SYSTEM_TABLE, sizeof(struct tag_efi_system_table),
                    read_system_table};
ROW(tags, efi_map) = {TAG_EFI_MEMORY_MAP, sizeof(struct tag_efi_memory_map),
                      read_efi_map};

// The specification wants tags of other types to be skipped.
static status_t read_tag(const struct tag *tag, struct boot_info *boot) {
    FOR_EACH_ROW(tags, row) {
        if (row->type != tag->type)
            continue;
        if (tag->bytes < row->bytes_min)
            return fail(STATUS_INVALID,
                        "multiboot2: tag %u of %u bytes, not %u", tag->type,
                        tag->bytes, row->bytes_min);
        return row->read(tag, boot);
    }
    return STATUS_OK;
}

static status_t read_tags(const uint8_t *info, uint32_t bytes,
                          struct boot_info *boot) {
    uint32_t offset = sizeof(struct info_header);
    while (bytes - offset >= sizeof(struct tag)) {
        const struct tag *tag = (const struct tag *)(info + offset);
        if (tag->bytes < sizeof(*tag) || tag->bytes > bytes - offset)
            return fail(STATUS_INVALID,
                        "multiboot2: tag %u at offset %#x has %u bytes; %u are "
                        "left of %u",
                        tag->type, offset, tag->bytes, bytes - offset, bytes);
        if (tag->type == TAG_END)
            return STATUS_OK;
        TRY(read_tag(tag, boot));
        offset += min_u64(align_up(tag->bytes, 8), bytes - offset);
    }
    return fail(
        STATUS_INVALID,
        "multiboot2: no end tag in %u bytes: the information is truncated",
        bytes);
}

status_t multiboot2_read(pa_t info_pa, memory_reader read,
                         struct boot_info *boot) {
    memset(boot, 0, sizeof(*boot));
    boot->via = VIA_MULTIBOOT2;
    str_copy(boot->loader, sizeof(boot->loader), "other");

    const struct info_header *header =
        is_aligned(info_pa, 8) ? read(info_pa, sizeof(*header)) : NULL;
    uint32_t bytes = header ? header->bytes : 0;
    bool possible = bytes >= sizeof(*header) && bytes <= INFO_BYTES_MAX;
    const uint8_t *info = possible ? read(info_pa, bytes) : NULL;
    if (!info)
        return fail(STATUS_INVALID,
                    "multiboot2: information of %u bytes at %#lx; it takes %zu "
                    "to %lu bytes of memory, at a multiple of 8",
                    bytes, info_pa, sizeof(*header), INFO_BYTES_MAX);
    status_t status = read_tags(info, bytes, boot);
    if (boot->handoff_status) // and its tags come in any order
        memset(&boot->efi, 0, sizeof(boot->efi));
    return status;
}
