// Finds configuration tables: see the header.

#include "efi/config/config.h"

#define CONFIG_TABLES_MAX 1024

const struct efi_guid efi_guid_smbios = {
    0xeb9d2d31,
    0x2d88,
    0x11d3,
    {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

const struct efi_guid efi_guid_smbios_3 = {
    0xf2fd1544,
    0x9794,
    0x4a2c,
    {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};

const struct efi_guid efi_guid_acpi = {
    0x8868e871,
    0xe4f1,
    0x11d3,
    {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};

const struct efi_guid efi_guid_memory_attributes = {
    0xdcfa911d,
    0x26eb,
    0x469f,
    {0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20}};

const struct efi_guid efi_guid_runtime_properties = {
    0xeb66918a,
    0x7eef,
    0x402a,
    {0x84, 0x2e, 0x93, 0x1d, 0x21, 0xc3, 0x8a, 0xe9}};

bool efi_config_readable(const struct efi_config_list *list,
                         memory_reader read) {
    uint64_t bytes = efi_config_bytes(list);
    if (list->count > CONFIG_TABLES_MAX)
        set_why("more than %d", CONFIG_TABLES_MAX);
    else if (!is_aligned(list->pa, list->word_bytes) || !read(list->pa, bytes))
        set_why("%#lx bytes at %#lx are not aligned, readable memory", bytes,
                list->pa);
    else
        return true;
    return false;
}

struct efi_config_table efi_config_at(const struct efi_config_list *list,
                                      uint64_t i, memory_reader read) {
    struct efi_config_table table = {.table_pa = 0};
    uint64_t bytes = sizeof(table.vendor) + list->word_bytes;
    memcpy(&table, read(list->pa + i * bytes, bytes), bytes);
    return table;
}

pa_t efi_config_find(const struct efi_config_list *list,
                     const struct efi_guid *guid, memory_reader read) {
    bool is_readable = efi_config_readable(list, read);
    for (uint64_t i = 0; is_readable && i < list->count; i++) {
        struct efi_config_table table = efi_config_at(list, i, read);
        if (efi_guid_equal(&table.vendor, guid))
            return table.table_pa;
    }
    return 0;
}
