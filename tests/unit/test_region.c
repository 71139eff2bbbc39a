// Runtime regions: maps of all kinds, valid and invalid, and the addresses that
// the modes give.

#include "boot/node.h"
#include "efi/guard/memory.h"
#include "efi/region.h"

#include <stdio.h>
#include <string.h>

#include "efi/firmware.h"
#include "efi/modes/table.h"
#include "kexec/linux/linux.h"
#include "mm/layout.h"
#include "mm/random/random.h"
#include "tests/unit/kinds.h"
#include "tests/unit/said.h"
#include "tests/unit/unit.h"

#define RUNTIME (EFI_MEMORY_RUNTIME | EFI_MEMORY_WB)
#define LARGE   (2 * MIB)

va_t direct_map_base = DIRECT_MAP_BASE; // the kernel has it in mm/space.c

static const struct efi_firmware of_64_bits = {.width = widths_start};
const struct efi_firmware *const firmware = &of_64_bits;

// ---- a memory map

static struct boot_efi given;
static struct efi_regions regions;
static struct memory_map memory;

static void begin(uint32_t step) {
    memset(&given, 0xee, sizeof(given)); // the gap between two descriptors
    memset(&regions, 0, sizeof(regions));
    given.map_bytes = 0;
    given.descriptor_bytes = step;
    given.descriptor_version = EFI_DESCRIPTOR_VERSION;
}

// The run of efi=contiguous: its start and length, as the next Baton gets them.
static const struct node *node_of_run(void) {
    FOR_EACH_ROW(nodes, row)
        if (row->type == NODE_TYPE('V'))
            return row;
    return NULL;
}

static void hand_on_run(uint64_t va, uint64_t bytes) {
    const uint64_t run[] = {va, bytes};
    assert_int_equal(node_of_run()->read(run, sizeof(run), NULL), STATUS_OK);
}

static int usual_map(void **state) {
    (void)state;
    begin(48);
    hand_on_run(0, 0); // none
    return 0;
}

static void add_at(uint32_t type, pa_t pa, va_t va, uint64_t pages,
                   uint64_t attribute) {
    struct efi_memory_descriptor d = {type, 0, pa, va, pages, attribute};
    assert_true(given.map_bytes + given.descriptor_bytes <= EFI_MAP_BYTES);
    memcpy(given.map + given.map_bytes, &d, sizeof(d));
    given.map_bytes += given.descriptor_bytes;
}

static void add(uint32_t type, pa_t pa, uint64_t pages) {
    add_at(type, pa, 0, pages, RUNTIME);
}

// Both readers, over memory that ends where the map does.
static status_t read_map(void) {
    struct boot_efi *exact =
        exact_copy(&given, offsetof(struct boot_efi, map) + given.map_bytes);
    memory.count = 0;
    status_t merged = efi_map_merge(exact, &memory);
    status_t status = efi_regions_read(exact, &regions);
    if (status == STATUS_OK)
        assert_int_equal(merged, STATUS_OK);
    free(exact);
    return status;
}

static void expect(status_t status, const char *reason) {
    assert_int_equal(read_map(), status);
    assert_contains(why(), reason);
}

// ---- reading

static void every_descriptor_size(void **state) {
    (void)state;
    const uint32_t sizes[] = {40, 48, 56, 256};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        begin(sizes[i]);
        add_at(EFI_RUNTIME_SERVICES_CODE, 0x5000, 0xfffffffeff605000, 3,
               RUNTIME);
        add(EFI_RUNTIME_SERVICES_DATA, 0x8000, 1);
        assert_int_equal(read_map(), STATUS_OK);
        assert_int_equal(regions.count, 2);
        assert_int_equal(regions.region[0].type, EFI_RUNTIME_SERVICES_CODE);
        assert_int_equal(regions.region[0].pa, 0x5000);
        assert_int_equal(regions.region[0].va, 0xfffffffeff605000);
        assert_int_equal(regions.region[0].pages, 3);
        assert_int_equal(regions.region[0].attribute, RUNTIME);
        assert_int_equal(regions.region[1].pa, 0x8000);
        assert_int_equal(efi_regions_bytes(&regions), 4 * PAGE_SIZE);
    }
}

static void bad_sizes_are_refused(void **state) {
    (void)state;
    const uint32_t sizes[] = {0, 8, 39, 41, 47, 264, ~0u, ~0u - 7};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        char reason[32];
        snprintf(reason, sizeof(reason), "descriptors of %u bytes", sizes[i]);
        usual_map(state);
        add(EFI_RUNTIME_SERVICES_DATA, 0x8000, 1);
        given.descriptor_bytes = sizes[i];
        expect(STATUS_INVALID, reason);
        assert_int_equal(regions.count, 0);
        assert_int_equal(memory.count, 0);
    }
}

static void only_version_1_is_known(void **state) {
    (void)state;
    add(EFI_RUNTIME_SERVICES_DATA, 0x8000, 1);
    given.descriptor_version = 2;
    expect(STATUS_INVALID, "version 2; must be");
    given.descriptor_version = 0;
    expect(STATUS_INVALID, "version 0; must be");
}

static void a_map_is_whole_descriptors(void **state) {
    (void)state;
    expect(STATUS_INVALID, "map: 0 bytes");
    add(EFI_RUNTIME_SERVICES_DATA, 0x8000, 1);
    given.map_bytes = 47;
    expect(STATUS_INVALID, "map: 47 bytes");
    given.map_bytes = 49;
    expect(STATUS_INVALID, "map: 49 bytes");
}

static void past_the_end_is_nothing(void **state) {
    (void)state;
    struct efi_memory_descriptor d;
    add(EFI_RUNTIME_SERVICES_DATA, 0x8000, 1);
    assert_true(efi_map_at(&given, 0, &d));
    assert_false(efi_map_at(&given, 1, &d));
    assert_false(efi_map_at(&given, UINT64_MAX, &d));
}

static void read_with_log(void) {
    said[0] = '\0';
    status_t status = read_map();
    assert_int_equal(status, STATUS_OK);
}

static const struct efi_memory_descriptor insane[] = {
    {6, 0, 0x5000, 0, 0, RUNTIME},
    {6, 0, 0x5000, 0, 1UL << 40, RUNTIME},
    {6, 0, 0x5000, 0, ~0UL, RUNTIME},
    {6, 0, 0x5000, 0, 1UL << 52, RUNTIME}, // 2^64 bytes
    {6, 0, 0x5800, 0, 1, RUNTIME},
    {6, 0, 1UL << 52, 0, 1, RUNTIME},
    {6, 0, -0x1000UL, 0, 1, RUNTIME},
    {6, 0, -0x1000UL, 0, 2, RUNTIME},
    {6, 0, 0x5000, 0, (1UL << 40) - 4, RUNTIME},
};

// Invalid ones are dropped, with a log line; the others are used.
static void nonsense_is_dropped(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(insane); i++) {
        const struct efi_memory_descriptor *d = &insane[i];
        char line[128];
        usual_map(state);
        add(EFI_RUNTIME_SERVICES_DATA, 0x8000, 1);
        add(d->type, d->physical_start, d->pages);
        read_with_log();
        assert_int_equal(regions.count, 1);
        assert_int_equal(memory.count, 1);
        snprintf(line, sizeof(line),
                 "dropped runtime descriptor 1: %lu pages at pa %#lx, va 0",
                 d->pages, d->physical_start);
        assert_contains(said, line);
    }
}

// A value that the firmware itself left there is ignored.
static void misaligned_virtual_addresses(void **state) {
    (void)state;
    add_at(EFI_RUNTIME_SERVICES_DATA, 0x5000, 0xfffffffeff605800, 1, RUNTIME);
    read_with_log();
    assert_int_equal(regions.count, 1);
    assert_int_equal(regions.region[0].pa, 0x5000);
    assert_int_equal(regions.region[0].va, 0);
    assert_int_equal(kind_at(&memory, 0x5000), MEMORY_RUNTIME);
}

static void the_very_last_page(void **state) {
    (void)state;
    add(EFI_MMIO, (1UL << 52) - PAGE_SIZE, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(regions.count, 1);
}

// It is the attribute that counts: ACPI tables and MMIO can be in, too.
static void only_runtime_is_taken(void **state) {
    (void)state;
    for (uint32_t type = 0; type < EFI_MEMORY_TYPES + 2; type++) {
        pa_t pa = 0x100000 + 2 * type * PAGE_SIZE;
        add(type, pa, 1);
        add_at(type, pa + PAGE_SIZE, 0, 1, EFI_MEMORY_WB);
    }
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(regions.count, EFI_MEMORY_TYPES + 2);
    for (uint32_t i = 0; i < regions.count; i++)
        assert_int_equal(regions.region[i].type, i);
}

static void comes_out_sorted(void **state) {
    (void)state;
    const uint32_t order[] = {7, 0, 3, 9, 1, 8, 2, 6, 4, 5};
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        add(EFI_RUNTIME_SERVICES_DATA, 0x5000 + order[i] * PAGE_SIZE, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(regions.count, ARRAY_SIZE(order));
    for (size_t i = 0; i < regions.count; i++)
        assert_int_equal(regions.region[i].pa, 0x5000 + i * PAGE_SIZE);
}

static void overlaps_are_refused(void **state) {
    const struct {
        pa_t pa;
        uint64_t pages;
    } rows[] = {{0x8000, 4}, {0x8000, 1}, {0xB000, 1}, {0x7000, 2}, {0, 64}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char part[64];
        usual_map(state);
        add(EFI_RUNTIME_SERVICES_DATA, 0x8000, 4);
        add(EFI_RUNTIME_SERVICES_CODE, rows[i].pa, rows[i].pages);
        expect(STATUS_INVALID, "runtime regions overlap");
        snprintf(part, sizeof(part), "%lu pages at %#lx", rows[i].pages,
                 rows[i].pa);
        bool first = rows[i].pa < 0x8000;
        assert_contains(why(), first ? part : "4 pages at 0x8000");
        assert_contains(why(), first ? "4 at 0x8000" : "overlap");
    }
}

static void too_many_are_refused(void **state) {
    (void)state;
    for (pa_t i = 0; i < EFI_REGIONS_MAX; i++)
        add(EFI_RUNTIME_SERVICES_DATA, 2 * i * PAGE_SIZE, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(regions.count, EFI_REGIONS_MAX);
    add(EFI_RUNTIME_SERVICES_DATA, GIB, 1);
    expect(STATUS_NO_MEMORY, "more than 128 runtime regions");
}

// Virtual addresses may be in any order, but must not overlap. The last row of
// each case is compared with two others: from below, from above, around,
// within.
static void virtual_overlaps_are_found(void **state) {
    const struct {
        va_t va;
        uint64_t pages;
        status_t status;
    } rows[] = {
        {0x10000, 4, STATUS_OK},      {0x24000, 4, STATUS_OK},
        {0x30000, 16, STATUS_OK},     {0x1d000, 4, STATUS_INVALID},
        {0x23000, 1, STATUS_INVALID}, {0x0, 256, STATUS_INVALID},
        {0x40000, 1, STATUS_INVALID}, {0x3f000, 2, STATUS_INVALID},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        usual_map(state);
        add_at(EFI_RUNTIME_SERVICES_DATA, 0x5000, 0x40000, 1, RUNTIME);
        add_at(EFI_RUNTIME_SERVICES_CODE, 0x8000, 0x20000, 4, RUNTIME);
        add_at(EFI_BOOT_SERVICES_DATA, 0x900000, rows[i].va, rows[i].pages,
               RUNTIME);
        assert_int_equal(read_map(), STATUS_OK);
        assert_int_equal(efi_regions_check_va(&regions), rows[i].status);
        if (rows[i].status)
            assert_contains(why(), "of pa 0x900000 at va");
    }
}

// ---- writing

// Written regions are read back unchanged, with descriptors of any size.
static void written_and_read_again(void **state) {
    (void)state;
    const uint32_t steps[] = {40, 48, 64};
    for (size_t i = 0; i < ARRAY_SIZE(steps) * 2; i++) {
        begin(steps[i / 2]);
        add_at(EFI_RUNTIME_SERVICES_CODE, 0x5000, 0xfffffffeff605000, 3,
               RUNTIME);
        add_at(EFI_MMIO, 0x9000, 0xfffffffeff609000, 1, RUNTIME);
        assert_int_equal(read_map(), STATUS_OK);
        struct efi_regions before = regions;
        uint8_t *exact = malloc(given.map_bytes);
        efi_regions_write(&regions, steps[i / 2], i % 2, exact);
        memcpy(given.map, exact, given.map_bytes);
        free(exact);
        assert_int_equal(read_map(), STATUS_OK);
        for (size_t n = 0; i % 2 == 0 && n < before.count; n++)
            before.region[n].va = 0;
        assert_memory_equal(&regions, &before, sizeof(before));
    }
}

// The firmware's own order is preserved as well.
static void written_as_listed(void **state) {
    (void)state;
    const pa_t listed[] = {0x9000, 0x3000, 0x7000, 0x5000};
    for (size_t i = 0; i < ARRAY_SIZE(listed); i++)
        add(EFI_RUNTIME_SERVICES_DATA, listed[i], 1);
    assert_int_equal(read_map(), STATUS_OK);
    efi_regions_write(&regions, 48, true, given.map);
    struct efi_memory_descriptor d;
    for (size_t i = 0; i < ARRAY_SIZE(listed); i++) {
        assert_true(efi_map_at(&given, i, &d));
        assert_int_equal(d.physical_start, listed[i]);
    }
}

// ---- merging

static const enum memory_kind kinds[EFI_MEMORY_TYPES + 1] = {
    [EFI_RESERVED] = MEMORY_RESERVED,
    [EFI_LOADER_CODE] = MEMORY_USABLE,
    [EFI_LOADER_DATA] = MEMORY_USABLE,
    [EFI_BOOT_SERVICES_CODE] = MEMORY_BOOT_SERVICES,
    [EFI_BOOT_SERVICES_DATA] = MEMORY_BOOT_SERVICES,
    [EFI_RUNTIME_SERVICES_CODE] = MEMORY_RUNTIME,
    [EFI_RUNTIME_SERVICES_DATA] = MEMORY_RUNTIME,
    [EFI_CONVENTIONAL] = MEMORY_USABLE,
    [EFI_UNUSABLE] = MEMORY_RESERVED,
    [EFI_ACPI_RECLAIM] = MEMORY_ACPI,
    [EFI_ACPI_NVS] = MEMORY_NVS,
    [EFI_MMIO] = MEMORY_MMIO,
    [EFI_MMIO_PORTS] = MEMORY_MMIO,
    [EFI_PAL_CODE] = MEMORY_RESERVED,
    [EFI_PERSISTENT] = MEMORY_RESERVED,
    [EFI_UNACCEPTED] = MEMORY_RESERVED,
    [EFI_MEMORY_TYPES] = MEMORY_RESERVED, // of the future
};

// RAM with the runtime attribute is never free. Linux sets it for boot services
// whose memory it may have used.
static enum memory_kind kind_at_runtime(enum memory_kind kind) {
    if (kind == MEMORY_BOOT_SERVICES)
        return MEMORY_BOOT_KEPT;
    return kind < MEMORY_RESERVED ? MEMORY_RUNTIME : kind;
}

static void every_type_has_a_kind(void **state) {
    for (uint32_t type = 0; type < ARRAY_SIZE(kinds); type++) {
        usual_map(state);
        add_at(type, 0x5000, 0, 1, EFI_MEMORY_WB);
        add(type, 0x9000, 1);
        assert_int_equal(read_map(), STATUS_OK);
        assert_int_equal(kind_at(&memory, 0x5000), kinds[type]);
        assert_int_equal(kind_at(&memory, 0x9000),
                         kind_at_runtime(kinds[type]));
    }
}

static const struct {
    uint64_t attribute;
    bool plain;
} plain_attributes[] = {
    {EFI_MEMORY_WB, true},
    {0xf, true}, // UC, WC, WT as well
    {0, false},
    {7, false}, // UC, WC, WT
    {EFI_MEMORY_SP, false},
    {EFI_MEMORY_WB | EFI_MEMORY_SP, false},
    {EFI_MEMORY_WB | 0x27000, true}, // WP, RP, XP, RO: what could be set
    {EFI_MEMORY_WB | 0x90000, true}, // MORE_RELIABLE, CPU_CRYPTO
    {EFI_MEMORY_RUNTIME, true},      // the firmware's, as ever
};

// Of the free types, only ordinary RAM is free; no bit makes other types free.
static void only_plain_memory_is_free(void **state) {
    for (uint32_t type = 0; type < ARRAY_SIZE(kinds); type++)
        for (size_t i = 0; i < ARRAY_SIZE(plain_attributes); i++) {
            uint64_t attribute = plain_attributes[i].attribute;
            bool is_free = kinds[type] == MEMORY_USABLE ||
                           kinds[type] == MEMORY_BOOT_SERVICES;
            usual_map(state);
            add_at(type, 0x5000, 0, 1, attribute);
            assert_int_equal(read_map(), STATUS_OK);
            enum memory_kind expected =
                attribute & EFI_MEMORY_RUNTIME ? kind_at_runtime(kinds[type])
                : is_free && !plain_attributes[i].plain ? MEMORY_RESERVED
                                                        : kinds[type];
            assert_int_equal(kind_at(&memory, 0x5000), expected);
        }
}

// The longest possible map, from the bottom and from the top. Ranges that do
// not fit are lost; above all, no memory of the firmware becomes free.
static void too_many_descriptors(void **state) {
    const uint32_t types[] = {EFI_CONVENTIONAL, EFI_BOOT_SERVICES_DATA};
    const size_t count = EFI_MAP_BYTES / 48;
    for (size_t reverse = 0; reverse < 2; reverse++) {
        usual_map(state);
        for (size_t i = 0; i < count; i++) {
            size_t page = reverse ? count - 1 - i : i;
            add_at(types[page % 2], page * PAGE_SIZE, 0, 1, EFI_MEMORY_WB);
        }
        assert_int_equal(read_map(), STATUS_OK);
        for (size_t page = 0; page < count; page++) {
            enum memory_kind kind = kind_at(&memory, page * PAGE_SIZE);
            assert_true(kind == kinds[types[page % 2]] || kind == MEMORY_LOST);
        }
        uint64_t lost = memory_map_bytes(&memory, MEMORY_LOST, 0) / PAGE_SIZE;
        assert_between(lost, count - MEMORY_MAP_GIVEN,
                       count - MEMORY_MAP_GIVEN + 4);
    }
}

// ---- looking up

static void lookups_at_the_edges(void **state) {
    (void)state;
    const struct {
        uint64_t offset, bytes;
        bool found;
    } rows[] = {
        {0, 0, true},      {0, 0x3000, true},      {0, 0x3001, false},
        {0x2fff, 1, true}, {0x2fff, 2, false},     {0x3000, 0, false},
        {-1UL, 1, false},  {-1UL, 2, false},       {0x1000, UINT64_MAX, false},
        {1, -1UL, false},  {0x2000, 0x1000, true}, {0x2000, 0x1001, false},
    };
    va_t va = 0xfffffffeff600000;
    add_at(EFI_RUNTIME_SERVICES_DATA, 0x8000, va, 3, RUNTIME);
    add_at(EFI_RUNTIME_SERVICES_DATA, 0xB000, -PAGE_SIZE, 1, RUNTIME);
    assert_int_equal(read_map(), STATUS_OK);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct efi_region *first = &regions.region[0], *expected;
        expected = rows[i].found ? first : NULL;
        uint64_t at = rows[i].offset, length = rows[i].bytes;
        assert_ptr_equal(efi_region_of_va(&regions, va + at, length), expected);
        if (at != 0x3000) // where, physically, the second one starts
            assert_ptr_equal(efi_region_of_pa(&regions, 0x8000 + at, length),
                             expected);
    }
    assert_ptr_equal(efi_region_of_pa(&regions, 0xB000, 0), &regions.region[1]);
    assert_ptr_equal(efi_region_of_va(&regions, -1UL, 1), &regions.region[1]);
    assert_null(efi_region_of_va(&regions, 0, 1));
}

// ---- placing

// OVMF's regions with 512 MiB.
static void ovmf(void) {
    add(EFI_RUNTIME_SERVICES_DATA, 0x1EAA0000, 0x102);
    add(EFI_RUNTIME_SERVICES_DATA, 0x1F4EC000, 0x100);
    add(EFI_RUNTIME_SERVICES_CODE, 0x1F5EC000, 0x100);
    add(EFI_RUNTIME_SERVICES_DATA, 0x1FEF4000, 0x84);
    add(EFI_MMIO, 0xFFC00000, 0x400);
    assert_int_equal(read_map(), STATUS_OK);
}

static status_t place(const char *mode) {
    return efi_mode_find(mode)->place(&regions);
}

// The result of the next kernel from the addresses in `regions`.
static status_t adopt(const char *mode) {
    return efi_mode_find(mode)->adopt(efi_mode_find(mode), &regions);
}

static void check_va(const va_t *expected) {
    for (size_t i = 0; i < regions.count; i++)
        assert_int_equal(regions.region[i].va, expected[i]);
}

// The addresses that Linux prints for the same machine.
static void fixed_is_linuxs_rule(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(efi_place_fixed(&regions), STATUS_OK);
    check_va((const va_t[]){0xfffffffeff6a0000, 0xfffffffeff8ec000,
                            0xfffffffeff9ec000, 0xfffffffeffaf4000,
                            0xfffffffeffc00000});
}

static void identity_is_the_identity(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(place("identity"), STATUS_OK);
    for (size_t i = 0; i < regions.count; i++)
        assert_int_equal(regions.region[i].va, regions.region[i].pa);
}

// One after the other from the window's bottom, a page between them unmapped.
static void naive_is_in_order_of_asking(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(place("naive"), STATUS_OK);
    check_va((const va_t[]){0xffffffef00000000, 0xffffffef00103000,
                            0xffffffef00204000, 0xffffffef00305000,
                            0xffffffef0038a000});
}

// Petkov's run: distances as in memory, from the start of the quadrant.
static void contiguous_keeps_distances(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(place("contiguous"), STATUS_OK);
    check_va((const va_t[]){0x4000000a0000, 0x400000aec000, 0x400000bec000,
                            0x4000014f4000, 0x4000e1200000});
}

// Only the start of the run has to be known.
static void one_number_is_enough(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(place("contiguous"), STATUS_OK);
    assert_int_equal(regions.region[0].va, 0x4000000a0000);
    const va_t start = 0x4000000a0000 + 0x123456000; // another one
    usual_map(state);
    ovmf();
    hand_on_run(start, 0x100000000 - 0x1eaa0000);
    assert_int_equal(adopt("contiguous"), STATUS_OK);
    for (size_t i = 0; i < regions.count; i++)
        assert_int_equal(regions.region[i].va - start,
                         regions.region[i].pa - 0x1eaa0000);
}

static void a_node_is_one_run(void **state) {
    (void)state;
    static const uint64_t runs[4] = {EFI_CONTIGUOUS, PAGE_SIZE};
    for (uint32_t bytes = 0; bytes <= sizeof(runs); bytes++)
        assert_int_equal(node_of_run()->read(runs, bytes, NULL),
                         bytes % 16 || bytes > 16 ? STATUS_REFUSED : STATUS_OK);
}

static void invalid_runs(void **state) {
    (void)state;
    static const struct {
        uint64_t va, more;
        const char *why;
    } wrong[] = {
        {EFI_CONTIGUOUS, PAGE_SIZE, "span"},
        {EFI_CONTIGUOUS, -1UL, "span"},
        {EFI_CONTIGUOUS + 1, 0, "where mode contiguous puts it"},
        {EFI_CONTIGUOUS - PAGE_SIZE, 0, "where mode contiguous puts it"},
        {2 * EFI_CONTIGUOUS, 0, "where mode contiguous puts it"},
        {2 * EFI_CONTIGUOUS - PAGE_SIZE, 0, "where mode contiguous puts it"},
        {0, 0, "where mode contiguous puts it"},
        {-PAGE_SIZE, 0, "where mode contiguous puts it"},
    };
    ovmf();
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        hand_on_run(wrong[i].va, 0x100000000 - 0x1eaa0000 + wrong[i].more);
        assert_int_equal(adopt("contiguous"), STATUS_REFUSED);
        assert_contains(why(), wrong[i].why);
    }
}

static void direct_is_the_direct_map(void **state) {
    (void)state;
    ovmf();
    direct_map_base = DIRECT_MAP_LAST;
    assert_int_equal(place("direct"), STATUS_OK);
    for (size_t i = 0; i < regions.count; i++)
        assert_int_equal(regions.region[i].va,
                         direct_map_base + regions.region[i].pa);
}

static void offset_adds_one_constant(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(place("offset"), STATUS_OK);
    for (size_t i = 0; i < regions.count; i++)
        assert_int_equal(regions.region[i].va,
                         0x400000000000 + regions.region[i].pa);

    usual_map(state);
    add(EFI_MMIO, (1UL << 46) - PAGE_SIZE, 1); // the last page that fits
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("offset"), STATUS_OK);
    assert_int_equal(regions.region[0].va, 0x7ffffffff000);
    add(EFI_MMIO, 1UL << 46, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("offset"), STATUS_REFUSED);
    assert_contains(why(), "1 pages at 0x400000000000");
}

// The flash follows the rest directly, at the next address that is congruent.
static void compact_keeps_distances_of_drivers(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(place("compact"), STATUS_OK);
    check_va((const va_t[]){0x4000000a0000, 0x400000aec000, 0x400000bec000,
                            0x4000014f4000, 0x400001600000});

    usual_map(state);
    add(EFI_RUNTIME_SERVICES_CODE, 0x5000, 1);
    add(EFI_RUNTIME_SERVICES_DATA, 0x5000 + 4 * GIB - PAGE_SIZE, 1);
    add(EFI_RUNTIME_SERVICES_DATA, 0x5000 + 8 * GIB - PAGE_SIZE, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("compact"), STATUS_OK);
    va_t second = EFI_CONTIGUOUS + 0x4000 + 4 * GIB; // the distance is kept
    check_va((const va_t[]){EFI_CONTIGUOUS + 0x5000, second,
                            second + LARGE}); // and here it is not
}

// In the order of the map, whatever the addresses are.
static void packed_keeps_no_distance(void **state) {
    (void)state;
    ovmf();
    assert_int_equal(place("packed"), STATUS_OK);
    check_va((const va_t[]){0x400000000000, 0x400000102000, 0x400000202000,
                            0x400000302000, 0x400000386000});

    usual_map(state);
    add(EFI_RUNTIME_SERVICES_DATA, 0x9000, 3);
    add(EFI_RUNTIME_SERVICES_CODE, 0x5000, 1);
    add(EFI_RUNTIME_SERVICES_DATA, 0x7000, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("packed"), STATUS_OK);
    check_va((const va_t[]){0x400000003000, 0x400000004000, 0x400000000000});
}

static void overflow_of_a_run(void **state) {
    static const char *const names[] = {"compact", "packed"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        usual_map(state);
        add(EFI_MMIO, 0, EFI_CONTIGUOUS / PAGE_SIZE);
        assert_int_equal(read_map(), STATUS_OK);
        assert_int_equal(place(names[i]), STATUS_OK);
        add(EFI_MMIO, EFI_CONTIGUOUS, 1);
        assert_int_equal(read_map(), STATUS_OK);
        assert_int_equal(place(names[i]), STATUS_REFUSED);
        assert_contains(why(), "1 pages at 0x400000000000 do not fit");
    }
}

// The same seed gives the same addresses, another seed other ones. Regions that
// are adjacent in memory (the second and the third) stay adjacent.
static void table_is_random_by_its_seed(void **state) {
    (void)state;
    va_t first[2];
    for (unsigned i = 0; i < 3; i++) {
        ovmf();
        random_seed = i < 2 ? 77 : 79;
        assert_int_equal(place("table"), STATUS_OK);
        assert_int_equal(regions.region[1].va + 0x100000, regions.region[2].va);
        if (i == 0)
            memcpy(first, (va_t[]){regions.region[0].va, regions.region[4].va},
                   sizeof(first));
        assert_int_equal(regions.region[0].va == first[0], i < 2);
        assert_int_equal(regions.region[4].va == first[1], i < 2);
        usual_map(state);
    }
}

static void overflow_of_the_quadrant(void **state) {
    (void)state;
    add(EFI_MMIO, 0x5000, 1);
    add(EFI_MMIO, EFI_CONTIGUOUS, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("contiguous"), STATUS_REFUSED);
    assert_contains(why(), "0x400000000000");
    assert_int_equal(place("direct"), STATUS_REFUSED);
    assert_contains(why(), "0x400000000000");
}

static void overflow_of_the_window(void **state) {
    uint64_t most = (EFI_WINDOW_START - EFI_WINDOW_END - LARGE) / PAGE_SIZE;
    add(EFI_MMIO, 1UL << 40, most);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(efi_place_fixed(&regions), STATUS_OK);
    assert_int_equal(regions.region[0].va, EFI_WINDOW_END + LARGE);

    add(EFI_MMIO, 0x5000, 1); // is placed after the other one
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(efi_place_fixed(&regions), STATUS_REFUSED);
    assert_contains(why(), "1 pages at 0x5000");
    assert_contains(why(), "0xffffffef00000000");

    usual_map(state);
    add(EFI_MMIO, 1UL << 40, most + 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(efi_place_fixed(&regions), STATUS_REFUSED);
    assert_contains(why(), "pages at 0x10000000000");
}

static void overflow_of_the_window_upwards(void **state) {
    uint64_t most = (EFI_WINDOW_START - EFI_WINDOW_END - PAGE_SIZE) / PAGE_SIZE;
    add(EFI_MMIO, 0x5000, most);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("naive"), STATUS_OK);
    add(EFI_MMIO, 1UL << 40, 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("naive"), STATUS_REFUSED);
    assert_contains(why(), "no space for 1 pages");

    usual_map(state);
    add(EFI_MMIO, 0x5000, most + 1);
    assert_int_equal(read_map(), STATUS_OK);
    assert_int_equal(place("naive"), STATUS_REFUSED);
}

// ---- chance

static uint64_t seed = 0x4d4f4445;

// Ascending, with gaps of no pages up to some GiB.
static void random_regions(void) {
    pa_t pa = (pa_t)next_random(&seed) << PAGE_SHIFT;
    begin(40);
    for (unsigned n = next_random(&seed) % EFI_REGIONS_MAX; n > 0; n--) {
        uint64_t pages = 1 + next_random(&seed) % 1500;
        unsigned shift = next_random(&seed) % 32;
        add(EFI_RUNTIME_SERVICES_DATA, pa, pages);
        pa += (pages + (next_random(&seed) >> shift) % (1 << 20)) * PAGE_SIZE;
    }
    if (given.map_bytes == 0)
        add(EFI_RUNTIME_SERVICES_DATA, pa, 1);
    assert_int_equal(read_map(), STATUS_OK);
}

// Congruent, in order, with gaps of less than a large page: only one placement
// from the top has these properties.
static void check_fixed(void) {
    va_t end = EFI_WINDOW_START;
    assert_int_equal(efi_place_fixed(&regions), STATUS_OK);
    for (size_t i = regions.count; i-- > 0;) {
        const struct efi_region *r = &regions.region[i];
        assert_true(r->va >= EFI_WINDOW_END && r->va < end);
        assert_int_equal(r->va % LARGE, r->pa % LARGE);
        assert_true(region_bytes(r) <= end - r->va);
        assert_true(end - (r->va + region_bytes(r)) < LARGE);
        end = r->va;
    }
}

// Congruent, in order, inside the window.
static void check_table(void) {
    va_t end = EFI_WINDOW_END;
    random_seed = next_random(&seed);
    assert_int_equal(place("table"), STATUS_OK);
    for (size_t i = 0; i < regions.count; i++) {
        const struct efi_region *r = &regions.region[i];
        assert_true(r->va >= end && r->va < EFI_WINDOW_START);
        assert_int_equal(r->va % LARGE, r->pa % LARGE);
        end = r->va + region_bytes(r);
        assert_true(end <= EFI_WINDOW_START);
    }
}

static void check_naive(void) {
    va_t end = EFI_WINDOW_END;
    if (place("naive") != STATUS_OK) {
        assert_true(efi_regions_bytes(&regions) + (regions.count << 12) >
                    EFI_WINDOW_START - EFI_WINDOW_END);
        return;
    }
    for (size_t i = 0; i < regions.count; i++) {
        const struct efi_region *r = &regions.region[i];
        assert_true(r->va >= end && r->va < VMAP_END);
        assert_true(region_bytes(r) <= VMAP_END - r->va);
        end = r->va + region_bytes(r);
    }
}

static void random_places(void **state) {
    (void)state;
    print_message("# seed 0x%lx\n", seed);
    for (unsigned round = 0; round < 2000; round++) {
        random_regions();
        check_fixed();
        check_table();
        check_naive();
    }
}

// ---- modes

static void modes_are_rows(void **state) {
    (void)state;
    const struct efi_mode expected[] = {
        {"physical", "2010", PAGE_TABLE_OWN, .calls_svam = false},
        {"identity", "2013", PAGE_TABLE_OWN, .calls_svam = true,
         .hands_on = true},
        {"fixed", "2013", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = true},
        {"contiguous", "Petkov", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = true},
        {"offset", "ESXi", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = true},
        {"compact", "ESXi", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = true},
        {"packed", "ESXi", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = true},
        {"direct", "2013", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = true},
        {"table", "2013", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = true},
        {"naive", "2013", PAGE_TABLE_KERNEL, .calls_svam = true,
         .hands_on = false},
    };
    assert_int_equal(modes_end - modes_start, ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        const struct efi_mode *mode = &modes_start[i];
        assert_ptr_equal(efi_mode_find(expected[i].name), mode);
        assert_contains(mode->proposal, expected[i].proposal);
        assert_int_equal(mode->table, expected[i].table);
        assert_int_equal(mode->calls_svam, expected[i].calls_svam);
        assert_int_equal(mode->hands_on, expected[i].hands_on);
        assert_true(mode->place && (mode->adopt || !mode->hands_on));
    }
    assert_string_equal(efi_mode_names(),
                        "physical, identity, fixed, contiguous, offset, "
                        "compact, packed, direct, table, naive");
    assert_null(efi_mode_find(""));
    assert_null(efi_mode_find("fixe"));
    assert_null(efi_mode_find("fixed "));
    assert_null(efi_mode_find("inherit")); // the default of efi=, not a mode
}

// Each rule is recognized by its addresses; others belong to `table`.
static void a_mode_is_known_by_its_addresses(void **state) {
    (void)state;
    static const char *const handed_on[] = {"identity", "fixed",   "contiguous",
                                            "offset",   "compact", "packed",
                                            "direct",   "table"};
    ovmf();
    for (size_t i = 0; i < ARRAY_SIZE(handed_on); i++) {
        const struct efi_mode *mode = efi_mode_find(handed_on[i]);
        assert_int_equal(mode->place(&regions), STATUS_OK);
        assert_ptr_equal(linux_mode_of(&regions), mode);
    }
    assert_int_equal(efi_place_fixed(&regions), STATUS_OK);
    regions.region[0].va -= LARGE;
    assert_ptr_equal(linux_mode_of(&regions), efi_mode_find("table"));
    regions.region[0].va = EFI_WINDOW_END - PAGE_SIZE;
    assert_null(linux_mode_of(&regions));
    assert_contains(why(), "outside the firmware window");
}

// The modes that adopt their own addresses, and the effect of a changed page.
static void modes_adopt_their_own_addresses(void **state) {
    (void)state;
    FOR_EACH_ROW(modes, mode) {
        bool is_table = strcmp(mode->name, "table") == 0;
        if (!mode->adopt) {
            assert_string_equal(mode->name, "naive");
            continue;
        }
        usual_map(state);
        ovmf();
        assert_int_equal(mode->place(&regions), STATUS_OK);
        assert_int_equal(adopt(mode->name), STATUS_OK);
        regions.region[0].va -= LARGE;
        assert_int_equal(adopt(mode->name),
                         is_table ? STATUS_OK : STATUS_REFUSED);
        assert_true(is_table || strstr(why(), mode->name));
    }
}

static void svam_has_names(void **state) {
    (void)state;
    assert_string_equal(efi_svam_name(SVAM_NEVER), "never");
    assert_string_equal(efi_svam_name(SVAM_CALLED), "called");
    assert_string_equal(efi_svam_name(SVAM_INHERITED), "inherited");
    assert_string_equal(efi_svam_name(SVAM_REFUSED), "refused");
    assert_string_equal(efi_svam_name(SVAM_REFUSED + 1), "?");
    assert_string_equal(efi_svam_name((enum efi_svam) - 1), "?");
}

#define TEST(name) cmocka_unit_test_setup(name, usual_map)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_descriptor_size),
        TEST(bad_sizes_are_refused),
        TEST(only_version_1_is_known),
        TEST(a_map_is_whole_descriptors),
        TEST(past_the_end_is_nothing),
        TEST(nonsense_is_dropped),
        TEST(misaligned_virtual_addresses),
        TEST(the_very_last_page),
        TEST(only_runtime_is_taken),
        TEST(comes_out_sorted),
        TEST(overlaps_are_refused),
        TEST(virtual_overlaps_are_found),
        TEST(too_many_are_refused),
        TEST(written_and_read_again),
        TEST(written_as_listed),
        TEST(every_type_has_a_kind),
        TEST(only_plain_memory_is_free),
        TEST(too_many_descriptors),
        TEST(lookups_at_the_edges),
        TEST(fixed_is_linuxs_rule),
        TEST(identity_is_the_identity),
        TEST(naive_is_in_order_of_asking),
        TEST(contiguous_keeps_distances),
        TEST(a_node_is_one_run),
        TEST(one_number_is_enough),
        TEST(invalid_runs),
        TEST(direct_is_the_direct_map),
        TEST(offset_adds_one_constant),
        TEST(compact_keeps_distances_of_drivers),
        TEST(packed_keeps_no_distance),
        TEST(overflow_of_a_run),
        TEST(table_is_random_by_its_seed),
        TEST(overflow_of_the_quadrant),
        TEST(overflow_of_the_window),
        TEST(overflow_of_the_window_upwards),
        TEST(random_places),
        TEST(modes_are_rows),
        TEST(a_mode_is_known_by_its_addresses),
        TEST(modes_adopt_their_own_addresses),
        TEST(svam_has_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
