// The complete memory map: what the loader reports, what the firmware uses, and
// what this kernel occupies itself.

#include "kernel/memory.h"

#include "efi/region.h"
#include "kernel/stage.h"
#include "mm/space.h"

// Bundle memory is handed on as RAM, so it must be RAM, and not have any other
// use. Boot services that a Linux keeps are allowed: see efi/region.c.
static status_t check_bundle(const struct boot_info *boot) {
    const uint32_t free = MEMORY_FREE | 1u << MEMORY_BOOT_KEPT;
    uint32_t other = ~free & memory_map_kinds(&boot->memory, boot->bundle_pa,
                                              boot->bundle_bytes);
    if (other == 0)
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "bundle: %#lx bytes at %#lx are not free memory: %s",
                boot->bundle_bytes, boot->bundle_pa,
                memory_kind_name(__builtin_ctz(other)));
}

// Firmware, image and bundle overlay what the loader reports as free.
status_t memory_complete(struct boot_info *boot, pa_t image_pa) {
    if (boot->efi.map_bytes)
        tolerate("efi-map", efi_map_merge(&boot->efi, &boot->memory));
    if (tolerate("bundle", check_bundle(boot)))
        boot->bundle_pa = boot->bundle_bytes = 0;
    TRY(memory_map_put(&boot->memory, image_pa, image_end - text_start,
                       MEMORY_IN_USE));
    // Whole pages: the direct map has no other, and none that are free above
    // the frames (mm/space.c), where a Linux may put the bundle.
    pa_t start = align_down(boot->bundle_pa, PAGE_SIZE);
    pa_t end = align_up(boot->bundle_pa + boot->bundle_bytes, PAGE_SIZE);
    return memory_map_put(&boot->memory, start, end - start, MEMORY_IN_USE);
}
