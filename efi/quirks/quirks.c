// The table of quirks, and of memory that a firmware forgets to keep.

#include "efi/quirks/quirks.h"

#include "efi/tables.h"
#include "lib/log.h"
#include "lib/string.h"

static const struct {
    const char *name, *does, *remedy, *source;
} quirks[EFI_QUIRKS] = {
    [QUIRK_DATA_IN_FREE_MEMORY] =
        {"data-in-free-memory",
         "SetVirtualAddressMap reads memory that the map calls free",
         "it is kept, and mapped during that call",
         "U-Boot 2023.01 x86_64: gd->relocaddr, gd below 0x110000"},
    [QUIRK_SVAM_IN_BOOT_MEMORY] =
        {"svam-in-boot-memory",
         "SetVirtualAddressMap itself is in boot-services memory",
         "that memory is mapped during the call, and given back after it",
         "U-Boot 2023.01 efi_runtime.c; Linux 916f676f8dc0 of 2011"},
    [QUIRK_CRC_AFTER_SVAM] =
        {"crc-after-svam", "a table's CRC is wrong after SetVirtualAddressMap",
         "after that call the CRC is not asked for",
         "UEFI 2.10 section 4.2; U-Boot 2023.01, the system table"},
    [QUIRK_CRC_NEVER_FILLED] = {"crc-never-filled", "a table's CRC is 0",
                                "it is not asked for", "UEFI 2.10 section 4.2"},
    [QUIRK_POINTER_LOST] =
        {"pointer-lost",
         "FirmwareVendor or ConfigurationTable leads nowhere after "
         "SetVirtualAddressMap",
         "it is not followed; the next kernel is told its physical address",
         "UEFI 2.10 section 8.4"},
    [QUIRK_PROMISE_NOT_KEPT] =
        {"promise-not-kept",
         "a service is not there, and EFI_RT_PROPERTIES_TABLE does not say so",
         "it is taken for missing",
         "UEFI 2.10 section 4.6; U-Boot 2023.01, ConvertPointer"},
    [QUIRK_PROMISE_TOO_SMALL] =
        {"promise-too-small",
         "a service is there, and EFI_RT_PROPERTIES_TABLE says it is not",
         "no proof relies on it", "UEFI 2.10 section 4.6"},
    [QUIRK_OPEN_CODE] =
        {"open-code",
         "the Memory Attributes Table takes no right from pages of code",
         "such a page is executable only once it is executed, and is "
         "read-only from then on",
         "UEFI 2.10 section 4.6.3; EDK II 2024.02, mended in August 2024"},
    [QUIRK_FAILS_AT_IDENTITY] =
        {"fails-at-identity",
         "the firmware fails where its virtual addresses are the physical ones",
         "modes physical and identity are refused",
         "H. Peter Anvin, March 2013, of Apple machines"},
};

// By the vendor's name: there is no way to see it before it is too late.
static const struct {
    const char *vendor;
    pa_t start;
    uint64_t bytes;
} kept[] = {
    {"Das U-Boot", 0x100000, 0x10000},
};

// Likewise: by the time that it is seen in mode identity, the one move is
// spent.
static const char *const fails_at_identity[] = {"Apple"};

bool efi_quirk(enum efi_quirk quirk, bool seen) {
    static bool told[EFI_QUIRKS];
    if (seen && !told[quirk])
        event("efi.quirk", "name=%s does=\"%s\" remedy=\"%s\" source=\"%s\"",
              quirks[quirk].name, quirks[quirk].does, quirks[quirk].remedy,
              quirks[quirk].source);
    told[quirk] |= seen;
    return seen;
}

status_t efi_quirks_check_identity(pa_t vendor_pa, memory_reader read) {
    char vendor[EFI_VENDOR_BYTES];
    efi_vendor_name(vendor_pa, read, vendor);
    for (size_t i = 0; i < ARRAY_SIZE(fails_at_identity); i++)
        if (efi_quirk(QUIRK_FAILS_AT_IDENTITY,
                      str_equal(vendor, fails_at_identity[i])))
            return fail(STATUS_REFUSED,
                        "efi: firmware by %s is known to fail where VA = PA: "
                        "a mode that moves it elsewhere is efi=fixed",
                        vendor);
    return STATUS_OK;
}

status_t efi_quirks_paint(const struct boot_efi *efi, memory_reader read,
                          struct memory_map *memory) {
    const struct efi_system_table *system =
        read(efi->system_table_pa, sizeof(*system));
    char vendor[EFI_VENDOR_BYTES];
    if (!system || !is_aligned((va_t)system, 8))
        return STATUS_OK;
    efi_vendor_name(system->firmware_vendor, read, vendor);
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (efi_quirk(QUIRK_DATA_IN_FREE_MEMORY,
                      str_equal(vendor, kept[i].vendor)))
            TRY(memory_map_put(memory, kept[i].start, kept[i].bytes,
                               MEMORY_BOOT_SERVICES));
    return STATUS_OK;
}
