// The addresses of all modes: arbitrary runtime regions, each rule, for
// firmware of either width.

#include "efi/firmware.h"
#include "mm/random/random.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/width32.h"

va_t direct_map_base = DIRECT_MAP_BASE; // the kernel has it in mm/space.c

static struct efi_firmware record;
const struct efi_firmware *const firmware = &record;

static struct efi_regions found, placed, again;

// Regions as from efi_regions_read(): in order, separate or adjacent.
static void take_regions(struct input *in) {
    pa_t pa = 0;
    found.count = 0;
    while (in->left > 0 && found.count < EFI_REGIONS_MAX) {
        unsigned shift = take(in, 1) % 36;
        pa += take(in, 2) << (12 + shift);
        uint64_t pages = (take(in, 2) << take(in, 1) % 26) + 1;
        if (pa + pages * PAGE_SIZE > 1UL << 52)
            break;
        found.region[found.count] =
            (struct efi_region){EFI_RUNTIME_SERVICES_DATA, pa,         0, pages,
                                EFI_MEMORY_RUNTIME,        found.count};
        found.count++;
        pa += pages * PAGE_SIZE;
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
    check_promise(promise, &placed);
    again = found;
    assert_int_equal(mode->place(&again), STATUS_OK);
    assert_memory_equal(&again, &placed, sizeof(placed));
}

static void fuzz(struct input in) {
    random_seed = take(&in, 8);
    take_regions(&in);
    FOR_EACH_ROW(widths, width) {
        record.width = width;
        for (size_t i = 0; i < ARRAY_SIZE(promises); i++)
            if (is_of_width(&promises[i], width))
                check_mode(&promises[i]);
    }
}
