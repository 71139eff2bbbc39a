// Where the modes put the firmware: any runtime regions, each rule.

#include "efi/mode.h"
#include "mm/layout.h"
#include "tests/fuzz/fuzz.h"

#define LARGE (2 * MIB)

va_t direct_map_base = DIRECT_MAP_BASE; // the kernel has it in mm/space.c

static struct efi_regions found, placed, again;

// Regions as efi_regions_read() leaves them: in order, apart or touching.
static void take_regions(struct input *in) {
    pa_t pa = 0;
    found.count = 0;
    while (in->left > 0 && found.count < EFI_REGIONS_MAX) {
        unsigned shift = take(in, 1) % 36;
        pa += take(in, 2) << (12 + shift);
        uint64_t pages = (take(in, 2) << take(in, 1) % 26) + 1;
        if (pa + pages * PAGE_SIZE > 1UL << 52)
            break;
        found.region[found.count++] = (struct efi_region){
            EFI_RUNTIME_SERVICES_DATA, pa, 0, pages, EFI_MEMORY_RUNTIME};
        pa += pages * PAGE_SIZE;
    }
}

static va_t end_of(const struct efi_region *region) {
    return region->va + region_bytes(region);
}

static void check_apart(const struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *a = &regions->region[i];
        assert_true(is_aligned(a->va, PAGE_SIZE) && end_of(a) > a->va);
        for (size_t k = 0; k < i; k++) {
            const struct efi_region *b = &regions->region[k];
            assert_true(end_of(a) <= b->va || end_of(b) <= a->va);
        }
    }
}

// By what a mode's row in efi/mode.c promises, and mm/layout.h.
static const struct promise {
    const char *name;
    va_t low, high;
    bool congruent; // VA = PA modulo 2 MiB
    bool together;  // what touches in memory touches
} promises[] = {
    {"physical", 0, 1UL << 52, true, true},
    {"identity", 0, 1UL << 52, true, true},
    {"fixed", EFI_WINDOW_END, EFI_WINDOW_START, true, true},
    {"contiguous", EFI_CONTIGUOUS, 1UL << 47, true, true},
    {"direct", DIRECT_MAP_BASE, DIRECT_MAP_END, true, true},
    {"table", EFI_WINDOW_END, EFI_WINDOW_START, true, true},
    {"naive", VMAP_NAIVE, VMAP_END, false, false},
};

static void check_promise(const struct promise *promise) {
    for (size_t i = 0; i < placed.count; i++) {
        const struct efi_region *r = &placed.region[i];
        assert_true(r->va >= promise->low && end_of(r) <= promise->high);
        assert_true(!promise->congruent || (r->va - r->pa) % LARGE == 0);
        bool touches = i > 0 && r[-1].pa + region_bytes(&r[-1]) == r->pa;
        assert_true(!promise->together || !touches || end_of(&r[-1]) == r->va);
    }
}

static void check_mode(const struct promise *promise) {
    const struct efi_mode *mode = efi_mode_find(promise->name);
    assert_non_null(mode);
    placed = found;
    status_t status = mode->place(&placed);
    check_why(status);
    if (status)
        return;
    check_apart(&placed);
    check_promise(promise);
    again = found;
    assert_int_equal(mode->place(&again), STATUS_OK);
    assert_memory_equal(&again, &placed, sizeof(placed));
}

static void fuzz(struct input in) {
    efi_table_seed = take(&in, 8);
    take_regions(&in);
    for (size_t i = 0; i < ARRAY_SIZE(promises); i++)
        check_mode(&promises[i]);
}
