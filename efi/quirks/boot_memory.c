// Boot-services memory is free after ExitBootServices, but some firmware still
// uses it in SetVirtualAddressMap. Only generation 0 can allow that.

#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/quirk.h"
#include "efi/quirks/excluded.h"
#include "efi/space.h"

// Whole pages of it, for what is in use may end in the middle of one. And page
// 0, whatever the map says of it: drivers have been seen to look there when
// SetVirtualAddressMap is called (Linux maps it for them since 2016).
static status_t map(const struct memory_map *memory) {
    struct page_table *table = &firmware_table;
    for (size_t i = 0; i < memory->count; i++) {
        const struct memory_range *r = &memory->range[i];
        pa_t start = align_up(r->start, PAGE_SIZE);
        pa_t end = align_down(r->end, PAGE_SIZE);
        if (r->kind == MEMORY_BOOT_SERVICES && start < end)
            TRY(page_table_map(table, start, start, end - start, MAP_ANY));
    }
    pa_t pa;
    if (page_table_translate(table, 0, &pa))
        return STATUS_OK;
    return page_table_map(table, 0, 0, PAGE_SIZE, MAP_WRITE);
}

static status_t map_for_call(struct boot_info *boot) {
    return map(&boot->memory);
}

// Where its code is not mapped the call is not tried: it is left to a later
// kernel, which can still go without it.
status_t efi_exclude_lost_entry(const struct efi_mode *mode,
                                const struct memory_map *memory) {
    va_t entry = firmware->runtime.service[EFI_SET_VIRTUAL_ADDRESS_MAP];
    pa_t end;
    if (!mode->calls_svam || firmware->svam == SVAM_INHERITED ||
        efi_region_of_pa(&firmware->regions, entry, 1) ||
        (memory_map_kind_at(memory, entry, &end) == MEMORY_BOOT_SERVICES &&
         efi_tolerates("svam-in-boot-memory")))
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "SetVirtualAddressMap is at %#lx, in no runtime region, nor in "
                "boot-services memory, which is mapped in generation 0 alone",
                entry);
}

ROW(quirks, svam_in_boot_memory) = {
    .name = "svam-in-boot-memory",
    .does = "SetVirtualAddressMap itself is in boot-services memory",
    .remedy = "that memory is mapped during the call, and freed after it",
    .source = "U-Boot 2023.01 efi_runtime.c; Linux 916f676f8dc0 of 2011"};

ROW(openings, 50_boot_memory) = {OPENING_SVAM, map_for_call};
