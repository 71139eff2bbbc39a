// The configuration tables: a list, in the system table, of what the firmware
// has put where, each with a GUID for its kind (UEFI 2.10 §4.6).

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"
#include "lib/string.h"

struct efi_config_table { // §4.6
    struct efi_guid vendor;
    pa_t table_pa; // never converted
};

// All `count` tables at `tables_pa`, in memory that `read` reaches. NULL: more
// than 1024, or not readable; why() says which.
const struct efi_config_table *efi_config_tables(pa_t tables_pa, uint64_t count,
                                                 memory_reader read);

// The physical address that the list at `tables_pa` has for `guid`. 0: it is
// not listed, or the list is not readable.
pa_t efi_config_find(pa_t tables_pa, uint64_t count,
                     const struct efi_guid *guid, memory_reader read);

// The same in the firmware that open.c has begun to open: from OPENING_PLACED
// on. The count is 0 before.
uint64_t efi_config_count(void);
pa_t efi_config_pa(const struct efi_guid *guid);

static inline bool efi_guid_equal(const struct efi_guid *a,
                                  const struct efi_guid *b) {
    return memcmp(a, b, sizeof(*a)) == 0;
}

extern const struct efi_guid efi_guid_smbios;
extern const struct efi_guid efi_guid_acpi;
extern const struct efi_guid efi_guid_memory_attributes;
extern const struct efi_guid efi_guid_runtime_properties;
