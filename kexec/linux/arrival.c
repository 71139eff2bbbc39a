// boot_params that a Linux left (Documentation/x86/boot.rst). No CRC vouches
// for them, so they are believed within bounds: the parts may be anywhere, but
// only in memory that Linux's own list has.

#include "boot/e820.h"
#include "kexec/linux/linux.h"
#include "kexec/linux/params.h"
#include "lib/string.h"

#define HEADER_MAGIC 0x53726448 // "HdrS", of the image's setup header
#define LOADER_KEXEC 0xd0       // type_of_loader of both of Linux's kexecs
#define NODES_MAX    64         // so that a cyclic chain ends

static memory_reader read_any;
static const struct memory_map *listed; // NULL: not read yet

static const void *read_listed(pa_t pa, uint64_t bytes) {
    bool absent =
        listed && memory_map_kinds(listed, pa, bytes) & 1u << MEMORY_HOLE;
    return absent ? NULL : read_any(pa, bytes);
}

// ---- setup_data

typedef status_t (*node_reader)(const void *payload, uint32_t bytes,
                                struct boot_info *boot);

static status_t read_node(const struct setup_data *node, pa_t payload_pa,
                          node_reader take, struct boot_info *boot) {
    const void *payload = read_listed(payload_pa, node->len);
    if (payload)
        return take(payload, node->len, boot);
    return fail(STATUS_REFUSED,
                "boot_params: node of type %#x at %#lx has %u bytes, which are "
                "not in memory",
                node->type, payload_pa, node->len);
}

// Follows the chain, and gives each node of that type to `take`.
static status_t read_nodes(pa_t pa, uint32_t type, node_reader take,
                           struct boot_info *boot) {
    for (unsigned i = 0; pa != 0; i++) {
        struct setup_data node; // a copy: a chain need not be aligned
        const void *found = read_listed(pa, sizeof(node));
        if (!found || i == NODES_MAX)
            return fail(STATUS_REFUSED,
                        "boot_params: setup_data at %#lx is not in memory, or "
                        "the chain goes on after %u nodes",
                        pa, i);
        memcpy(&node, found, sizeof(node));
        if (node.type == type)
            TRY(read_node(&node, pa + sizeof(node), take, boot));
        pa = node.next;
    }
    return STATUS_OK;
}

static status_t take_memory(const void *payload, uint32_t bytes,
                            struct boot_info *boot) {
    return e820_add(payload, bytes / sizeof(struct boot_e820_entry),
                    &boot->memory);
}

static status_t take_setup(const void *payload, uint32_t bytes,
                           struct boot_info *boot) {
    struct efi_setup *setup = &boot->efi.setup;
    if (bytes < sizeof(*setup))
        return fail(STATUS_REFUSED,
                    "boot_params: SETUP_EFI has %u bytes, not %zu", bytes,
                    sizeof(*setup));
    memcpy(setup, payload, sizeof(*setup));
    boot->efi.has_setup = true;
    return STATUS_OK;
}

// ---- boot_params themselves

static status_t read_memory(const struct boot_params *params,
                            struct boot_info *boot) {
    const struct setup_header *hdr = &params->hdr;
    boot->bundle_pa =
        join_halves(params->ext_ramdisk_image, hdr->ramdisk_image);
    boot->bundle_bytes =
        join_halves(params->ext_ramdisk_size, hdr->ramdisk_size);
    boot->rsdp_pa = params->acpi_rsdp_addr;
    boot->screen = params->screen_info;
    if (params->e820_entries > E820_MAX_ENTRIES_ZEROPAGE)
        return fail(STATUS_INVALID,
                    "boot_params: %u e820 entries; the limit is %u",
                    params->e820_entries, E820_MAX_ENTRIES_ZEROPAGE);
    TRY(e820_add(params->e820_table, params->e820_entries, &boot->memory));
    return read_nodes(hdr->setup_data, SETUP_E820_EXT, take_memory, boot);
}

static status_t read_command_line(const struct boot_params *params,
                                  char *line) {
    pa_t pa = join_halves(params->ext_cmd_line_ptr, params->hdr.cmd_line_ptr);
    for (size_t i = 0; pa && i < COMMAND_LINE_MAX; i++) {
        const char *at = range_fits(pa, i) ? read_listed(pa + i, 1) : NULL;
        if (!at)
            return fail(STATUS_REFUSED,
                        "boot_params: command line at %#lx is not in memory",
                        pa);
        line[i] = *at;
        if (*at == '\0')
            return STATUS_OK;
    }
    if (pa == 0)
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "boot_params: command line at %#lx is longer than %d bytes", pa,
                COMMAND_LINE_MAX - 1);
}

// Copies system table and map, still unchecked.
static status_t read_efi(const struct boot_params *params,
                         struct boot_efi *to) {
    struct efi_info efi = params->efi_info;
    const struct linux_width *width =
        linux_width_signed(efi.efi_loader_signature);
    pa_t map_pa = join_halves(efi.efi_memmap_hi, efi.efi_memmap);
    const void *map = efi.efi_memmap_size <= sizeof(to->map)
                          ? read_listed(map_pa, efi.efi_memmap_size)
                          : NULL;
    if (!map || !width)
        return fail(STATUS_REFUSED,
                    "boot_params: EFI loader signature %#x, EFI memory map of "
                    "%u bytes at %#lx; expected EL64 (%#x) or EL32 (%#x), and "
                    "at most %zu bytes in memory",
                    efi.efi_loader_signature, efi.efi_memmap_size, map_pa,
                    EFI_SIGNATURE_64, EFI_SIGNATURE_32, sizeof(to->map));
    to->word_bytes = width->word_bytes;
    to->system_table_pa = join_halves(efi.efi_systab_hi, efi.efi_systab);
    to->descriptor_bytes = efi.efi_memdesc_size;
    to->descriptor_version = efi.efi_memdesc_version;
    to->map_bytes = efi.efi_memmap_size;
    memcpy(to->map, map, efi.efi_memmap_size);
    return STATUS_OK;
}

// A Linux that uses the firmware describes it, and its own call, of which the
// handoff from before it knows nothing. One that does not use it (noefi, or
// 32-bit firmware of another kernel's mapping) says nothing, and cannot have
// changed anything: the description in that handoff still holds.
static status_t read_firmware(const struct boot_params *params,
                              struct boot_info *boot) {
    TRY(linux_preserved(read_listed, boot));
    if (params->efi_info.efi_loader_signature == 0)
        return STATUS_OK;
    boot->efi.has_setup = false;
    TRY(read_efi(params, &boot->efi));
    TRY(read_nodes(params->hdr.setup_data, SETUP_EFI, take_setup, boot));
    boot->svam = boot->efi.has_setup ? BOOT_SVAM_LINUX : BOOT_SVAM_NONE;
    return STATUS_OK;
}

status_t linux_params_read(pa_t params_pa, memory_reader read,
                           struct boot_info *boot) {
    const struct boot_params *params = read(params_pa, sizeof(*params));
    if (!params || params->hdr.header != HEADER_MAGIC ||
        params->hdr.type_of_loader != LOADER_KEXEC)
        return STATUS_OK;
    read_any = read;
    listed = NULL;
    boot->handoff_status = STATUS_OK;
    boot->handoff_why[0] = '\0';
    str_copy(boot->loader, sizeof(boot->loader), "linux");
    status_t status = read_memory(params, boot);
    if (status == STATUS_INVALID)
        return status;
    listed = &boot->memory;
    status_t line = read_command_line(params, boot->command_line);
    if (line)
        boot->command_line[0] = '\0'; // half a line may say something else
    status = status ? status : line;
    if (status == STATUS_OK)
        status = read_firmware(params, boot);
    if (status)
        handoff_drop(boot, status);
    return STATUS_OK;
}

ROW(unsealed, 50_linux) = {linux_params_read};
