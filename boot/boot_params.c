// The way in of every kexec: Linux's boot_params (Documentation/x86/boot.rst),
// written by an earlier Baton or by Linux.
//
// Two degrees of trust. The memory map and the command line are needed to live
// at all, so they are checked for sense and used. Firmware addresses are used
// only if they are beyond doubt: where Baton's own node fails its checks, all
// that concerns the firmware is dropped, with the reason, and the rest goes on.
// So is the framebuffer, an address that will be written to.

#include <asm/bootparam.h>

#include "boot/boot_info.h"
#include "boot/e820.h"
#include "lib/crc32.h"
#include "lib/format.h"
#include "lib/options.h"
#include "lib/string.h"

#define SETUP_NODES_MAX 64
#define BLOCK_BYTES_MAX MIB
#define LOADER_KEXEC    0xd0 // type_of_loader of both of Linux's kexecs

static uint64_t join(uint32_t high, uint32_t low) {
    return (uint64_t)high << 32 | low;
}

// ---- what is needed to live

static status_t read_e820(const struct boot_params *params,
                          struct boot_info *boot) {
    if (params->e820_entries > E820_MAX_ENTRIES_ZEROPAGE)
        return fail(STATUS_INVALID,
                    "boot_params: %u e820 entries; there is room for %u",
                    params->e820_entries, E820_MAX_ENTRIES_ZEROPAGE);
    for (unsigned i = 0; i < params->e820_entries; i++) {
        struct boot_e820_entry entry = params->e820_table[i];
        enum memory_kind kind =
            entry.type == E820_KEPT ? MEMORY_KEPT : e820_kind(entry.type);
        TRY(memory_map_add(&boot->memory, entry.addr, entry.size, kind));
    }
    return STATUS_OK;
}

static status_t read_command_line(const struct boot_params *params,
                                  memory_reader read, struct boot_info *boot) {
    pa_t pa = join(params->ext_cmd_line_ptr, params->hdr.cmd_line_ptr);
    if (pa == 0)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof(boot->command_line); i++) {
        const char *at = range_fits(pa, i) ? read(pa + i, 1) : NULL;
        if (!at)
            return fail(STATUS_INVALID,
                        "boot_params: command line at %#lx is not in memory",
                        pa);
        boot->command_line[i] = *at;
        if (*at == '\0')
            return STATUS_OK;
    }
    return fail(STATUS_INVALID,
                "boot_params: command line at %#lx is longer than %zu bytes",
                pa, sizeof(boot->command_line) - 1);
}

static void read_bundle(const struct boot_params *params,
                        struct boot_info *boot) {
    boot->bundle_pa =
        join(params->ext_ramdisk_image, params->hdr.ramdisk_image);
    boot->bundle_bytes =
        join(params->ext_ramdisk_size, params->hdr.ramdisk_size);
}

// ---- what is said of the firmware

// struct efi_info: a map with the addresses that SetVirtualAddressMap was
// given.
static status_t read_efi_info(const struct boot_params *params,
                              memory_reader read, struct boot_info *boot) {
    struct efi_info copy = params->efi_info, *efi = &copy;
    if (efi->efi_loader_signature == 0)
        return STATUS_OK;
    if (memcmp(&efi->efi_loader_signature, "EL64", 4) != 0)
        return fail(STATUS_REFUSED,
                    "boot_params: EFI loader signature %#x is not EL64",
                    efi->efi_loader_signature);
    pa_t map_pa = join(efi->efi_memmap_hi, efi->efi_memmap);
    if (efi->efi_memmap_size > sizeof(boot->efi.map))
        return fail(
            STATUS_REFUSED,
            "boot_params: EFI memory map of %u bytes; there is room for %zu",
            efi->efi_memmap_size, sizeof(boot->efi.map));
    const void *map = read(map_pa, efi->efi_memmap_size);
    if (!map)
        return fail(STATUS_REFUSED,
                    "boot_params: EFI memory map at %#lx is not in memory",
                    map_pa);
    boot->efi.system_table_pa = join(efi->efi_systab_hi, efi->efi_systab);
    boot->efi.descriptor_bytes = efi->efi_memdesc_size;
    boot->efi.descriptor_version = efi->efi_memdesc_version;
    boot->efi.map_bytes = efi->efi_memmap_size;
    memcpy(boot->efi.map, map, efi->efi_memmap_size);
    return STATUS_OK;
}

// A block that has room for boot_params has room for the node, too.
_Static_assert(sizeof(struct handoff) <= sizeof(struct boot_params),
               "the check of block_bytes below relies on it");

static bool handoff_has_shape(const struct handoff *handoff, uint32_t bytes) {
    return bytes == sizeof(*handoff) && handoff->magic == HANDOFF_MAGIC &&
           handoff->version == HANDOFF_VERSION &&
           handoff->bytes == sizeof(*handoff) &&
           handoff->block_bytes >= sizeof(struct boot_params) &&
           handoff->block_bytes <= BLOCK_BYTES_MAX &&
           handoff->life_count <= HANDOFF_LINEAGE_MAX &&
           handoff->attribute_count <= HANDOFF_ATTRIBUTES_MAX &&
           strnlen(handoff->mode, sizeof(handoff->mode)) <
               sizeof(handoff->mode);
}

// The CRC of the block, with the four bytes that hold it counted as zero.
static uint32_t block_crc(const uint8_t *block, uint32_t bytes, size_t crc_at) {
    static const uint8_t zero[sizeof(uint32_t)];
    uint32_t crc = crc32(0, block, crc_at);
    crc = crc32(crc, zero, sizeof(zero));
    size_t after = crc_at + sizeof(zero);
    return crc32(crc, block + after, bytes - after);
}

static status_t read_handoff(pa_t pa, uint32_t bytes, memory_reader read,
                             struct boot_info *boot) {
    const struct handoff *handoff = read(pa, sizeof(*handoff));
    if (!handoff || !is_aligned(pa, 8) || !handoff_has_shape(handoff, bytes))
        return fail(STATUS_REFUSED,
                    "handoff: node of %u bytes at %#lx is not version %d of "
                    "Baton's own",
                    bytes, pa, HANDOFF_VERSION);

    pa_t block_pa = handoff->block_pa;
    uint32_t block_bytes = handoff->block_bytes;
    const uint8_t *block = read(block_pa, block_bytes);
    if (!block || pa < block_pa ||
        pa - block_pa > block_bytes - sizeof(*handoff))
        return fail(
            STATUS_REFUSED,
            "handoff: node at %#lx lies outside its block of %#x bytes at %#lx",
            pa, block_bytes, block_pa);

    size_t crc_at = pa - block_pa + offsetof(struct handoff, block_crc);
    uint32_t crc = block_crc(block, block_bytes, crc_at);
    if (crc != handoff->block_crc)
        return fail(STATUS_REFUSED,
                    "handoff: the block at %#lx has CRC %#x, its sender "
                    "computed %#x: it was damaged on the way",
                    block_pa, crc, handoff->block_crc);
    boot->handoff = *handoff;
    boot->has_handoff = true;
    return STATUS_OK;
}

static status_t read_efi_setup(pa_t pa, uint32_t bytes, memory_reader read,
                               struct boot_info *boot) {
    struct efi_setup *setup = &boot->efi_setup;
    const void *found = read(pa, sizeof(*setup));
    if (!found || bytes < sizeof(*setup))
        return fail(STATUS_REFUSED,
                    "handoff: SETUP_EFI at %#lx has %u bytes; it takes %zu", pa,
                    bytes, sizeof(*setup));
    memcpy(setup, found, sizeof(*setup));
    boot->has_efi_setup = true;
    return STATUS_OK;
}

static const struct node_reader {
    uint32_t type;
    status_t (*read)(pa_t pa, uint32_t bytes, memory_reader read,
                     struct boot_info *boot);
} node_readers[] = {
    {SETUP_EFI, read_efi_setup},
    {SETUP_BATON, read_handoff},
};

static status_t read_node(const struct setup_data *node, pa_t payload_pa,
                          memory_reader read, struct boot_info *boot) {
    for (size_t i = 0; i < ARRAY_SIZE(node_readers); i++)
        if (node_readers[i].type == node->type)
            return node_readers[i].read(payload_pa, node->len, read, boot);
    return STATUS_OK;
}

// Follows the chain of setup_data; the bound ends a chain that bites its tail.
static status_t read_setup_data(pa_t pa, memory_reader read,
                                struct boot_info *boot) {
    for (unsigned i = 0; pa != 0; i++) {
        struct setup_data node; // a copy: nobody says that chains are aligned
        const void *found = read(pa, sizeof(node));
        if (!found)
            return fail(STATUS_REFUSED,
                        "handoff: setup_data at %#lx is not in memory", pa);
        if (i == SETUP_NODES_MAX)
            return fail(STATUS_REFUSED,
                        "handoff: setup_data goes on after %u nodes, at %#lx",
                        i, pa);
        memcpy(&node, found, sizeof(node));
        TRY(read_node(&node, pa + sizeof(node), read, boot));
        pa = node.next;
    }
    return STATUS_OK;
}

// Only Linux sends no node of ours. If Baton's is missing, the chain was
// damaged where no checksum sees it; and a node vouches only for the block it
// lies in.
static status_t check_sender(const struct boot_params *params, pa_t params_pa,
                             const struct boot_info *boot) {
    if (!boot->has_handoff && params->hdr.type_of_loader != LOADER_KEXEC)
        return fail(STATUS_REFUSED,
                    "handoff: loader of type %#x is not Linux, but sent no "
                    "node of Baton's either: it was lost on the way",
                    params->hdr.type_of_loader);
    if (boot->has_handoff && boot->handoff.block_pa != params_pa)
        return fail(STATUS_REFUSED,
                    "handoff: its node vouches for the boot_params at %#lx, "
                    "not for those at %#lx",
                    boot->handoff.block_pa, params_pa);
    return STATUS_OK;
}

// Linux drops our node but keeps the page with a copy, since e820 says that it
// is reserved, and the word on the command line that says where it is.
static status_t read_keepsake(memory_reader read, struct boot_info *boot) {
    pa_t pa;
    TRY(option_number(boot->command_line, KEEPSAKE_WORD, 0, UINT64_MAX, 0,
                      &pa));
    if (pa == 0 || boot->has_handoff)
        return STATUS_OK;
    const struct memory_range *range = memory_map_find(&boot->memory, pa);
    if (!range || range->kind != MEMORY_RESERVED || range->end - pa < PAGE_SIZE)
        return fail(STATUS_REFUSED,
                    "handoff: " KEEPSAKE_WORD "=%#lx is no reserved memory: "
                    "nobody kept what was there",
                    pa);
    boot->through_linux = true;
    return read_handoff(pa, sizeof(struct handoff), read, boot);
}

// Whatever of it is refused, the kernel lives on without the firmware.
static status_t read_firmware(const struct boot_params *params, pa_t params_pa,
                              memory_reader read, struct boot_info *boot) {
    TRY(read_efi_info(params, read, boot));
    TRY(read_setup_data(params->hdr.setup_data, read, boot));
    TRY(check_sender(params, params_pa, boot));
    return read_keepsake(read, boot);
}

static void drop_firmware(struct boot_info *boot, status_t status) {
    memset(&boot->efi, 0, sizeof(boot->efi));
    memset(&boot->efi_setup, 0, sizeof(boot->efi_setup));
    memset(&boot->handoff, 0, sizeof(boot->handoff));
    memset(&boot->screen, 0, sizeof(boot->screen));
    boot->has_efi_setup = boot->has_handoff = boot->through_linux = false;
    boot->handoff_status = status;
    str_copy(boot->handoff_why, sizeof(boot->handoff_why), why());
}

// ---- both

status_t boot_params_read(pa_t params_pa, memory_reader read,
                          struct boot_info *boot) {
    memset(boot, 0, sizeof(*boot));
    boot->via = VIA_BOOT_PARAMS;
    const struct boot_params *params = read(params_pa, sizeof(*params));
    if (!params)
        return fail(STATUS_INVALID, "boot_params at %#lx are not in memory",
                    params_pa);

    TRY(read_e820(params, boot));
    TRY(read_command_line(params, read, boot));
    read_bundle(params, boot);
    boot->rsdp_pa = params->acpi_rsdp_addr;
    boot->screen = params->screen_info;

    status_t status = read_firmware(params, params_pa, read, boot);
    if (status)
        drop_firmware(boot, status);
    bool from_linux = params->hdr.type_of_loader == LOADER_KEXEC;
    str_copy(boot->loader, sizeof(boot->loader),
             from_linux ? "linux" : "baton");
    return STATUS_OK;
}
