// Where the vendor's name matters: memory of quirk data-in-free-memory is kept
// before any is used, and the log says who made the firmware.

#include "efi/config/config.h"
#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/quirks/vendor.h"
#include "kernel/stage.h"
#include "lib/format.h"
#include "lib/log.h"
#include "mm/early.h"
#include "mm/space.h"

STAGE(EARLY, 50_free_memory, "efi-map") {
    struct boot_info *boot = &kernel->boot;
    if (boot->via != VIA_MULTIBOOT2)
        return STATUS_OK;
    return efi_keep_free_memory(&boot->efi, early_read, &boot->memory);
}

// "EDK II, UEFI 2.70". If the name is in no runtime region, only generation 0
// can read it.
static status_t report(struct boot_info *boot) {
    char name[EFI_VENDOR_BYTES];
    pa_t pa = firmware->setup.firmware_vendor_pa;
    uint32_t revision = firmware->system.header.revision;
    struct efi_config_list list = efi_config_list();
    bool is_kept = boot->via == VIA_MULTIBOOT2 ||
                   efi_region_of_pa(&firmware->regions, pa, 1);
    if (is_kept || !pa)
        efi_vendor_name(pa, physical_read, name);
    else
        format(name, sizeof(name),
               "a firmware whose name, at %#lx, was not kept", pa);
    bool is_read = list.count == 0 || efi_config_readable(&list, physical_read);
    say("efi: %s, UEFI %u.%u, %u-bit, %lu configuration tables%s%s", name,
        revision >> 16, (revision & 0xffff) / 10, 8 * list.word_bytes,
        list.count,
        is_read ? "" : ", none of them read: ", is_read ? "" : why());
    return STATUS_OK;
}

ROW(openings, 90_vendor) = {OPENING_MAPPED, report};
