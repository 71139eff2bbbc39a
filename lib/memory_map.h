// One map of physical memory, whichever way the machine was booted: the EFI
// memory map, the e820 table and the multiboot2 map are all merged into it.
//
// The list is sorted, its ranges touch and never overlap, and neighbours differ
// in kind. The gap between two added ranges is a range as well, of kind
// MEMORY_HOLE. So to overlay a range is: cut the list at both ends, raise the
// kinds in between, join equal neighbours; it never needs more than two new
// entries.
//
// The number of ranges is limited, and a loader may report more. Then detail is
// lost, never safety: ranges that are merged with their neighbours become
// MEMORY_LOST, which is not used.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/status.h"
#include "lib/types.h"

#define MEMORY_MAP_MAX   512
#define MEMORY_MAP_GIVEN 448 // the rest is for what the kernel adds itself

// SetVirtualAddressMap is the call by which a kernel, once per boot, gives the
// firmware virtual addresses (efi/virtual.h). Until then the firmware may need
// the memory of its boot services.
//
// From the least to the most restrictive: where ranges overlap, the larger
// value wins, in whatever order they come.
enum memory_kind {
    MEMORY_HOLE,          // nothing is known about it
    MEMORY_USABLE,        // free RAM
    MEMORY_BOOT_SERVICES, // RAM, free once SetVirtualAddressMap is done
    MEMORY_BOOT_KEPT,     // the same, tagged EFI_MEMORY_RUNTIME: never free
    MEMORY_ACPI,          // RAM, free once the ACPI tables are read
    MEMORY_NVS,           // RAM that ACPI keeps over sleep: never free
    MEMORY_KEPT,          // RAM that each Baton leaves to the next: its log
    MEMORY_RESERVED,      // must not be touched, for an unknown reason
    MEMORY_RUNTIME,       // EFI runtime code and data: reserved, and known why
    MEMORY_MMIO,          // device registers, flash
    MEMORY_LOST,          // any of these: there were too many ranges
    MEMORY_IN_USE,        // RAM that this kernel or its bundle occupies
    MEMORY_KINDS,
};

// As a set for memory_map_kinds(): RAM that is free, now or once
// SetVirtualAddressMap is done.
#define MEMORY_FREE (1u << MEMORY_USABLE | 1u << MEMORY_BOOT_SERVICES)

static inline bool memory_is_free(enum memory_kind kind) {
    return MEMORY_FREE >> kind & 1;
}

struct memory_range {
    pa_t start, end; // [start, end), never empty
    enum memory_kind kind;
};

struct memory_map {
    size_t count;
    struct memory_range range[MEMORY_MAP_MAX];
};

// "usable", "in-use", …; "?" for what is no kind.
const char *memory_kind_name(enum memory_kind kind);

// Overlays [start, start + bytes); no bytes, no effect. An empty map is all
// zero. STATUS_INVALID: the range passes 2^64, or `kind` is a hole or unknown.
// STATUS_NO_MEMORY: no space for two more ranges. The map is then unchanged.
status_t memory_map_put(struct memory_map *map, pa_t start, uint64_t bytes,
                        enum memory_kind kind);

// The same for what a loader reports: it always fits. In a list of
// MEMORY_MAP_GIVEN ranges, those neighbours become one range of MEMORY_LOST
// that lose the fewest bytes by it. So what is found at an address is what was
// added there, or MEMORY_LOST. INVALID as above.
status_t memory_map_add(struct memory_map *map, pa_t start, uint64_t bytes,
                        enum memory_kind kind);

// The kind at `pa`, MEMORY_HOLE if nothing was added there; it extends to
// *end.
enum memory_kind memory_map_kind_at(const struct memory_map *map, pa_t pa,
                                    pa_t *end);

// The kinds in [start, start + bytes) as a set: bit n for kind n. What was
// never added is a hole, and so is what passes 2^64.
uint32_t memory_map_kinds(const struct memory_map *map, pa_t start,
                          uint64_t bytes);

// How many bytes are of that kind, at `floor` or above.
uint64_t memory_map_bytes(const struct memory_map *map, enum memory_kind kind,
                          pa_t floor);
