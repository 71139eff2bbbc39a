// What Linux does with firmware of either width.

#include "boot/e820.h"

#include "kexec/linux/linux.h"
#include "kexec/linux/params.h"
#include "lib/string.h"

static const struct linux_width widths_known[] = {
    {.word_bytes = 8,
     .signature = EFI_SIGNATURE_64,
     .takes_over = true,
     .more_words = ""},
    {.word_bytes = 4,
     .signature = EFI_SIGNATURE_32,
     .needs_ram = true,
     .more_words = " mem=4G"},
};

const struct linux_width *linux_width_of(uint32_t word_bytes) {
    for (size_t i = 0; i < ARRAY_SIZE(widths_known); i++)
        if (widths_known[i].word_bytes == word_bytes)
            return &widths_known[i];
    return NULL;
}

const struct linux_width *linux_width_signed(uint32_t signature) {
    for (size_t i = 0; i < ARRAY_SIZE(widths_known); i++)
        if (widths_known[i].signature == signature)
            return &widths_known[i];
    return NULL;
}

// As loader data, which to Linux is RAM as well, but no place for KASLR to move
// it to, on top of what it is given.
static status_t add_ram(const struct boot_e820_entry *ram,
                        struct boot_efi *efi) {
    pa_t start = align_up(ram->addr, PAGE_SIZE);
    pa_t end = align_down(ram->addr + ram->size, PAGE_SIZE);
    struct efi_memory_descriptor d = {.type = EFI_LOADER_DATA,
                                      .physical_start = start,
                                      .pages = (end - start) / PAGE_SIZE,
                                      .attribute = EFI_MEMORY_WB};
    if (start >= end)
        return STATUS_OK;
    if (efi->descriptor_bytes > sizeof(efi->map) - efi->map_bytes)
        return fail(STATUS_NO_MEMORY,
                    "Linux: an EFI memory map of %lu bytes, with RAM at %#lx; "
                    "the limit is %zu",
                    efi->map_bytes + efi->descriptor_bytes, start,
                    sizeof(efi->map));
    memset(efi->map + efi->map_bytes, 0, efi->descriptor_bytes);
    memcpy(efi->map + efi->map_bytes, &d, sizeof(d));
    efi->map_bytes += efi->descriptor_bytes;
    return STATUS_OK;
}

status_t linux_describe_ram(const struct handoff_memory *memory,
                            uint32_t memory_bytes, struct boot_efi *efi) {
    static struct boot_e820_entry entry[MEMORY_MAP_MAX];
    uint32_t count = e820_list(memory, memory_bytes, entry);
    for (uint32_t i = 0; i < count; i++)
        if (entry[i].type == E820_RAM)
            TRY(add_ram(&entry[i], efi));
    return STATUS_OK;
}
