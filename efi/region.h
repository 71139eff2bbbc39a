// Runtime regions: the pieces of memory that the firmware keeps after
// ExitBootServices, copied out of an EFI memory map and checked.

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"
#include "lib/memory_map.h"
#include "lib/status.h"

#define EFI_REGIONS_MAX          128
#define EFI_DESCRIPTOR_BYTES_MAX 256 // 48 are usual

struct efi_region {
    uint32_t type;
    pa_t pa;
    va_t va; // set by a kernel; arbitrary in the firmware's own map
    uint64_t pages;
    uint64_t attribute;
    size_t listed; // its index among those of the map it was read from
};

// In ascending order of physical address, disjoint, page aligned.
struct efi_regions {
    size_t count;
    struct efi_region region[EFI_REGIONS_MAX];
};

// The descriptor at `index` of the memory map in `efi`, which must have passed
// efi_map_check(). False past the end.
bool efi_map_at(const struct boot_efi *efi, uint64_t index,
                struct efi_memory_descriptor *descriptor);

// INVALID: sizes that no map can have; the reason names them.
status_t efi_map_check(const struct boot_efi *efi);

// All descriptors with the RUNTIME attribute, whatever their type. Entries that
// are empty or leave the address space are dropped, as Linux does, with a line
// in the log. INVALID where two overlap; NO_MEMORY where they are too many.
status_t efi_regions_read(const struct boot_efi *efi,
                          struct efi_regions *regions);

// Writes the regions as a memory map with descriptors of `step` bytes each into
// the count * step bytes at `map`; with their virtual addresses, or with none.
// In the order in which they were listed: a firmware's map need not be
// ascending, and its SetVirtualAddressMap may rely on the order.
void efi_regions_write(const struct efi_regions *regions, uint32_t step,
                       bool with_va, uint8_t *map);

// Merges all descriptors into `memory`, which has what the loader reported.
// INVALID: as efi_map_check().
status_t efi_map_merge(const struct boot_efi *efi, struct memory_map *memory);

// The region that holds all of [address, address + bytes), by its physical or
// by its virtual address; NULL if none does.
const struct efi_region *efi_region_of_pa(const struct efi_regions *regions,
                                          pa_t pa, uint64_t bytes);
const struct efi_region *efi_region_of_va(const struct efi_regions *regions,
                                          va_t va, uint64_t bytes);

static inline uint64_t region_bytes(const struct efi_region *region) {
    return region->pages * PAGE_SIZE;
}

// Is all of it, by its virtual address, between `start` and `end`?
static inline bool region_is_within(const struct efi_region *region, va_t start,
                                    va_t end) {
    return region->va >= start && region->va <= end &&
           region_bytes(region) <= end - region->va;
}

// The physical address of a byte in a region, from its virtual one.
static inline pa_t region_pa(const struct efi_region *region, va_t va) {
    return region->pa + (va - region->va);
}
