// Finds configuration tables: see the header.

#include "efi/config/config.h"

#define CONFIG_TABLES_MAX 1024

const struct efi_guid efi_guid_smbios = {
    0xeb9d2d31,
    0x2d88,
    0x11d3,
    {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

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

const struct efi_config_table *efi_config_tables(pa_t tables_pa, uint64_t count,
                                                 memory_reader read) {
    uint64_t bytes = count * sizeof(struct efi_config_table);
    const void *tables = NULL;
    if (count > CONFIG_TABLES_MAX)
        set_why("more than %d", CONFIG_TABLES_MAX);
    else if (!is_aligned(tables_pa, 8) || !(tables = read(tables_pa, bytes)))
        set_why("%#lx bytes at %#lx are not aligned, readable memory", bytes,
                tables_pa);
    return tables;
}

pa_t efi_config_find(pa_t tables_pa, uint64_t count,
                     const struct efi_guid *guid, memory_reader read) {
    const struct efi_config_table *tables =
        efi_config_tables(tables_pa, count, read);
    for (uint64_t i = 0; tables && i < count; i++)
        if (efi_guid_equal(&tables[i].vendor, guid))
            return tables[i].table_pa;
    return 0;
}
