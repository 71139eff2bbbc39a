// Linux as the next kernel: see the header.

#include "kexec/linux/linux.h"

#include "lib/format.h"
#include "lib/options.h"
#include "mm/layout.h"

#define LOWER_HALF_END  (1UL << 47)
#define TABLE_VERSION   2          // above it, Linux passes the table over
#define COMMAND_LINE    255        // for a cmdline_size of 0: protocol 2.05
#define TABLE_BYTES_MAX (64 * KIB) // far more than any table has

static bool can_be_at(pa_t pa) {
    return pa && is_aligned(pa, PAGE_SIZE);
}

status_t linux_can_enter(const struct setup_header *h, unsigned levels) {
    if (!(h->loadflags & LOADED_HIGH))
        return fail(STATUS_UNSUPPORTED,
                    "image: loadflags %#x: it must be below 640 KiB",
                    h->loadflags);
    if (levels == 5 && !(h->xloadflags & XLF_5LEVEL))
        return fail(STATUS_UNSUPPORTED,
                    "image: xloadflags %#x: no entry on page tables of 5 "
                    "levels, which this kernel has; with la57=off it has 4",
                    h->xloadflags);
    if (!h->relocatable_kernel && !can_be_at(h->pref_address))
        return fail(STATUS_UNSUPPORTED,
                    "image: cannot be moved from %#llx, which is 0 or no "
                    "page's start",
                    h->pref_address);
    return STATUS_OK;
}

pa_t linux_initrd_max(const struct setup_header *h) {
    return h->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G ? UINT64_MAX
                                                      : h->initrd_addr_max;
}

size_t linux_command_line_max(const struct setup_header *h) {
    return h->cmdline_size ? h->cmdline_size : COMMAND_LINE;
}

// Before each call Linux copies the upper half of its own page table over the
// firmware's, all but the window (efi_sync_low_kernel_mappings()). And it maps
// with large pages wherever an address is a multiple of one, whatever the
// frame.
status_t linux_can_keep(const struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *r = &regions->region[i];
        bool lower = region_is_within(r, 0, LOWER_HALF_END);
        bool window = region_is_within(r, EFI_WINDOW_END, EFI_WINDOW_START);
        bool large = is_aligned(r->va - r->pa, LARGE_PAGE);
        if (!large || !(lower || window))
            return fail(STATUS_REFUSED,
                        "Linux would lose the firmware: the region at %#lx is "
                        "at va %#lx, and Linux keeps the lower half, and from "
                        "%#lx to %#lx, at 2 MiB steps from pa",
                        r->pa, r->va, EFI_WINDOW_END, EFI_WINDOW_START);
    }
    return STATUS_OK;
}

status_t linux_keeps(const struct setup_header *h, uint32_t word_bytes,
                     const struct efi_mode *mode,
                     const struct efi_regions *regions) {
    if (!mode->calls_svam || !linux_takes_efi(h))
        return STATUS_OK;
    if (linux_width_of(word_bytes)->takes_over)
        return linux_can_keep(regions);
    return fail(STATUS_REFUSED,
                "Linux cannot call %u-bit firmware after another kernel's "
                "SetVirtualAddressMap",
                8 * word_bytes);
}

status_t linux_can_believe(const struct efi_memory_attributes_table *head,
                           pa_t pa) {
    if (!head || head->version > TABLE_VERSION)
        return STATUS_OK;
    uint64_t bytes =
        sizeof(*head) + (uint64_t)head->entries * head->descriptor_bytes;
    if (bytes <= TABLE_BYTES_MAX)
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "Linux would lose memory: the Memory Attributes Table at %#lx "
                "claims %#lx bytes, more than %#lx, and Linux 6.1 would "
                "reserve all of them",
                pa, bytes, TABLE_BYTES_MAX);
}

status_t linux_command_line(char *line, size_t size, const char *given,
                            uint32_t generation, pa_t preserved_pa,
                            const char *more) {
    size_t length =
        format(line, size, "%s generation=%u " PRESERVED_WORD "=%#lx%s", given,
               generation, preserved_pa, more);
    if (length >= size)
        return fail(STATUS_NO_MEMORY,
                    "Linux: a command line of %zu bytes, with the words of the "
                    "handoff; the limit is %zu",
                    length, size - 1);
    return STATUS_OK;
}

// For the first process of a Linux (tools/linux_init).
ROW(options, linux_then) = {
    .key = "linux",
    .help = "what an intermediate Linux does: off, file, load or shell"};
ROW(options,
    generation) = {.key = "generation",
                   .help = "number of an intermediate Linux: added by Baton"};
