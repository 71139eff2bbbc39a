// While SetVirtualAddressMap runs in mode offset, memory that no descriptor
// names is at its new address as well. The firmware of a Dell PowerEdge T320
// needs that: it uses such memory during the call, and expects it moved by as
// much as its regions.

#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/policies/policies.h"
#include "efi/space.h"

#define LISTED (4 * GIB) // at least: devices and flash are below it

// What a kernel uses or may use stays out of reach in this mode as well.
#define OF_KERNELS                                                             \
    (1u << MEMORY_USABLE | 1u << MEMORY_KEPT | 1u << MEMORY_IN_USE)
#define RAM                                                                    \
    (1u << MEMORY_BOOT_SERVICES | 1u << MEMORY_BOOT_KEPT | 1u << MEMORY_ACPI | \
     1u << MEMORY_NVS | 1u << MEMORY_RUNTIME)

// From `start` to `end`, between two regions.
static status_t map_between(const struct memory_map *memory, pa_t start,
                            pa_t end) {
    for (pa_t at = start, next; at < end; at = next) {
        uint32_t kind = 1u << memory_map_kind_at(memory, at, &next);
        next = min_u64(next, end);
        pa_t from = align_up(at, PAGE_SIZE), to = align_down(next, PAGE_SIZE);
        uint64_t flags = kind & RAM ? MAP_ANY : MAP_ANY | MAP_UNCACHED;
        if (from < to && !(kind & OF_KERNELS))
            TRY(page_table_map(&firmware_table, OFFSET_BASE + from, from,
                               to - from, flags));
    }
    return STATUS_OK;
}

static status_t map_unlisted(struct boot_info *boot) {
    const struct memory_map *memory = &boot->memory;
    const struct efi_regions *regions = &firmware->regions;
    pa_t listed = memory->range[memory->count - 1].end, from = 0;
    if (firmware->mode->place != efi_place_offset)
        return STATUS_OK;
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *region = &regions->region[i];
        TRY(map_between(memory, from, region->pa));
        from = region->pa + region_bytes(region);
    }
    return map_between(memory, from,
                       min_u64(max_u64(listed, LISTED), OFFSET_SPAN));
}

ROW(openings, 70_unlisted) = {OPENING_SVAM, map_unlisted};
