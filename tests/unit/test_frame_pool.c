// The frame pool compared with a list with a row per page, and by hand:
// alignment, limits, frames freed twice, a full list.

#include "mm/frame_pool.h"

#include "tests/unit/unit.h"

static struct frame_pool pool;

static int empty_pool(void **state) {
    (void)state;
    pool = (struct frame_pool){0};
    return 0;
}

static void give(pa_t pa, uint64_t pages) {
    assert_int_equal(frame_pool_give(&pool, pa, pages), STATUS_OK);
}

static pa_t take_low(uint64_t pages, uint64_t align, pa_t floor, pa_t ceiling) {
    return frame_pool_take_low(&pool, pages, align, floor, ceiling);
}

static pa_t take_high(uint64_t pages, pa_t ceiling) {
    return frame_pool_take_high(&pool, pages, ceiling);
}

// Sorted, never empty, joined where they touch; and the sum is right.
static void check_shape(void) {
    uint64_t pages = 0;
    for (size_t i = 0; i < pool.count; i++) {
        assert_true(pool.extent[i].start < pool.extent[i].end);
        if (i > 0)
            assert_true(pool.extent[i - 1].end < pool.extent[i].start);
        pages += (pool.extent[i].end - pool.extent[i].start) / PAGE_SIZE;
    }
    assert_int_equal(pool.free_pages, pages);
}

static void check(const struct frame_extent *expected, size_t count) {
    check_shape();
    assert_int_equal(pool.count, count);
    assert_memory_equal(pool.extent, expected, count * sizeof(*expected));
}

static void an_empty_pool_has_nothing(void **state) {
    (void)state;
    assert_int_equal(take_low(1, PAGE_SIZE, 0, UINT64_MAX), 0);
    assert_int_equal(take_high(1, UINT64_MAX), 0);
}

static void no_pages_no_effect(void **state) {
    (void)state;
    give(0x5000, 0);
    check(NULL, 0);
    give(0x1000, 2);
    give(0x2000, 0);
    check(&(struct frame_extent){0x1000, 0x3000}, 1);
}

static void neighbours_join(void **state) {
    (void)state;
    give(0x1000, 1);
    give(0x3000, 1);
    check((struct frame_extent[]){{0x1000, 0x2000}, {0x3000, 0x4000}}, 2);
    give(0x4000, 1);
    give(0x2000, 1);
    check(&(struct frame_extent){0x1000, 0x5000}, 1);
    give(0x10000, 1);
    give(0xF000, 1);
    check((struct frame_extent[]){{0x1000, 0x5000}, {0xF000, 0x11000}}, 2);
}

static void low_and_high(void **state) {
    (void)state;
    give(0x10000, 16);
    assert_int_equal(take_low(1, PAGE_SIZE, 0, UINT64_MAX), 0x10000);
    assert_int_equal(take_high(1, UINT64_MAX), 0x1F000);
    assert_int_equal(take_high(2, 0x18800), 0x16000);
}

static void limits_and_alignment(void **state) {
    (void)state;
    give(0x10000, 16);
    assert_int_equal(take_low(16, PAGE_SIZE, 0x11000, UINT64_MAX), 0);
    assert_int_equal(take_low(16, PAGE_SIZE, 0, 0x1F000), 0);
    assert_int_equal(take_low(1, PAGE_SIZE, 0, 0x10000), 0);
    assert_int_equal(take_low(1, 0x20000, 0, UINT64_MAX), 0);
    assert_int_equal(take_low(9, 0x8000, 0x11000, UINT64_MAX), 0);
    assert_int_equal(take_low(8, 0x8000, 0x11000, UINT64_MAX), 0x18000);
    assert_int_equal(take_low(1, PAGE_SIZE, 0x13800, UINT64_MAX), 0x14000);
    assert_int_equal(take_high(4, 0x14000), 0x10000);
    assert_int_equal(take_high(1, 0x14FFF), 0);
    check(&(struct frame_extent){0x15000, 0x18000}, 1);
}

// Nothing wraps from the end of the address space to its start.
static void the_end_of_the_address_space(void **state) {
    (void)state;
    give(-16 * PAGE_SIZE, 15);
    assert_int_equal(take_low(1, MIB, 0, UINT64_MAX), 0);
    assert_int_equal(take_low(1, GIB, 16 * MIB, 4 * GIB), 0);
    assert_int_equal(take_low(16, PAGE_SIZE, 0, UINT64_MAX), 0);
    assert_int_equal(take_high(15, UINT64_MAX), -16 * PAGE_SIZE);
    check(NULL, 0);
}

static void freed_twice(void **state) {
    (void)state;
    give(0x10000, 4);
    const struct {
        pa_t pa;
        uint64_t pages;
        const char *what;
    } rows[] = {
        {0x10000, 4, "0x10000 to 0x14000 is given back"},
        {0x12000, 1, "0x12000 to 0x13000 is given back"},
        {0x13000, 2, "0x13000 to 0x15000 is given back"},
        {0xF000, 2, "0xf000 to 0x11000 is given back"},
        {0xF000, 9, "0xf000 to 0x18000 is given back"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(frame_pool_give(&pool, rows[i].pa, rows[i].pages),
                         STATUS_REFUSED);
        assert_contains(why(), rows[i].what);
        assert_contains(why(), "but 0x10000 to 0x14000 is free");
        check(&(struct frame_extent){0x10000, 0x14000}, 1);
    }
}

// One extent on every other pair of pages, as many as the list holds.
static void fill(void) {
    for (pa_t i = 0; i < FRAME_EXTENTS_MAX; i++)
        give((4 * i + 1) * PAGE_SIZE, 3);
    assert_int_equal(pool.count, FRAME_EXTENTS_MAX);
}

static void a_full_list(void **state) {
    (void)state;
    static struct frame_pool before;
    fill();
    before = pool;
    assert_int_equal(frame_pool_give(&pool, GIB, 5), STATUS_NO_MEMORY);
    assert_contains(why(), "no space for another extent, 0x40000000 to "
                           "0x40005000: 512 are listed");
    // One page from the middle would leave two extents where one was.
    assert_int_equal(take_low(1, PAGE_SIZE, 2 * PAGE_SIZE, UINT64_MAX), 0);
    assert_memory_equal(&pool, &before, sizeof(pool));

    give(4 * PAGE_SIZE, 1); // but joining two needs no space
    check_shape();
    assert_int_equal(pool.count, FRAME_EXTENTS_MAX - 1);
    assert_int_equal(take_low(1, PAGE_SIZE, 2 * PAGE_SIZE, UINT64_MAX),
                     2 * PAGE_SIZE);
    assert_int_equal(pool.count, FRAME_EXTENTS_MAX);
}

// ---- random tests

enum { FIRST = 16, PAGES = 400, STEPS = 20000 };

static bool is_free[FIRST + PAGES];
static uint64_t seed = 0x504f4f4c;

static uint64_t random_below(uint64_t limit) {
    return next_random(&seed) % limit;
}

static uint64_t free_from(uint64_t page) {
    uint64_t pages = 0;
    while (page + pages < FIRST + PAGES && is_free[page + pages])
        pages++;
    return pages;
}

static void mark(uint64_t first, uint64_t pages, bool value) {
    for (uint64_t i = first; i < first + pages; i++)
        is_free[i] = value;
}

static void random_give(void) {
    uint64_t first = FIRST + random_below(PAGES), overlap = 0;
    uint64_t pages =
        min_u64(1 + random_below(8), FIRST + (uint64_t)PAGES - first);
    for (uint64_t i = 0; i < pages; i++)
        overlap += is_free[first + i];
    assert_int_equal(frame_pool_give(&pool, first * PAGE_SIZE, pages),
                     overlap ? STATUS_REFUSED : STATUS_OK);
    if (!overlap)
        mark(first, pages, true);
}

// The first fitting address, or 0.
static uint64_t lowest(uint64_t pages, uint64_t align, uint64_t floor,
                       uint64_t ceiling) {
    for (uint64_t i = FIRST; i + pages <= ceiling; i++)
        if (i >= floor && i % align == 0 && free_from(i) >= pages)
            return i;
    return 0;
}

static void random_take_low(void) {
    uint64_t pages = 1 + random_below(12), align = 1 << random_below(4);
    uint64_t floor = random_below(FIRST + PAGES);
    uint64_t ceiling = FIRST + random_below(PAGES + 1);
    uint64_t expected = lowest(pages, align, floor, ceiling);
    pa_t pa = take_low(pages, align * PAGE_SIZE, floor * PAGE_SIZE,
                       ceiling * PAGE_SIZE);
    assert_int_equal(pa, expected * PAGE_SIZE);
    mark(expected, expected ? pages : 0, false);
}

static void random_take_high(void) {
    uint64_t pages = 1 + random_below(12);
    uint64_t ceiling = FIRST + random_below(PAGES + 1), expected = 0;
    for (uint64_t i = FIRST; i + pages <= ceiling; i++)
        if (free_from(i) >= pages)
            expected = i;
    pa_t pa = take_high(pages, ceiling * PAGE_SIZE + random_below(PAGE_SIZE));
    assert_int_equal(pa, expected * PAGE_SIZE);
    mark(expected, expected ? pages : 0, false);
}

static void compare(void) {
    check_shape();
    static bool found[FIRST + PAGES];
    memset(found, 0, sizeof(found));
    for (size_t i = 0; i < pool.count; i++)
        for (pa_t pa = pool.extent[i].start; pa < pool.extent[i].end;
             pa += PAGE_SIZE)
            found[pa / PAGE_SIZE] = true;
    assert_memory_equal(found, is_free, sizeof(found));
}

static void random_steps(void **state) {
    (void)state;
    void (*const steps[])(void) = {random_give, random_give, random_take_low,
                                   random_take_high};
    print_message("# seed 0x%lx\n", seed);
    for (unsigned i = 0; i < STEPS; i++) {
        steps[random_below(ARRAY_SIZE(steps))]();
        compare();
    }
}

#define TEST(name) cmocka_unit_test_setup(name, empty_pool)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_pool_has_nothing),
        TEST(no_pages_no_effect),
        TEST(neighbours_join),
        TEST(low_and_high),
        TEST(limits_and_alignment),
        TEST(the_end_of_the_address_space),
        TEST(freed_twice),
        TEST(a_full_list),
        TEST(random_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
