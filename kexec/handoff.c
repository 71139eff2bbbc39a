// Lays a handoff out: see boot/handoff.h for the drawing.

#include "kexec/handoff.h"

#include <asm/bootparam.h>

#include "boot/e820.h"
#include "boot/efi_info.h"
#include "kexec/image.h"
#include "lib/crc32.h"
#include "lib/string.h"

#define HEADER_END_AT    0x201 // holds the length of what follows 0x202
#define LOADER_UNDEFINED 0xff

// boot.rst: zero everything, then take the setup header from the image, as much
// as its own length says, and nothing else.
static void write_params(const struct handoff_content *content,
                         struct boot_params *params) {
    const uint8_t *image = content->image;
    uint64_t end = min_u64(0x202 + image[HEADER_END_AT],
                           IMAGE_HEADER_OFFSET + sizeof(params->hdr));
    memcpy(&params->hdr, image + IMAGE_HEADER_OFFSET,
           end - IMAGE_HEADER_OFFSET);
    params->hdr.type_of_loader = LOADER_UNDEFINED;
    params->hdr.ramdisk_image = (uint32_t)content->bundle_pa;
    params->ext_ramdisk_image = content->bundle_pa >> 32;
    params->hdr.ramdisk_size = (uint32_t)content->bundle_bytes;
    params->ext_ramdisk_size = content->bundle_bytes >> 32;
    params->acpi_rsdp_addr = content->rsdp_pa;
    params->screen_info = content->screen;
    params->hdr.setup_data = 0;
}

static status_t write_command_line(struct block_writer *to, const char *line,
                                   struct boot_params *params) {
    pa_t pa = to->block_pa + HANDOFF_COMMAND_LINE_AT;
    char *there = (char *)to->block + HANDOFF_COMMAND_LINE_AT;
    if (!str_copy(there, COMMAND_LINE_MAX, line))
        return fail(STATUS_NO_MEMORY,
                    "handoff: a command line of %zu bytes; the limit is %d",
                    strlen(line), COMMAND_LINE_MAX - 1);
    params->hdr.cmd_line_ptr = (uint32_t)pa;
    params->ext_cmd_line_ptr = pa >> 32;
    to->used = HANDOFF_SEAL_AT;
    return STATUS_OK;
}

static void write_memory(const struct handoff_content *content,
                         struct boot_params *params) {
    uint32_t here = min_u64(content->entries, E820_MAX_ENTRIES_ZEROPAGE);
    params->e820_entries = here;
    memcpy(params->e820_table, content->entry, here * sizeof(*content->entry));
}

status_t handoff_write_nodes(struct block_writer *to,
                             const struct handoff_content *content,
                             struct handoff **sealed) {
    TRY(node_write(to, SETUP_BATON, content->baton, sizeof(*content->baton)));
    *sealed = (struct handoff *)(to->block + to->used) - 1;
    FOR_EACH_ROW(nodes, row)
        if (row->write)
            TRY(row->write(to, content));
    return STATUS_OK;
}

void handoff_seal(const struct block_writer *block, struct handoff *sealed) {
    sealed->magic = HANDOFF_MAGIC;
    sealed->version = HANDOFF_VERSION;
    sealed->bytes = sizeof(*sealed);
    sealed->block_pa = block->block_pa;
    sealed->block_bytes = block->used;
    sealed->block_crc = 0;
    sealed->block_crc = crc32(0, block->block, block->used);
}

status_t handoff_write(struct handoff_content *content, void *block,
                       pa_t block_pa) {
    static struct boot_e820_entry entry[MEMORY_MAP_MAX];
    struct boot_params *params = block;
    struct handoff *sealed;
    struct block_writer to = {block, block_pa, HANDOFF_BLOCK_BYTES, 0,
                              &params->hdr.setup_data};
    content->entry = entry;
    content->entries = e820_list(content->memory, entry);
    write_params(content, params);
    write_memory(content, params);
    TRY(write_command_line(&to, content->command_line, params));
    TRY(handoff_write_nodes(&to, content, &sealed));
    TRY(efi_info_write(&to, content->efi, params));
    handoff_seal(&to, sealed);
    return STATUS_OK;
}
