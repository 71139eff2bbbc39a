// The merged list compared with a simple page-by-page reference, and edge cases
// that random tests would miss.

#include "lib/memory_map.h"

#include <stdio.h>

#include "boot/damage/account.h"
#include "tests/unit/kinds.h"
#include "tests/unit/unit.h"

static struct memory_map map;

static int empty_map(void **state) {
    (void)state;
    map = (struct memory_map){0};
    return 0;
}

static void put(pa_t start, uint64_t bytes, enum memory_kind kind) {
    assert_int_equal(memory_map_put(&map, start, bytes, kind), STATUS_OK);
}

// The guarantees of the header for every list.
static void check_shape(void) {
    const struct memory_range *range = map.range;

    for (size_t i = 0; i < map.count; i++) {
        assert_true(range[i].start < range[i].end);
        if (i > 0) {
            assert_int_equal(range[i].start, range[i - 1].end);
            assert_int_not_equal(range[i].kind, range[i - 1].kind);
        }
    }
    if (map.count > 0) {
        assert_int_not_equal(range[0].kind, MEMORY_HOLE);
        assert_int_not_equal(range[map.count - 1].kind, MEMORY_HOLE);
    }
}

static void check(const struct memory_range *expected, size_t count) {
    check_shape();
    assert_int_equal(map.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(map.range[i].start, expected[i].start);
        assert_int_equal(map.range[i].end, expected[i].end);
        assert_int_equal(map.range[i].kind, expected[i].kind);
    }
}

static void an_empty_map_knows_nothing(void **state) {
    (void)state;
    assert_int_equal(kind_at(&map, 0), MEMORY_HOLE);
    assert_int_equal(memory_map_bytes(&map, MEMORY_USABLE, 0), 0);
}

static void neighbours_join(void **state) {
    (void)state;
    put(0x1000, 0x1000, MEMORY_USABLE);
    put(0x3000, 0x1000, MEMORY_USABLE);
    put(0x2000, 0x1000, MEMORY_USABLE);
    check(&(struct memory_range){0x1000, 0x4000, MEMORY_USABLE}, 1);
}

static void between_ranges_is_a_hole(void **state) {
    (void)state;
    put(0x5000, 0x1000, MEMORY_USABLE);
    put(0x1000, 0x1000, MEMORY_USABLE);
    const struct memory_range expected[] = {
        {0x1000, 0x2000, MEMORY_USABLE},
        {0x2000, 0x5000, MEMORY_HOLE},
        {0x5000, 0x6000, MEMORY_USABLE},
    };
    check(expected, ARRAY_SIZE(expected));
    assert_int_equal(kind_at(&map, 0x0FFF), MEMORY_HOLE);
    assert_int_equal(kind_at(&map, 0x2000), MEMORY_HOLE);
    assert_int_equal(kind_at(&map, 0x6000), MEMORY_HOLE);
    assert_int_equal(kind_at(&map, 0x1000), MEMORY_USABLE);
    assert_int_equal(kind_at(&map, 0x5FFF), MEMORY_USABLE);
}

static void the_stricter_kind_wins(void **state) {
    (void)state;
    const struct memory_range expected[] = {
        {0x1000, 0x2000, MEMORY_USABLE},
        {0x2000, 0x3000, MEMORY_RESERVED},
        {0x3000, 0x4000, MEMORY_USABLE},
    };
    put(0x1000, 0x3000, MEMORY_USABLE);
    put(0x2000, 0x1000, MEMORY_RESERVED);
    check(expected, ARRAY_SIZE(expected));

    map.count = 0;
    put(0x2000, 0x1000, MEMORY_RESERVED);
    put(0x1000, 0x3000, MEMORY_USABLE);
    check(expected, ARRAY_SIZE(expected));
}

static void need_not_be_pages(void **state) {
    (void)state;
    put(1, 2, MEMORY_USABLE);
    put(2, 2, MEMORY_IN_USE);
    const struct memory_range expected[] = {
        {1, 2, MEMORY_USABLE},
        {2, 4, MEMORY_IN_USE},
    };
    check(expected, ARRAY_SIZE(expected));
}

static void up_to_the_last_byte(void **state) {
    (void)state;
    put(0, UINT64_MAX, MEMORY_USABLE);
    check(&(struct memory_range){0, UINT64_MAX, MEMORY_USABLE}, 1);
    assert_int_equal(memory_map_bytes(&map, MEMORY_USABLE, 0), UINT64_MAX);
    assert_int_equal(kind_at(&map, UINT64_MAX), MEMORY_HOLE);
}

static void wrapping_ranges_are_refused(void **state) {
    (void)state;
    put(0x1000, 0x1000, MEMORY_USABLE);
    assert_int_equal(
        memory_map_put(&map, UINT64_MAX - 0xFFE, 0x1000, MEMORY_USABLE),
        STATUS_INVALID);
    assert_contains(why(), "0x1000 bytes at 0xfffffffffffff001");
    check(&(struct memory_range){0x1000, 0x2000, MEMORY_USABLE}, 1);
}

static void unknown_kinds_are_refused(void **state) {
    (void)state;
    const enum memory_kind kinds[] = {MEMORY_HOLE, MEMORY_KINDS,
                                      (enum memory_kind) - 1};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        assert_int_equal(memory_map_put(&map, 0, 1, kinds[i]), STATUS_INVALID);
    assert_int_equal(map.count, 0);
}

static void no_bytes_no_effect(void **state) {
    (void)state;
    put(0x1000, 0, MEMORY_USABLE);
    assert_int_equal(map.count, 0);
    put(0x1000, 0x2000, MEMORY_USABLE);
    put(0x2000, 0, MEMORY_RESERVED);
    put(UINT64_MAX, 0, MEMORY_RESERVED);
    check(&(struct memory_range){0x1000, 0x3000, MEMORY_USABLE}, 1);
}

// Two maps: ranges on which both agree, and ranges that only one lists as free.
static struct memory_map other, both;

static void put_other(pa_t start, uint64_t bytes, enum memory_kind kind) {
    assert_int_equal(memory_map_put(&other, start, bytes, kind), STATUS_OK);
}

static void two_maps(void) {
    map.count = other.count = 0;
    put(0x1000, 0x4000, MEMORY_USABLE);
    put(0x8000, 0x1000, MEMORY_RESERVED);
    put(0xa000, 0x1000, MEMORY_BOOT_SERVICES);
    put_other(0x2000, 0x4000, MEMORY_USABLE);
    put_other(0x3000, 0x1000, MEMORY_NVS);
}

static void maps_agree(void **state) {
    (void)state;
    const struct memory_range expected[] = {
        {0x1000, 0x2000, MEMORY_LOST}, {0x2000, 0x3000, MEMORY_USABLE},
        {0x3000, 0x4000, MEMORY_LOST}, {0x4000, 0x5000, MEMORY_USABLE},
        {0x5000, 0x6000, MEMORY_LOST}, {0x6000, 0x8000, MEMORY_HOLE},
        {0x8000, 0x9000, MEMORY_LOST}, {0x9000, 0xa000, MEMORY_HOLE},
        {0xa000, 0xb000, MEMORY_LOST},
    };
    two_maps();
    memory_agree(&map, &other, &both);
    map = both;
    check(expected, ARRAY_SIZE(expected));
    two_maps();
    memory_agree(&other, &map, &both);
    map = both;
    check(expected, ARRAY_SIZE(expected));
    memory_agree(&map, &map, &both);
    assert_memory_equal(&both, &map, sizeof(map.count));
    memory_agree(&map, &(struct memory_map){0}, &both);
    assert_int_equal(memory_map_bytes(&both, MEMORY_LOST, 0), 0x7000);
}

static void free_memory_is_confined(void **state) {
    (void)state;
    const struct memory_range expected[] = {
        {0x1000, 0x2000, MEMORY_RESERVED}, {0x2000, 0x3000, MEMORY_USABLE},
        {0x3000, 0x4000, MEMORY_NVS},      {0x4000, 0x6000, MEMORY_USABLE},
        {0x6000, 0xa000, MEMORY_HOLE},     {0xa000, 0xb000, MEMORY_RESERVED},
    };
    two_maps();
    assert_int_equal(memory_confine(&other, &map), STATUS_OK);
    map = other;
    check(expected, ARRAY_SIZE(expected));
}

// Fills the table completely from either side, then adds more.
static void full_means_unchanged(void **state) {
    (void)state;
    static struct memory_map before;
    pa_t at = 1 * GIB;

    while (map.count + 2 <= MEMORY_MAP_MAX) {
        put(at, 1, MEMORY_USABLE);
        at += 2;
    }
    check_shape();
    before = map;
    const pa_t places[] = {0, at + 100, 1 * GIB, 1 * GIB + 1};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        assert_int_equal(memory_map_put(&map, places[i], 1, MEMORY_IN_USE),
                         STATUS_NO_MEMORY);
        assert_memory_equal(&map, &before, sizeof(map));
    }
    assert_contains(why(), "of 512 ranges taken");
}

// ---- more ranges than the list holds

static void add(pa_t start, uint64_t bytes, enum memory_kind kind) {
    assert_int_equal(memory_map_add(&map, start, bytes, kind), STATUS_OK);
    assert_true(map.count <= MEMORY_MAP_GIVEN);
    check_shape();
}

// Ranges of 8 pages, and two smaller ones, which are lost first.
static void the_smallest_neighbours_are_lost(void **state) {
    (void)state;
    const pa_t small = 0x400000;
    pa_t at = 0x800000;
    add(small, 0x2000, MEMORY_RESERVED);
    add(small + 0x2000, 0x1000, MEMORY_USABLE);
    add(small + 0x3000, 0x8000, MEMORY_RUNTIME);
    while (at < 0x800000 + 0x10000 * ((MEMORY_MAP_GIVEN - 3) / 2)) {
        add(at, 0x8000, MEMORY_USABLE);
        at += 0x10000;
    }
    assert_int_equal(memory_map_bytes(&map, MEMORY_LOST, 0), 0);
    add(at, 0x8000, MEMORY_NVS);
    assert_int_equal(memory_map_bytes(&map, MEMORY_LOST, 0), 0x3000);
    assert_int_equal(kind_at(&map, small), MEMORY_LOST);
    assert_int_equal(kind_at(&map, small + 0x2fff), MEMORY_LOST);
    assert_int_equal(kind_at(&map, small + 0x3000), MEMORY_RUNTIME);
    assert_int_equal(kind_at(&map, at), MEMORY_NVS);

    // A lost range stays lost, and is then merged with its neighbour, which
    // loses only one more range. Then two neighbours are merged.
    add(small, 0x3000, MEMORY_MMIO);
    add(at + 0x10000, 0x8000, MEMORY_NVS);
    assert_int_equal(kind_at(&map, small + 0xafff), MEMORY_LOST);
    assert_int_equal(kind_at(&map, 0x800000), MEMORY_LOST);
    assert_int_equal(memory_map_bytes(&map, MEMORY_LOST, 0), 0xb000 + 0x10000);
}

// Also if they are the last ones.
static void the_smallest_neighbours_are_at_the_end(void **state) {
    (void)state;
    const pa_t small = 1UL << 30;
    add(small - 0x8000, 0x8000, MEMORY_RUNTIME);
    add(small, 0x2000, MEMORY_RESERVED);
    add(small + 0x2000, 0x1000, MEMORY_USABLE);
    for (pa_t at = 0; memory_map_bytes(&map, MEMORY_LOST, 0) == 0;
         at += 0x10000) {
        assert_true(at < small);
        add(at, 0x8000, MEMORY_USABLE);
    }
    assert_int_equal(memory_map_bytes(&map, MEMORY_LOST, 0), 0x3000);
    assert_int_equal(kind_at(&map, small), MEMORY_LOST);
    assert_int_equal(kind_at(&map, small + 0x2fff), MEMORY_LOST);
}

enum { MANY = 4000 };

static enum memory_kind kind_of(size_t page) {
    return 1 + page * page % 7;
}

// From the bottom, from the top, in random order: the kind at an address is
// that which was added, or lost; and the kernel can add its own ranges.
static void any_number_of_ranges(void **state) {
    const size_t steps[] = {1, MANY - 1, 1049}; // prime to MANY
    for (size_t order = 0; order < ARRAY_SIZE(steps); order++) {
        empty_map(state);
        for (size_t i = 0; i < MANY; i++) {
            size_t page = (i + 1) * steps[order] % MANY;
            add(page * PAGE_SIZE, PAGE_SIZE, kind_of(page));
        }
        assert_true(memory_map_bytes(&map, MEMORY_LOST, 0) > 0);
        for (size_t page = 0; page < MANY; page++) {
            enum memory_kind kind = kind_at(&map, page * PAGE_SIZE);
            assert_true(kind == kind_of(page) || kind == MEMORY_LOST);
        }
        for (pa_t own = 0; own < (MEMORY_MAP_MAX - MEMORY_MAP_GIVEN) / 2; own++)
            put(GIB + 2 * own, 1, MEMORY_IN_USE);
    }
}

static void bad_ranges_are_refused_all_the_same(void **state) {
    (void)state;
    assert_int_equal(memory_map_add(&map, 0, 1, MEMORY_HOLE), STATUS_INVALID);
    assert_int_equal(memory_map_add(&map, UINT64_MAX, 1, MEMORY_USABLE),
                     STATUS_INVALID);
    assert_int_equal(map.count, 0);
}

static void kinds_have_names(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < MEMORY_KINDS; kind++)
        assert_string_not_equal(memory_kind_name(kind), "?");
    assert_string_equal(memory_kind_name(MEMORY_IN_USE), "in-use");
    assert_string_equal(memory_kind_name(MEMORY_KINDS), "?");
}

enum { PAGES = 200, PAINTS = 40, ROUNDS = 500 };

static void compare(const enum memory_kind page[PAGES]) {
    uint64_t bytes[MEMORY_KINDS] = {0};

    for (size_t i = 0; i < PAGES; i++) {
        assert_int_equal(kind_at(&map, i * PAGE_SIZE + i), page[i]);
        bytes[page[i]] += PAGE_SIZE;
    }
    for (unsigned kind = 1; kind < MEMORY_KINDS; kind++)
        assert_int_equal(memory_map_bytes(&map, kind, 0), bytes[kind]);
}

static uint32_t kinds_in(pa_t start, uint64_t bytes) {
    return memory_map_kinds(&map, start, bytes);
}

static void all_kinds_of_a_range(void **state) {
    (void)state;
    const uint32_t hole = 1u << MEMORY_HOLE, usable = 1u << MEMORY_USABLE;
    assert_int_equal(kinds_in(0x1000, 1), hole);
    put(0x1000, 0x1000, MEMORY_USABLE);
    put(0x2000, 0x1000, MEMORY_ACPI);
    put(0x4000, 0x1000, MEMORY_USABLE);
    assert_int_equal(kinds_in(0x1000, 0), 0);
    assert_int_equal(kinds_in(0x1000, 0x1000), usable);
    assert_int_equal(kinds_in(0x1800, 0x801), usable | 1u << MEMORY_ACPI);
    assert_int_equal(kinds_in(0x2fff, 1), 1u << MEMORY_ACPI);
    assert_int_equal(kinds_in(0x3fff, 0x1001), hole | usable);
    assert_int_equal(kinds_in(0xfff, 2), hole | usable);
    assert_int_equal(kinds_in(0x4fff, 2), hole | usable);
    assert_int_equal(kinds_in(0x5000, 1), hole);
    assert_int_equal(kinds_in(0x4000, UINT64_MAX) & hole, hole);
}

static void random_paint(void **state) {
    uint64_t random = 0x42415450;

    print_message("# seed 0x%lx\n", random);
    for (int round = 0; round < ROUNDS; round++) {
        enum memory_kind page[PAGES] = {0};
        empty_map(state);
        for (int paint = 0; paint < PAINTS; paint++) {
            size_t start = next_random(&random) % PAGES;
            size_t pages = next_random(&random) % (PAGES - start) %
                           (paint % 4 ? 20 : PAGES);
            enum memory_kind kind =
                1 + next_random(&random) % (MEMORY_KINDS - 1);
            put(start * PAGE_SIZE, pages * PAGE_SIZE, kind);
            for (size_t i = start; i < start + pages; i++)
                page[i] = page[i] < kind ? kind : page[i];
            check_shape();
        }
        compare(page);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, empty_map)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_map_knows_nothing),
        TEST(neighbours_join),
        TEST(between_ranges_is_a_hole),
        TEST(the_stricter_kind_wins),
        TEST(need_not_be_pages),
        TEST(maps_agree),
        TEST(free_memory_is_confined),
        TEST(up_to_the_last_byte),
        TEST(wrapping_ranges_are_refused),
        TEST(unknown_kinds_are_refused),
        TEST(no_bytes_no_effect),
        TEST(full_means_unchanged),
        TEST(the_smallest_neighbours_are_lost),
        TEST(the_smallest_neighbours_are_at_the_end),
        TEST(any_number_of_ranges),
        TEST(bad_ranges_are_refused_all_the_same),
        TEST(kinds_have_names),
        TEST(all_kinds_of_a_range),
        TEST(random_paint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
