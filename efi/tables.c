// Checks on firmware tables: see the header.

#include "efi/tables.h"

#include "efi/quirk.h"
#include "lib/crc32.h"
#include "lib/string.h"

#define HEADER_BYTES_MAX PAGE_SIZE

static uint32_t header_crc(const struct efi_table_header *header,
                           uint32_t bytes) {
    struct efi_table_header first = *header;
    first.crc32 = 0;
    uint32_t crc = crc32(0, &first, sizeof(first));
    return crc32(crc, header + 1, bytes - sizeof(first));
}

status_t efi_table_check(pa_t pa, uint64_t signature, uint64_t bytes_min,
                         bool crc_matters, const char *what,
                         memory_reader read) {
    const struct efi_table_header *header = read(pa, bytes_min);
    if (!header || !is_aligned(pa, 8))
        return fail(STATUS_INVALID, "%s: %#lx is not aligned, readable memory",
                    what, pa);
    if (header->signature != signature)
        return fail(STATUS_INVALID, "%s at %#lx: signature %#lx, not %#lx",
                    what, pa, header->signature, signature);
    if (header->crc32 == 0 && efi_tolerates("crc-never-filled"))
        return STATUS_OK;
    uint32_t bytes = header->header_bytes;
    bool is_possible = bytes >= bytes_min && bytes <= HEADER_BYTES_MAX;
    header = is_possible ? read(pa, bytes) : NULL;
    if (!header)
        return fail(STATUS_INVALID,
                    "%s at %#lx: header of %u bytes; must be %lu to %lu, "
                    "all of them readable",
                    what, pa, bytes, bytes_min, HEADER_BYTES_MAX);
    uint32_t crc = header_crc(header, bytes);
    if (crc == header->crc32)
        return STATUS_OK;
    status_t status =
        fail(STATUS_INVALID, "%s at %#lx: CRC is %#x, the header says %#x",
             what, pa, crc, header->crc32);
    return !crc_matters && efi_tolerates("crc-after-svam") ? STATUS_OK : status;
}

// Both tables are a header of the same size in all firmware, and words.
static status_t widen(pa_t pa, uint32_t word_bytes, size_t words, void *to) {
    const uint8_t *at = physical_read(pa, efi_table_bytes(word_bytes, words));
    struct efi_table_header *header = to;
    uint64_t *word = (void *)(header + 1);
    if (!at)
        return fail(STATUS_INVALID, "table at %#lx: not all is readable", pa);
    memcpy(header, at, sizeof(*header));
    at += sizeof(*header);
    for (size_t i = 0; i < words; i++, at += word_bytes)
        memcpy(word + i, at, word_bytes);
    return STATUS_OK;
}

status_t efi_system_table_read(pa_t pa, uint32_t word_bytes, bool crc_matters,
                               struct efi_system_table *table) {
    *table = (struct efi_system_table){0};
    TRY(efi_table_check(pa, EFI_SYSTEM_TABLE_SIGNATURE,
                        efi_table_bytes(word_bytes, EFI_SYSTEM_WORDS),
                        crc_matters, "system table", physical_read));
    return widen(pa, word_bytes, EFI_SYSTEM_WORDS, table);
}

status_t efi_runtime_table_read(pa_t pa, uint32_t word_bytes, bool crc_matters,
                                struct efi_runtime_services *table) {
    *table = (struct efi_runtime_services){0};
    TRY(efi_table_check(pa, EFI_RUNTIME_TABLE_SIGNATURE,
                        efi_table_bytes(word_bytes, EFI_UPDATE_CAPSULE),
                        crc_matters, "runtime table", physical_read));
    TRY(widen(pa, word_bytes, EFI_SERVICES, table));
    for (unsigned i = 0; table->header.crc32 && i < EFI_SERVICES; i++)
        if (efi_table_bytes(word_bytes, i + 1) > table->header.header_bytes)
            table->service[i] = 0;
    return STATUS_OK;
}
