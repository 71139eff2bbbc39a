// Reads an EFI memory map, which is not trusted, into validated regions.

#include "efi/region.h"

#include "lib/log.h"
#include "lib/string.h"

#define PAGES_MAX (1UL << 40) // 2^52 bytes, all a CPU can address

status_t efi_map_check(const struct boot_efi *efi) {
    uint32_t step = efi->descriptor_bytes;
    bool is_step = step >= sizeof(struct efi_memory_descriptor) &&
                   step <= EFI_DESCRIPTOR_BYTES_MAX && is_aligned(step, 8);
    if (is_step && efi->map_bytes > 0 && efi->map_bytes % step == 0 &&
        efi->descriptor_version == EFI_DESCRIPTOR_VERSION)
        return STATUS_OK;
    return fail(STATUS_INVALID,
                "EFI memory map: %lu bytes, in descriptors of %u bytes, "
                "version %u; must be one or more, each of %zu to %d bytes, a "
                "multiple of 8, and version %d",
                efi->map_bytes, step, efi->descriptor_version,
                sizeof(struct efi_memory_descriptor), EFI_DESCRIPTOR_BYTES_MAX,
                EFI_DESCRIPTOR_VERSION);
}

bool efi_map_at(const struct boot_efi *efi, uint64_t index,
                struct efi_memory_descriptor *descriptor) {
    if (index >= efi->map_bytes / efi->descriptor_bytes)
        return false;
    memcpy(descriptor, efi->map + index * efi->descriptor_bytes,
           sizeof(*descriptor));
    return true;
}

static bool is_sane(const struct efi_memory_descriptor *d) {
    return d->pages > 0 && d->pages < PAGES_MAX &&
           is_aligned(d->physical_start, PAGE_SIZE) &&
           d->physical_start < PAGES_MAX * PAGE_SIZE &&
           d->physical_start + d->pages * PAGE_SIZE <= PAGES_MAX * PAGE_SIZE;
}

// Insertion keeps the list sorted; maps come sorted or nearly so.
static status_t insert(struct efi_regions *regions,
                       const struct efi_memory_descriptor *d) {
    if (regions->count == EFI_REGIONS_MAX)
        return fail(STATUS_NO_MEMORY,
                    "EFI memory map: more than %d runtime regions",
                    EFI_REGIONS_MAX);
    size_t i = regions->count;
    while (i > 0 && regions->region[i - 1].pa > d->physical_start)
        i--;
    struct efi_region *at = &regions->region[i];
    memmove(at + 1, at, (regions->count - i) * sizeof(*at));
    *at = (struct efi_region){
        d->type,  d->physical_start, d->virtual_start,
        d->pages, d->attribute,      regions->count,
    };
    regions->count++;
    return STATUS_OK;
}

static status_t check_disjoint(const struct efi_regions *regions) {
    for (size_t i = 1; i < regions->count; i++) {
        const struct efi_region *a = &regions->region[i - 1], *b = a + 1;
        if (a->pa + region_bytes(a) > b->pa)
            return fail(STATUS_INVALID,
                        "EFI memory map: runtime regions overlap: %lu pages at "
                        "%#lx and %lu at %#lx",
                        a->pages, a->pa, b->pages, b->pa);
    }
    return STATUS_OK;
}

status_t efi_regions_read(const struct boot_efi *efi,
                          struct efi_regions *regions) {
    struct efi_memory_descriptor d;
    regions->count = 0;
    TRY(efi_map_check(efi));
    for (uint64_t i = 0; efi_map_at(efi, i, &d); i++) {
        if (!(d.attribute & EFI_MEMORY_RUNTIME))
            continue;
        if (!is_aligned(d.virtual_start, PAGE_SIZE))
            d.virtual_start = 0; // no kernel maps a region there
        if (is_sane(&d))
            TRY(insert(regions, &d));
        else
            say("efi: dropped runtime descriptor %lu: %lu pages at pa %#lx, va "
                "%#lx: empty, misaligned, or beyond 2^52",
                i, d.pages, d.physical_start, d.virtual_start);
    }
    return check_disjoint(regions);
}

void efi_regions_write(const struct efi_regions *regions, uint32_t step,
                       bool with_va, uint8_t *map) {
    memset(map, 0, regions->count * (uint64_t)step);
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *r = &regions->region[i];
        struct efi_memory_descriptor d = {.type = r->type,
                                          .physical_start = r->pa,
                                          .virtual_start = with_va ? r->va : 0,
                                          .pages = r->pages,
                                          .attribute = r->attribute};
        memcpy(map + r->listed * step, &d, sizeof(d));
    }
}

// UEFI 2.10 §7.2, table 7.10: usage after ExitBootServices. Types that are not
// listed, such as a vendor's own, are reserved. So is free memory that cannot
// be cached, or that has a specific purpose, such as high-bandwidth memory:
// Linux does not allocate either. Attributes that only restrict access (RP, XP,
// RO) do not matter here.
//
// No firmware is known to tag boot services EFI_MEMORY_RUNTIME, but Linux does:
// its efi_reserve_boot_services() tags each such region of which a part was
// already reserved, for example for the Memory Attributes Table. The rest of
// the region is RAM for Linux and in e820, so kexec may put an initrd there.
static enum memory_kind kind_of(const struct efi_memory_descriptor *d) {
    static const uint8_t kinds[EFI_MEMORY_TYPES] = {
        [EFI_LOADER_CODE] = MEMORY_USABLE,
        [EFI_LOADER_DATA] = MEMORY_USABLE,
        [EFI_CONVENTIONAL] = MEMORY_USABLE,
        [EFI_BOOT_SERVICES_CODE] = MEMORY_BOOT_SERVICES,
        [EFI_BOOT_SERVICES_DATA] = MEMORY_BOOT_SERVICES,
        [EFI_RUNTIME_SERVICES_CODE] = MEMORY_RUNTIME,
        [EFI_RUNTIME_SERVICES_DATA] = MEMORY_RUNTIME,
        [EFI_ACPI_RECLAIM] = MEMORY_ACPI,
        [EFI_ACPI_NVS] = MEMORY_NVS,
        [EFI_MMIO] = MEMORY_MMIO,
        [EFI_MMIO_PORTS] = MEMORY_MMIO,
    };
    uint8_t kind = d->type < EFI_MEMORY_TYPES ? kinds[d->type] : 0;
    bool runtime = d->attribute & EFI_MEMORY_RUNTIME;
    bool is_plain =
        (d->attribute & (EFI_MEMORY_WB | EFI_MEMORY_SP)) == EFI_MEMORY_WB;
    if (kind == MEMORY_HOLE || (memory_is_free(kind) && !runtime && !is_plain))
        return MEMORY_RESERVED;
    if (runtime && kind == MEMORY_BOOT_SERVICES)
        return MEMORY_BOOT_KEPT;
    return runtime && kind < MEMORY_RESERVED ? MEMORY_RUNTIME : kind;
}

status_t efi_map_merge(const struct boot_efi *efi, struct memory_map *memory) {
    struct efi_memory_descriptor d;
    TRY(efi_map_check(efi));
    for (uint64_t i = 0; efi_map_at(efi, i, &d); i++)
        if (is_sane(&d))
            TRY(memory_map_add(memory, d.physical_start, d.pages * PAGE_SIZE,
                               kind_of(&d)));
    return STATUS_OK;
}

static const struct efi_region *find(const struct efi_regions *regions,
                                     bool by_va, uint64_t address,
                                     uint64_t bytes) {
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *r = &regions->region[i];
        uint64_t start = by_va ? r->va : r->pa;
        if (address >= start && address - start < region_bytes(r) &&
            bytes <= region_bytes(r) - (address - start))
            return r;
    }
    return NULL;
}

const struct efi_region *efi_region_of_pa(const struct efi_regions *regions,
                                          pa_t pa, uint64_t bytes) {
    return find(regions, false, pa, bytes);
}

const struct efi_region *efi_region_of_va(const struct efi_regions *regions,
                                          va_t va, uint64_t bytes) {
    return find(regions, true, va, bytes);
}
