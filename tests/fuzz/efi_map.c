// An arbitrary EFI memory map: merged into an empty or nearly full list, and
// compared with overlay.h; its runtime regions compared with a second parser,
// and written and read again.

#include "boot/boot_info.h"
#include "efi/region.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/overlay.h"

static struct memory_map map;
static struct efi_regions regions, again;
static const struct boot_efi *given;

// A map in memory that ends where it does. The caller frees it.
static struct boot_efi *exact_map(const void *map, uint64_t bytes,
                                  uint32_t step, uint32_t version) {
    struct boot_efi *efi = malloc(offsetof(struct boot_efi, map) + bytes);
    assert_non_null(efi);
    efi->map_bytes = bytes;
    efi->descriptor_bytes = step;
    efi->descriptor_version = version;
    memcpy(efi->map, map, bytes);
    return efi;
}

// UEFI 2.10 table 7.10, independent of the kernel.
static enum memory_kind kind_of(const struct efi_memory_descriptor *d) {
    bool runtime = d->attribute >> 63;
    bool plain = (d->attribute & 8) && !(d->attribute & 0x40000); // WB, SP
    switch (d->type) {
    case 1:
    case 2:
    case 7:
        return runtime ? MEMORY_RUNTIME
               : plain ? MEMORY_USABLE
                       : MEMORY_RESERVED;
    case 3:
    case 4:
        return runtime ? MEMORY_BOOT_KEPT
               : plain ? MEMORY_BOOT_SERVICES
                       : MEMORY_RESERVED;
    case 5:
    case 6:
        return MEMORY_RUNTIME;
    case 9:
        return runtime ? MEMORY_RUNTIME : MEMORY_ACPI;
    case 10:
        return runtime ? MEMORY_RUNTIME : MEMORY_NVS;
    case 11:
    case 12:
        return MEMORY_MMIO;
    default:
        return MEMORY_RESERVED;
    }
}

static struct efi_memory_descriptor row(size_t index) {
    struct efi_memory_descriptor d;
    memcpy(&d, given->map + index * given->descriptor_bytes, sizeof(d));
    return d;
}

// Not empty, on pages, and within the 52 bits that a CPU can address.
static bool is_sane(const struct efi_memory_descriptor *d) {
    unsigned __int128 end =
        d->physical_start + ((unsigned __int128)d->pages << 12);
    return d->pages != 0 && d->pages < 1UL << 40 &&
           d->physical_start % 4096 == 0 && end <= 1UL << 52;
}

static bool is_possible(void) {
    uint32_t step = given->descriptor_bytes;
    return given->descriptor_version == 1 && step >= 40 && step <= 256 &&
           step % 8 == 0 && given->map_bytes > 0 &&
           given->map_bytes % step == 0;
}

// With any list, it becomes neither too long nor more free than it should be.
static void check_overlays(void) {
    bool full = given->descriptor_bytes % 16 != 0;
    map.count = overlays.count = 0;
    for (pa_t i = 0; full && i < MEMORY_MAP_GIVEN / 2; i++) {
        overlay(2 * i * PAGE_SIZE, PAGE_SIZE, MEMORY_USABLE);
        memory_map_put(&map, 2 * i * PAGE_SIZE, PAGE_SIZE, MEMORY_USABLE);
    }
    size_t first = overlays.count;
    status_t status = efi_map_merge(given, &map);
    check_why(status);
    assert_int_equal(status, is_possible() ? STATUS_OK : STATUS_INVALID);
    for (size_t i = 0;
         is_possible() && i < given->map_bytes / given->descriptor_bytes; i++) {
        struct efi_memory_descriptor d = row(i);
        if (is_sane(&d))
            overlay(d.physical_start, d.pages << 12, kind_of(&d));
    }
    check_overlay(&map, first);
    bool room = overlays.count * 2 <= MEMORY_MAP_GIVEN;
    assert_true(!room || memory_map_bytes(&map, MEMORY_LOST, 0) == 0);
    assert_true(map.count <= MEMORY_MAP_GIVEN);
}

// The same regions, found by searching each descriptor in the list.
static void check_regions(void) {
    size_t count = 0;
    for (size_t i = 0; i < given->map_bytes / given->descriptor_bytes; i++) {
        struct efi_memory_descriptor d = row(i);
        if (!(d.attribute >> 63) || !is_sane(&d))
            continue;
        const struct efi_region *r =
            efi_region_of_pa(&regions, d.physical_start, d.pages << 12);
        assert_non_null(r);
        assert_true(r->pa == d.physical_start && r->pages == d.pages &&
                    r->va == (d.virtual_start % 4096 ? 0 : d.virtual_start) &&
                    r->type == d.type && r->attribute == d.attribute);
        count++;
    }
    assert_int_equal(count, regions.count);
    for (size_t i = 1; i < regions.count; i++)
        assert_true(regions.region[i - 1].pa +
                        region_bytes(&regions.region[i - 1]) <=
                    regions.region[i].pa);
}

// Written as a map, they are read back, with or without their addresses.
static void check_round_trip(bool with_va) {
    uint64_t bytes = regions.count * given->descriptor_bytes;
    uint8_t *written = malloc(bytes + !bytes);
    efi_regions_write(&regions, given->descriptor_bytes, with_va, written);
    struct boot_efi *copy =
        exact_map(written, bytes, given->descriptor_bytes, 1);
    assert_int_equal(efi_regions_read(copy, &again), STATUS_OK);
    free(copy);
    assert_int_equal(again.count, regions.count);
    for (size_t i = 0; i < regions.count; i++) {
        struct efi_region expected = regions.region[i];
        expected.va = with_va ? expected.va : 0;
        assert_memory_equal(&again.region[i], &expected, sizeof(expected));
    }
    free(written);
}

static void fuzz(struct input in) {
    uint32_t step = take(&in, 4), version = take(&in, 4);
    uint64_t bytes = min_u64(in.left, EFI_MAP_BYTES);
    struct boot_efi *exact = exact_map(in.at, bytes, step, version);
    given = exact;
    check_overlays();
    memset(&regions, 0, sizeof(regions));
    status_t status = efi_regions_read(given, &regions);
    check_why(status);
    if (status == STATUS_OK) {
        check_regions();
        if (regions.count > 0) {
            check_round_trip(true);
            check_round_trip(false);
        }
    }
    free(exact);
}
