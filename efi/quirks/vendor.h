// Who made the firmware.

#pragma once

#include "boot/boot_info.h"

#define EFI_VENDOR_BYTES 64

// The name of the vendor in ASCII, from the CHAR16 text at physical address
// `pa`, into the EFI_VENDOR_BYTES of `name`: cut and marked if it is longer. If
// `pa` is 0 or not readable, a text that says so.
void efi_vendor_name(pa_t pa, memory_reader read, char *name);

// Adds memory that the firmware still uses, though its map calls it free, to
// the memory map, if `read` reaches the system table. NO_MEMORY: as
// memory_map_put().
status_t efi_keep_free_memory(const struct boot_efi *efi, memory_reader read,
                              struct memory_map *memory);
