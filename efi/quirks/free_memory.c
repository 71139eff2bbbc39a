// Memory in use that the firmware's map calls free. Who does that is known by
// the vendor's name: it shows when the memory has been handed out.

#include "efi/quirk.h"
#include "efi/quirks/vendor.h"
#include "efi/tables.h"
#include "lib/string.h"

#define NAME "data-in-free-memory"

static const struct {
    const char *vendor;
    pa_t start;
    uint64_t bytes;
} kept[] = {
    {"Das U-Boot", 0x100000, 0x10000},
};

static status_t keep(const char *vendor, struct memory_map *memory) {
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (str_equal(vendor, kept[i].vendor) && efi_tolerates(NAME))
            TRY(memory_map_put(memory, kept[i].start, kept[i].bytes,
                               MEMORY_BOOT_SERVICES));
    return STATUS_OK;
}

ROW(quirks, data_in_free_memory) = {
    .name = NAME,
    .does = "SetVirtualAddressMap reads memory that the map reports as free",
    .remedy = "it is reserved, and mapped during that call",
    .source = "U-Boot 2023.01 x86_64: gd->relocaddr, gd below 0x110000"};

status_t efi_keep_free_memory(const struct boot_efi *efi, memory_reader read,
                              struct memory_map *memory) {
    const struct efi_table_header *header =
        read(efi->system_table_pa,
             efi_table_bytes(efi->word_bytes, EFI_SYSTEM_WORDS));
    char vendor[EFI_VENDOR_BYTES];
    pa_t vendor_pa = 0;
    if (!header || !is_aligned((va_t)header, 8))
        return STATUS_OK;
    memcpy(&vendor_pa, header + 1, efi->word_bytes); // the first word
    efi_vendor_name(vendor_pa, read, vendor);
    return keep(vendor, memory);
}
