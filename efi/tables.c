// Checks on firmware tables: see the header.

#include "efi/tables.h"

#include "efi/quirk.h"
#include "lib/crc32.h"

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

bool efi_service_is_beyond(const struct efi_runtime_services *table,
                           enum efi_service service) {
    uint64_t end = offsetof(struct efi_runtime_services, service[service + 1]);
    return table->header.crc32 && end > table->header.header_bytes;
}
