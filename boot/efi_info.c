// The firmware in boot_params, read and written: see the header.

#include "boot/efi_info.h"

#include "lib/string.h"

#define SIGNATURE_EL64 0x34364c45 // "EL64": the firmware is 64-bit

status_t efi_info_read(const struct sender *from, struct boot_efi *to) {
    struct efi_info copy = from->params->efi_info, *efi = &copy;
    if (efi->efi_loader_signature == 0)
        return STATUS_OK;
    pa_t map_pa = sender_join(efi->efi_memmap_hi, efi->efi_memmap);
    const void *map = efi->efi_memmap_size <= sizeof(to->map)
                          ? sender_read(from, map_pa, efi->efi_memmap_size)
                          : NULL;
    if (!map || efi->efi_loader_signature != SIGNATURE_EL64)
        return fail(STATUS_REFUSED,
                    "boot_params: EFI loader signature %#x, EFI memory map of "
                    "%u bytes at %#lx; expected EL64 (%#x), and at most "
                    "%zu bytes in memory",
                    efi->efi_loader_signature, efi->efi_memmap_size, map_pa,
                    SIGNATURE_EL64, sizeof(to->map));
    to->system_table_pa = sender_join(efi->efi_systab_hi, efi->efi_systab);
    to->descriptor_bytes = efi->efi_memdesc_size;
    to->descriptor_version = efi->efi_memdesc_version;
    to->map_bytes = efi->efi_memmap_size;
    memcpy(to->map, map, efi->efi_memmap_size);
    return STATUS_OK;
}

status_t efi_info_write(struct block_writer *to, const struct boot_efi *efi,
                        struct boot_params *params) {
    pa_t pa;
    if (efi->map_bytes == 0)
        return STATUS_OK;
    TRY(block_put(to, efi->map, efi->map_bytes, &pa));
    struct efi_info info = {.efi_loader_signature = SIGNATURE_EL64};
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

// ---- SETUP_EFI

static status_t read_setup(const void *payload, uint32_t bytes,
                           struct boot_info *boot) {
    if (bytes < sizeof(boot->efi_setup))
        return fail(STATUS_REFUSED, "handoff: SETUP_EFI has %u bytes, not %zu",
                    bytes, sizeof(boot->efi_setup));
    memcpy(&boot->efi_setup, payload, sizeof(boot->efi_setup));
    boot->has_efi_setup = true;
    return STATUS_OK;
}

static status_t write_setup(struct block_writer *to,
                            const struct handoff_content *content) {
    if (!content->with_efi_setup)
        return STATUS_OK;
    return node_write(to, SETUP_EFI, &content->efi_setup,
                      sizeof(content->efi_setup));
}

ROW(nodes, 10_efi) = {SETUP_EFI, read_setup, write_setup};
