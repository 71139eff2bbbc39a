// boot_params for a Linux, in one block of memory:
//
//   boot_params │ command line │ EFI map │ setup_data nodes

#include "kexec/linux/params.h"

#include "kexec/image.h"
#include "kexec/linux/linux.h"
#include "lib/string.h"

#define COMMAND_LINE_AT  sizeof(struct boot_params)
#define HEADER_END_AT    0x201 // holds the length of what follows 0x202
#define LOADER_UNDEFINED 0xff
#define ALIGNMENT        16

struct block {
    uint8_t *at;
    pa_t pa;
    uint64_t used;
    void *link; // of the chain: where the address of the next node goes
};

static status_t put(struct block *to, const void *data, uint64_t bytes,
                    pa_t *pa) {
    uint64_t start = align_up(to->used, ALIGNMENT);
    if (bytes > HANDOFF_BLOCK_MAX - start)
        return fail(STATUS_NO_MEMORY,
                    "boot_params: %lu bytes more than %lu do not fit into %lu",
                    bytes, start, HANDOFF_BLOCK_MAX);
    memcpy(to->at + start, data, bytes);
    to->used = start + bytes;
    *pa = to->pa + start;
    return STATUS_OK;
}

_Static_assert(sizeof(struct setup_data) % ALIGNMENT == 0,
               "a payload follows right behind the head of its node");

static status_t put_node(struct block *to, uint32_t type, const void *payload,
                         uint32_t bytes) {
    struct setup_data head = {0, type, bytes};
    pa_t head_pa, payload_pa;
    TRY(put(to, &head, sizeof(head), &head_pa));
    TRY(put(to, payload, bytes, &payload_pa));
    memcpy(to->link, &head_pa, sizeof(head_pa));
    to->link = to->at + (head_pa - to->pa) + offsetof(struct setup_data, next);
    return STATUS_OK;
}

// boot.rst: zero everything, then take the setup header from the image, as much
// as its own length says, and nothing else.
static void write_header(const struct linux_content *content,
                         struct boot_params *params) {
    const uint8_t *image = content->image;
    const struct handoff_needs *needs = &content->needs;
    uint64_t end = min_u64(0x202 + image[HEADER_END_AT],
                           IMAGE_HEADER_OFFSET + sizeof(params->hdr));
    memcpy(&params->hdr, image + IMAGE_HEADER_OFFSET,
           end - IMAGE_HEADER_OFFSET);
    params->hdr.type_of_loader = LOADER_UNDEFINED;
    params->hdr.setup_data = 0;
    params->hdr.ramdisk_image = (uint32_t)needs->bundle_pa;
    params->ext_ramdisk_image = needs->bundle_pa >> 32;
    params->hdr.ramdisk_size = (uint32_t)needs->bundle_bytes;
    params->ext_ramdisk_size = needs->bundle_bytes >> 32;
    params->acpi_rsdp_addr = needs->rsdp_pa;
    params->screen_info = *content->screen;
}

static status_t write_command_line(struct block *to, const char *line,
                                   struct boot_params *params) {
    pa_t pa = to->pa + COMMAND_LINE_AT;
    if (!str_copy((char *)to->at + COMMAND_LINE_AT, COMMAND_LINE_MAX, line))
        return fail(STATUS_NO_MEMORY,
                    "boot_params: a command line of %zu bytes; the limit is %d",
                    strlen(line), COMMAND_LINE_MAX - 1);
    params->hdr.cmd_line_ptr = (uint32_t)pa;
    params->ext_cmd_line_ptr = pa >> 32;
    to->used = COMMAND_LINE_AT + COMMAND_LINE_MAX;
    return STATUS_OK;
}

// 128 ranges in boot_params, and the others in a node.
static status_t write_memory(struct block *to,
                             const struct linux_content *content,
                             struct boot_params *params) {
    static struct boot_e820_entry entry[MEMORY_MAP_MAX];
    uint32_t all = e820_list(content->memory, content->memory_bytes, entry);
    uint32_t here = min_u64(all, E820_MAX_ENTRIES_ZEROPAGE);
    params->e820_entries = here;
    memcpy(params->e820_table, entry, here * sizeof(entry[0]));
    if (all == here)
        return STATUS_OK;
    return put_node(to, SETUP_E820_EXT, entry + here,
                    (all - here) * sizeof(entry[0]));
}

static status_t write_firmware(struct block *to, const struct boot_efi *efi,
                               struct boot_params *params) {
    pa_t pa;
    if (efi->map_bytes == 0)
        return STATUS_OK;
    TRY(put(to, efi->map, efi->map_bytes, &pa));
    struct efi_info info = {.efi_loader_signature =
                                linux_width_of(efi->word_bytes)->signature};
    info.efi_systab = (uint32_t)efi->system_table_pa;
    info.efi_systab_hi = efi->system_table_pa >> 32;
    info.efi_memdesc_size = efi->descriptor_bytes;
    info.efi_memdesc_version = efi->descriptor_version;
    info.efi_memmap = (uint32_t)pa;
    info.efi_memmap_hi = pa >> 32;
    info.efi_memmap_size = efi->map_bytes;
    params->efi_info = info;
    if (!efi->has_setup)
        return STATUS_OK;
    return put_node(to, SETUP_EFI, &efi->setup, sizeof(efi->setup));
}

status_t linux_params_write(const struct linux_content *content, void *block,
                            pa_t block_pa) {
    struct boot_params *params = block;
    struct block to = {block, block_pa, 0, &params->hdr.setup_data};
    write_header(content, params);
    TRY(write_command_line(&to, content->command_line, params));
    TRY(write_firmware(&to, content->efi, params));
    return write_memory(&to, content, params);
}
