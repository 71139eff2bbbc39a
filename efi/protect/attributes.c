// Checks the Memory Attributes Table and turns it into page rights.

#include "efi/protect/attributes.h"

#include "efi/guard/memory.h"
#include "efi/quirk.h"
#include "lib/string.h"

#define VERSION_MAX          2
#define ENTRIES_MAX          4096
#define DESCRIPTOR_BYTES_MAX 4096

// A row has to lie in one runtime region. One that removes no right is legal
// (UEFI 2.10 §4.6.3): its pages are open, see the header.
static status_t check_row(const struct handoff_attribute *row,
                          const struct efi_regions *regions) {
    bool sane = is_aligned(row->pa, PAGE_SIZE) && row->pages > 0 &&
                row->pages < (1UL << 40);
    if (!sane || !efi_region_of_pa(regions, row->pa, row->pages * PAGE_SIZE))
        return fail(
            STATUS_INVALID,
            "memory attributes: %lu pages at %#lx are in no runtime region",
            row->pages, row->pa);
    return STATUS_OK;
}

status_t efi_attributes_check(const struct efi_attributes *attributes,
                              const struct efi_regions *regions) {
    pa_t end = 0;
    for (size_t i = 0; i < attributes->count; i++) {
        const struct handoff_attribute *row = &attributes->row[i];
        TRY(check_row(row, regions));
        if (row->pa < end)
            return fail(STATUS_INVALID,
                        "memory attributes: the row at %#lx starts before the "
                        "last one ends, at %#lx",
                        row->pa, end);
        end = row->pa + row->pages * PAGE_SIZE;
    }
    return STATUS_OK;
}

static bool is_head(const struct efi_memory_attributes_table *head) {
    return head->version >= 1 && head->version <= VERSION_MAX &&
           head->entries <= ENTRIES_MAX &&
           head->descriptor_bytes >= sizeof(struct efi_memory_descriptor) &&
           head->descriptor_bytes <= DESCRIPTOR_BYTES_MAX;
}

// Gives the rows of the table at `pa`, and its own numbers, which are read
// once. INVALID: they cannot be, or it is not readable.
static status_t open_table(pa_t pa, memory_reader read,
                           struct efi_memory_attributes_table *head,
                           const uint8_t **rows) {
    const struct efi_memory_attributes_table *table =
        is_aligned(pa, 8) ? read(pa, sizeof(*table)) : NULL;
    if (!table)
        return fail(STATUS_INVALID,
                    "memory attributes: %#lx is not aligned, readable memory",
                    pa);
    *head = *table;
    if (!is_head(head))
        return fail(STATUS_INVALID,
                    "memory attributes: version %u, %u rows of %u bytes at "
                    "%#lx; supported are versions 1 to %d, with up to %d rows",
                    head->version, head->entries, head->descriptor_bytes, pa,
                    VERSION_MAX, ENTRIES_MAX);
    *rows = read(pa + sizeof(*head),
                 (uint64_t)head->entries * head->descriptor_bytes);
    if (!*rows)
        return fail(STATUS_INVALID,
                    "memory attributes: %u rows of %u bytes at %#lx are not in "
                    "readable memory",
                    head->entries, head->descriptor_bytes, pa);
    return STATUS_OK;
}

status_t efi_attributes_read(pa_t pa, const struct efi_regions *regions,
                             struct efi_attributes *attributes,
                             memory_reader read) {
    attributes->count = 0;
    struct efi_memory_attributes_table head;
    const uint8_t *rows;
    TRY(open_table(pa, read, &head, &rows));
    attributes->table_pa = pa;
    attributes->table_bytes =
        sizeof(head) + head.entries * (uint64_t)head.descriptor_bytes;
    for (uint32_t i = 0; i < head.entries; i++) {
        struct efi_memory_descriptor d;
        memcpy(&d, rows + i * (uint64_t)head.descriptor_bytes, sizeof(d));
        if (!efi_is_runtime_type(d.type))
            continue;
        if (attributes->count == ATTRIBUTES_MAX)
            return fail(STATUS_NO_MEMORY,
                        "memory attributes: more than %d rows", ATTRIBUTES_MAX);
        attributes->row[attributes->count++] =
            (struct handoff_attribute){d.physical_start, d.pages, d.attribute};
    }
    return efi_attributes_check(attributes, regions);
}

static bool takes_a_right(const struct handoff_attribute *row) {
    return row->attributes & (EFI_MEMORY_RO | EFI_MEMORY_XP);
}

// To be executed a page has to be read-only by its row.
static uint64_t flags_of(const struct handoff_attribute *row) {
    uint64_t flags = PTE_PRESENT;
    if (!(row->attributes & EFI_MEMORY_RO))
        flags |= PTE_WRITE | PTE_NX;
    if (row->attributes & EFI_MEMORY_XP)
        flags |= PTE_NX;
    return flags;
}

bool efi_attributes_open(const struct efi_attributes *attributes, pa_t pa) {
    for (size_t i = 0; i < attributes->count; i++) {
        const struct handoff_attribute *row = &attributes->row[i];
        if (pa - row->pa < row->pages * PAGE_SIZE)
            return !takes_a_right(row);
    }
    return attributes->count > 0;
}

static bool is_code(const struct efi_region *region) {
    return region->type == EFI_RUNTIME_SERVICES_CODE;
}

uint64_t efi_attributes_open_pages(const struct efi_attributes *attributes,
                                   const struct efi_regions *regions) {
    uint64_t pages = 0;
    for (size_t i = 0; attributes->count && i < regions->count; i++)
        if (is_code(&regions->region[i]))
            pages += regions->region[i].pages;
    for (size_t i = 0; i < attributes->count; i++) {
        const struct handoff_attribute *row = &attributes->row[i];
        const struct efi_region *region =
            efi_region_of_pa(regions, row->pa, row->pages * PAGE_SIZE);
        if (takes_a_right(row) && region && is_code(region))
            pages -= row->pages;
    }
    return pages;
}

// What no row names is open as well.
static status_t close_code(const struct efi_regions *regions, bool at_va,
                           struct page_table *table) {
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *r = &regions->region[i];
        if (is_code(r))
            TRY(page_table_protect(table, at_va ? r->va : r->pa,
                                   region_bytes(r), MAP_WRITE));
    }
    return STATUS_OK;
}

status_t efi_attributes_apply(const struct efi_attributes *attributes,
                              const struct efi_regions *regions, bool at_va,
                              struct page_table *table) {
    if (attributes->count)
        TRY(close_code(regions, at_va, table));
    for (size_t i = 0; i < attributes->count; i++) {
        const struct handoff_attribute *row = &attributes->row[i];
        uint64_t bytes = row->pages * PAGE_SIZE;
        const struct efi_region *region =
            efi_region_of_pa(regions, row->pa, bytes);
        if (!region)
            continue;
        va_t va = at_va ? region_va(region, row->pa) : row->pa;
        TRY(page_table_protect(table, va, bytes, flags_of(row)));
    }
    return STATUS_OK;
}

ROW(quirks, open_code) = {
    .name = "open-code",
    .does = "the Memory Attributes Table leaves pages of code writable and "
            "executable",
    .remedy = "such a page becomes executable when it is executed, and is "
              "read-only from then on",
    .source = "UEFI 2.10 section 4.6.3; EDK II 2024.02, fixed in August 2024"};
