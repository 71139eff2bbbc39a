// Checks on firmware tables: see the header.

#include "efi/tables.h"

#include "efi/quirks.h"
#include "lib/crc32.h"
#include "lib/string.h"
#include "lib/utf16.h"

#define HEADER_BYTES_MAX  PAGE_SIZE
#define CONFIG_TABLES_MAX 1024
#define VENDOR_UNITS      32

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

static uint32_t header_crc(const struct efi_table_header *header) {
    struct efi_table_header first = *header;
    first.crc32 = 0;
    uint32_t crc = crc32(0, &first, sizeof(first));
    return crc32(crc, header + 1, header->header_bytes - sizeof(first));
}

status_t efi_table_check(pa_t pa, uint64_t signature, uint64_t bytes_min,
                         bool crc_matters, const char *what,
                         memory_reader read) {
    const struct efi_table_header *header = read(pa, bytes_min);
    if (!header || !is_aligned(pa, 8))
        return fail(STATUS_INVALID, "%s: %#lx is not readable memory", what,
                    pa);
    if (header->signature != signature)
        return fail(STATUS_INVALID, "%s at %#lx: signature %#lx, not %#lx",
                    what, pa, header->signature, signature);
    uint32_t bytes = header->header_bytes;
    bool is_possible = bytes >= bytes_min && bytes <= HEADER_BYTES_MAX;
    header = is_possible ? read(pa, bytes) : NULL;
    if (!header)
        return fail(STATUS_INVALID, "%s at %#lx: header of %u bytes", what, pa,
                    bytes);
    uint32_t crc = header_crc(header);
    if (crc == header->crc32)
        return STATUS_OK;
    status_t status =
        fail(STATUS_INVALID, "%s at %#lx: CRC is %#x, the header says %#x",
             what, pa, crc, header->crc32);
    return !crc_matters && efi_quirk(QUIRK_CRC_AFTER_SVAM, true) ? STATUS_OK
                                                                 : status;
}

void efi_vendor_name(pa_t pa, memory_reader read, char *name) {
    const uint16_t *vendor = read(pa, VENDOR_UNITS * sizeof(*vendor));
    str_copy(name, EFI_VENDOR_BYTES, "a firmware without a name");
    if (vendor && is_aligned((va_t)vendor, sizeof(*vendor)))
        utf16_to_utf8(name, EFI_VENDOR_BYTES, vendor, VENDOR_UNITS);
}

// The order of the bits, which is not that of the runtime table.
static const uint8_t property_bits[EFI_SERVICES] = {
    EFI_GET_TIME,
    EFI_SET_TIME,
    EFI_GET_WAKEUP_TIME,
    EFI_SET_WAKEUP_TIME,
    EFI_GET_VARIABLE,
    EFI_GET_NEXT_VARIABLE_NAME,
    EFI_SET_VARIABLE,
    EFI_SET_VIRTUAL_ADDRESS_MAP,
    EFI_CONVERT_POINTER,
    EFI_GET_NEXT_HIGH_MONOTONIC_COUNT,
    EFI_RESET_SYSTEM,
    EFI_UPDATE_CAPSULE,
    EFI_QUERY_CAPSULE_CAPABILITIES,
    EFI_QUERY_VARIABLE_INFO};

status_t efi_missing_services(pa_t pa, memory_reader read, uint32_t *missing) {
    *missing = 0;
    if (!pa)
        return STATUS_OK;
    const struct efi_rt_properties_table *table = read(pa, sizeof(*table));
    if (!table || !is_aligned(pa, 4))
        return fail(STATUS_INVALID, "%#lx is not readable memory", pa);
    if (table->version != EFI_RT_PROPERTIES_VERSION ||
        table->bytes < sizeof(*table))
        return fail(STATUS_INVALID, "version %u of %u bytes at %#lx",
                    table->version, table->bytes, pa);
    for (unsigned bit = 0; bit < EFI_SERVICES; bit++)
        if (!(table->supported >> bit & 1))
            *missing |= 1u << property_bits[bit];
    return STATUS_OK;
}

const struct efi_config_table *efi_config_tables(pa_t tables_pa, uint64_t count,
                                                 memory_reader read) {
    if (count > CONFIG_TABLES_MAX || !is_aligned(tables_pa, 8))
        return NULL;
    return read(tables_pa, count * sizeof(struct efi_config_table));
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
