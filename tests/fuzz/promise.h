// The guarantees of the modes for their addresses.

#pragma once

#include "efi/mode.h"
#include "mm/layout.h"
#include "tests/fuzz/fuzz.h"

#define LARGE (2 * MIB)

static inline va_t end_of(const struct efi_region *region) {
    return region->va + region_bytes(region);
}

static inline void check_apart(const struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *a = &regions->region[i];
        assert_true(is_aligned(a->va, PAGE_SIZE) && end_of(a) > a->va);
        for (size_t k = 0; k < i; k++) {
            const struct efi_region *b = &regions->region[k];
            assert_true(end_of(a) <= b->va || end_of(b) <= a->va);
        }
    }
}

// From the guarantees of a mode's row, and mm/layout.h.
static const struct promise {
    const char *name;
    va_t low, high;
    bool congruent; // VA = PA modulo 2 MiB
    bool together;  // regions adjacent in memory are adjacent
} promises[] = {
    {"physical", 0, 1UL << 52, true, true},
    {"identity", 0, 1UL << 52, true, true},
    {"fixed", EFI_WINDOW_END, EFI_WINDOW_START, true, true},
    {"contiguous", EFI_CONTIGUOUS, 1UL << 47, true, true},
    {"offset", EFI_CONTIGUOUS, 1UL << 47, true, true},
    {"compact", EFI_CONTIGUOUS, 1UL << 47, true, false},
    {"packed", EFI_CONTIGUOUS, 1UL << 47, false, false},
    {"direct", DIRECT_MAP_BASE, DIRECT_MAP_END, true, true},
    {"table", EFI_WINDOW_END, EFI_WINDOW_START, true, true},
    {"naive", VMAP_NAIVE, VMAP_END, false, false},
};

static inline void check_promise(const struct promise *promise,
                                 const struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *r = &regions->region[i];
        assert_true(r->va >= promise->low && end_of(r) <= promise->high);
        assert_true(!promise->congruent || (r->va - r->pa) % LARGE == 0);
        bool touches = i > 0 && r[-1].pa + region_bytes(&r[-1]) == r->pa;
        assert_true(!promise->together || !touches || end_of(&r[-1]) == r->va);
    }
}
