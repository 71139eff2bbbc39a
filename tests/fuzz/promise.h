// The guarantees of the modes for their addresses.

#pragma once

#include "efi/mode.h"
#include "efi/width.h"
#include "efi/width32/window.h"
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

// From the guarantees of a mode's row, and mm/layout.h. A mode that does not
// depend on the width of the firmware is here once, with word_bytes 0.
static const struct promise {
    const char *name;
    uint32_t word_bytes;
    va_t low, high;
    bool congruent; // VA = PA modulo 2 MiB
    bool together;  // regions adjacent in memory are adjacent
} promises[] = {
    {"physical", 0, 0, 1UL << 52, true, true},
    {"identity", 0, 0, 1UL << 52, true, true},
    {"offset", 0, EFI_CONTIGUOUS, 1UL << 47, true, true},
    {"direct", 0, DIRECT_MAP_BASE, DIRECT_MAP_END, true, true},
    {"fixed", 8, EFI_WINDOW_END, EFI_WINDOW_START, true, true},
    {"contiguous", 8, EFI_CONTIGUOUS, 1UL << 47, true, true},
    {"compact", 8, EFI_CONTIGUOUS, 1UL << 47, true, false},
    {"packed", 8, EFI_CONTIGUOUS, 1UL << 47, false, false},
    {"table", 8, EFI_WINDOW_END, EFI_WINDOW_START, true, true},
    {"naive", 8, EFI_WINDOW_END, EFI_WINDOW_START, false, false},
    {"fixed", 4, EFI32_BOTTOM, EFI32_TOP, true, true},
    {"contiguous", 4, EFI32_BOTTOM, EFI32_TOP, true, true},
    {"compact", 4, EFI32_BOTTOM, EFI32_TOP, true, false},
    {"packed", 4, EFI32_BOTTOM, EFI32_TOP, false, false},
    {"table", 4, EFI32_BOTTOM, EFI32_TOP, true, true},
    {"naive", 4, EFI32_BOTTOM, EFI32_TOP, false, false},
};

static inline bool is_of_width(const struct promise *promise,
                               const struct efi_width *width) {
    return !promise->word_bytes || promise->word_bytes == width->word_bytes;
}

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
