// The configuration tables: a list, in the system table, of what the firmware
// has put where, each with a GUID for its kind (UEFI 2.10 §4.6).

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"
#include "lib/string.h"

struct efi_config_list {
    pa_t pa;
    uint64_t count;
    uint32_t word_bytes; // of the firmware: an entry is a GUID and a word
};

struct efi_config_table { // §4.6
    struct efi_guid vendor;
    pa_t table_pa; // never converted
};

// Is all of it in memory that `read` reaches? False: more than 1024 tables, or
// not readable; why() says which.
bool efi_config_readable(const struct efi_config_list *list,
                         memory_reader read);

// Entry `i` of a list that is readable.
struct efi_config_table efi_config_at(const struct efi_config_list *list,
                                      uint64_t i, memory_reader read);

static inline uint64_t efi_config_bytes(const struct efi_config_list *list) {
    return list->count * (sizeof(struct efi_guid) + list->word_bytes);
}

// The physical address that the list has for `guid`. 0: it is not listed, or
// the list is not readable.
pa_t efi_config_find(const struct efi_config_list *list,
                     const struct efi_guid *guid, memory_reader read);

// The list of the firmware that open.c has begun to open: from OPENING_PLACED
// on. It is empty before.
struct efi_config_list efi_config_list(void);
pa_t efi_config_pa(const struct efi_guid *guid);

static inline bool efi_guid_equal(const struct efi_guid *a,
                                  const struct efi_guid *b) {
    return memcmp(a, b, sizeof(*a)) == 0;
}

extern const struct efi_guid efi_guid_smbios;
extern const struct efi_guid efi_guid_smbios_3;
extern const struct efi_guid efi_guid_acpi;
extern const struct efi_guid efi_guid_memory_attributes;
extern const struct efi_guid efi_guid_runtime_properties;
