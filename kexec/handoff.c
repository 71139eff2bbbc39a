// Lays a handoff out: see boot/handoff.h for the drawing.

#include "kexec/handoff.h"

#include <asm/bootparam.h>

#include "boot/e820.h"
#include "kexec/image.h"
#include "lib/crc32.h"
#include "lib/string.h"

#define HEADER_END_AT    0x201 // holds the length of what follows 0x202
#define LOADER_UNDEFINED 0xff
#define NODE_ALIGNMENT   16

// A block that is filled from its start.
struct writer {
    uint8_t *block;
    pa_t block_pa;
    uint64_t used;
};

// Puts it behind what is there, at *pa. NO_MEMORY: the block is full.
static status_t put(struct writer *writer, const void *data, uint64_t bytes,
                    pa_t *pa) {
    uint64_t start = align_up(writer->used, NODE_ALIGNMENT);
    *pa = writer->block_pa + start;
    if (bytes > HANDOFF_BLOCK_BYTES - start)
        return fail(STATUS_NO_MEMORY,
                    "handoff: %lu bytes more than %lu do not fit into %lu",
                    bytes, start, HANDOFF_BLOCK_BYTES);
    memcpy(writer->block + start, data, bytes);
    writer->used = start + bytes;
    return STATUS_OK;
}

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

// Fills `entry`, which has room for MEMORY_MAP_MAX; returns how many there are.
static uint32_t list_memory(const struct memory_map *memory,
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

// boot.rst: zero everything, then take the setup header from the image, as much
// as it says it has, and nothing else.
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

static status_t write_command_line(struct writer *writer, const char *line,
                                   struct boot_params *params) {
    pa_t pa;
    TRY(put(writer, line, strlen(line) + 1, &pa));
    params->hdr.cmd_line_ptr = (uint32_t)pa;
    params->ext_cmd_line_ptr = pa >> 32;
    return STATUS_OK;
}

static status_t write_efi(struct writer *writer, const struct boot_efi *efi,
                          struct boot_params *params) {
    pa_t pa;
    if (efi->map_bytes == 0)
        return STATUS_OK;
    TRY(put(writer, efi->map, efi->map_bytes, &pa));
    struct efi_info info = {0};
    memcpy(&info.efi_loader_signature, "EL64", 4);
    info.efi_systab = (uint32_t)efi->system_table_pa;
    info.efi_systab_hi = efi->system_table_pa >> 32;
    info.efi_memdesc_size = efi->descriptor_bytes;
    info.efi_memdesc_version = efi->descriptor_version;
    info.efi_memmap = (uint32_t)pa;
    info.efi_memmap_hi = pa >> 32;
    info.efi_memmap_size = efi->map_bytes;
    params->efi_info = info;
    return STATUS_OK;
}

_Static_assert(sizeof(struct setup_data) % NODE_ALIGNMENT == 0,
               "a payload lies right behind the head of its node");

// Puts a node at the head of the chain.
static status_t write_node(struct writer *writer, uint32_t type,
                           const void *payload, uint32_t bytes,
                           struct boot_params *params) {
    struct setup_data head = {params->hdr.setup_data, type, bytes};
    pa_t head_pa, payload_pa;
    TRY(put(writer, &head, sizeof(head), &head_pa));
    TRY(put(writer, payload, bytes, &payload_pa));
    params->hdr.setup_data = head_pa;
    return STATUS_OK;
}

_Static_assert(HANDOFF_ACCOUNT_AT + sizeof(struct handoff_account) +
                       MEMORY_MAP_MAX * sizeof(struct boot_e820_entry) <
                   HANDOFF_BLOCK_BYTES,
               "the list of memory alone always fits");

// The list of memory as a whole, and again in boot_params and, if they have not
// enough room, in SETUP_E820_EXT.
static status_t write_memory(struct writer *writer,
                             const struct memory_map *memory,
                             struct boot_params *params) {
    struct handoff_account *account =
        (void *)(writer->block + HANDOFF_ACCOUNT_AT);
    uint32_t count = list_memory(memory, account->entry);
    uint32_t here = min_u64(count, E820_MAX_ENTRIES_ZEROPAGE);
    uint32_t entry_bytes = sizeof(account->entry[0]);
    account->count = count;
    writer->used = HANDOFF_ACCOUNT_AT + sizeof(*account) + count * entry_bytes;
    params->e820_entries = here;
    memcpy(params->e820_table, account->entry, here * entry_bytes);
    if (count == here)
        return STATUS_OK;
    return write_node(writer, SETUP_E820_EXT, account->entry + here,
                      (count - here) * entry_bytes, params);
}

static void seal_account(uint8_t *block) {
    struct handoff_account *account = (void *)(block + HANDOFF_ACCOUNT_AT);
    account->needs = handoff_needs_of((struct boot_params *)block);
    account->crc = crc32(0, &account->needs,
                         sizeof(account->needs) +
                             account->count * sizeof(account->entry[0]));
}

static status_t write_nodes(struct writer *writer,
                            const struct handoff_content *content,
                            struct boot_params *params) {
    if (content->with_efi_setup)
        TRY(write_node(writer, SETUP_EFI, &content->efi_setup,
                       sizeof(content->efi_setup), params));
    return write_node(writer, SETUP_BATON, content->baton,
                      sizeof(*content->baton), params);
}

static void seal(struct writer *writer, struct handoff *baton) {
    baton->magic = HANDOFF_MAGIC;
    baton->version = HANDOFF_VERSION;
    baton->bytes = sizeof(*baton);
    baton->block_pa = writer->block_pa;
    baton->block_bytes = writer->used;
    baton->block_crc = 0;
    baton->block_crc = crc32(0, writer->block, writer->used);
}

void handoff_add_life(struct handoff *handoff,
                      const struct handoff_life *life) {
    if (handoff->life_count == HANDOFF_LINEAGE_MAX) {
        memmove(&handoff->life[0], &handoff->life[1],
                (HANDOFF_LINEAGE_MAX - 1) * sizeof(handoff->life[0]));
        handoff->life_count--;
    }
    handoff->life[handoff->life_count++] = *life;
}

void handoff_keep(const struct handoff *baton, void *page, pa_t page_pa) {
    struct writer writer = {page, page_pa, PAGE_SIZE};
    memcpy(page, baton, sizeof(*baton));
    seal(&writer, page);
}

status_t handoff_write(const struct handoff_content *content, void *block,
                       pa_t block_pa) {
    struct boot_params *params = block;
    struct writer writer = {block, block_pa, 0};
    write_params(content, params);
    TRY(write_memory(&writer, content->memory, params));
    TRY(write_command_line(&writer, content->command_line, params));
    seal_account(block);
    TRY(write_efi(&writer, content->efi, params));
    TRY(write_nodes(&writer, content, params));
    // The node that is sealed is what was written last.
    seal(&writer, (struct handoff *)(writer.block + writer.used) - 1);
    return STATUS_OK;
}
