// Page tables compared with a list with a row per page, and edge cases by hand:
// page sizes, refusals, splits, the explained walk, and lack of frames.

#include "kernel/report/walk.h"
#include "mm/page_table.h"

#include "mm/visit/visit.h"
#include "tests/unit/frames.h"

#define UPPER      0xffff800000000000
#define LARGE      (2 * MIB)
#define LOWER_END4 0x0000800000000000
#define LOWER_END5 0x0100000000000000

static struct page_table table;

static int four_levels(void **state) {
    (void)state;
    table = new_table(4, 3);
    return 0;
}

static void map(va_t va, pa_t pa, uint64_t bytes, uint64_t flags) {
    assert_int_equal(page_table_map(&table, va, pa, bytes, flags), STATUS_OK);
}

static struct page_walk walk_to(va_t va) {
    struct page_walk walk;
    page_table_walk(&table, va, &walk);
    return walk;
}

static void check_pa(va_t va, pa_t pa) {
    pa_t found = 0;
    assert_true(page_table_translate(&table, va, &found));
    assert_int_equal(found, pa);
}

// `va` leads to `pa`, through a leaf of `level`.
static void check(va_t va, pa_t pa, unsigned level) {
    struct page_walk walk = walk_to(va);
    assert_true(walk.mapped);
    assert_int_equal(walk.pa, pa);
    assert_int_equal(walk.level, level);
    check_pa(va, pa);
}

static void check_hole(va_t va) {
    pa_t pa;
    assert_false(walk_to(va).mapped);
    assert_false(page_table_translate(&table, va, &pa));
}

// ---- sizes

static void one_size(unsigned level, va_t va) {
    uint64_t bytes = level_bytes(level);
    pa_t pa = 0x4000000000;
    map(va, pa, bytes, MAP_WRITE);
    unsigned leaf = min_u64(level, table.leaf_max);
    check(va, pa, leaf);
    check(va + 0x123, pa + 0x123, leaf);
    check(va + bytes - 1, pa + bytes - 1, leaf);
    check_hole(va + bytes);
    if (va != UPPER) // below it is the gap that no table can map
        check_hole(va - 1);
    assert_int_equal(walk_to(va).count, table.levels + 1 - leaf);
}

static void every_size_and_depth(void **state) {
    (void)state;
    const va_t places[] = {GIB, LOWER_END4 - 2 * GIB, UPPER,
                           0xffffffff00000000};
    for (unsigned levels = 4; levels <= 5; levels++)
        for (unsigned leaf_max = 1; leaf_max <= 3; leaf_max++)
            for (unsigned level = 1; level <= 3; level++)
                for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                    table = new_table(levels, leaf_max);
                    one_size(level, places[i]);
                }
}

static void above_48_bits(void **state) {
    (void)state;
    table = new_table(5, 3);
    map(LOWER_END5 - PAGE_SIZE, 0, PAGE_SIZE, MAP_READ);
    map(0xff00000000000000, PAGE_SIZE, PAGE_SIZE, MAP_READ);
    check(LOWER_END5 - 1, PAGE_SIZE - 1, 1);
    check(0xff00000000000000, PAGE_SIZE, 1);
    check_hole(0);
}

static void the_largest_pages_that_fit(void **state) {
    (void)state;
    va_t va = GIB - LARGE - PAGE_SIZE;
    pa_t pa = 5 * GIB - LARGE - PAGE_SIZE;
    map(va, pa, PAGE_SIZE + LARGE + GIB + LARGE + PAGE_SIZE, MAP_READ);
    const struct {
        uint64_t at;
        unsigned level;
    } expected[] = {
        {0, 1},
        {PAGE_SIZE, 2},
        {PAGE_SIZE + LARGE, 3},
        {PAGE_SIZE + LARGE + GIB, 2},
        {PAGE_SIZE + 2 * LARGE + GIB, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        check(va + expected[i].at, pa + expected[i].at, expected[i].level);
    check_hole(va - 1);
    check_hole(va + 2 * PAGE_SIZE + 2 * LARGE + GIB);
}

static void addresses_that_do_not_agree(void **state) {
    (void)state;
    map(LARGE, LARGE + PAGE_SIZE, LARGE, MAP_READ);
    check(LARGE, LARGE + PAGE_SIZE, 1);
    check(2 * LARGE - 1, 2 * LARGE + PAGE_SIZE - 1, 1);
}

static void no_bytes_no_effect(void **state) {
    (void)state;
    map(0, 0, 0, MAP_READ);
    assert_int_equal(page_table_protect(&table, 0, 0, MAP_READ), STATUS_OK);
    assert_int_equal(frames.count, 1);
}

// ---- refusals

static void overlaps_are_refused(void **state) {
    (void)state;
    map(GIB, 7 * GIB, GIB, MAP_READ);
    map(4 * GIB, 9 * GIB, PAGE_SIZE, MAP_READ);
    const struct {
        va_t va;
        uint64_t bytes;
        const char *new_one, *old_one;
    } rows[] = {
        {GIB, GIB, "0x40000000 (for pa 0x200000000)", "1c0000081"},
        {GIB + LARGE, PAGE_SIZE, "0x40200000 (for pa 0x200000000)",
         "1c0200001"},
        {4 * GIB, PAGE_SIZE, "0x100000000 (for pa 0x200000000)", "240000001"},
        {4 * GIB, GIB, "0x100000000 (for pa 0x200000000)", "entry 0x"},
        {4 * GIB - GIB, 2 * GIB, "0x100000000 (for pa 0x240000000)",
         "entry 0x"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(page_table_map(&table, rows[i].va, 8 * GIB,
                                        rows[i].bytes, MAP_READ),
                         STATUS_REFUSED);
        assert_contains(why(), rows[i].new_one);
        assert_contains(why(), rows[i].old_one);
        check_pa(GIB + LARGE, 7 * GIB + LARGE);
        check_pa(4 * GIB, 9 * GIB);
    }
    check(3 * GIB, 8 * GIB, 3); // the part before the overlap stays
}

static void impossible_ranges(void **state) {
    (void)state;
    const struct {
        va_t va;
        pa_t pa;
        uint64_t bytes;
        const char *reason;
    } rows[] = {
        {1, 0, PAGE_SIZE, "not multiples of 4 KiB"},
        {0, 0x800, PAGE_SIZE, "pa 0x800"},
        {0, 0, 0xfff, "0xfff bytes"},
        {LOWER_END4, 0, PAGE_SIZE, "va 0x800000000000"},
        {LOWER_END4 - LARGE, 0, LARGE + 0x1000, "0x201000 bytes"},
        {UPPER - PAGE_SIZE, 0, LARGE, "va 0xffff7ffffffff000"},
        {0, 0, -PAGE_SIZE, "leave the address space"},
        {-PAGE_SIZE, 0, 2 * PAGE_SIZE, "va 0xfffffffffffff000"},
        {0, 1UL << 52, PAGE_SIZE, "pa 0x10000000000000"},
        {0, 1UL << 51, 1UL << 51, "0x8000000000000 bytes"},
        {0, -LARGE, LARGE, "pa 0xffffffffffe00000"},
        {LOWER_END4 - PAGE_SIZE, 0, UPPER - LOWER_END4 + 2 * PAGE_SIZE,
         "leave the address space"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(page_table_map(&table, rows[i].va, rows[i].pa,
                                        rows[i].bytes, MAP_READ),
                         STATUS_INVALID);
        assert_contains(why(), rows[i].reason);
    }
    assert_int_equal(frames.count, 1);
}

static void the_very_last_page(void **state) {
    (void)state;
    map(-LARGE, (1UL << 52) - LARGE, LARGE, MAP_READ);
    check(~0UL, (1UL << 52) - 1, 2);
    assert_int_equal(
        page_table_protect(&table, -PAGE_SIZE, PAGE_SIZE, MAP_WRITE),
        STATUS_OK);
    check(~0UL, (1UL << 52) - 1, 1);
}

// ---- protection

static void check_rights(va_t va, bool write, bool exec) {
    struct page_walk walk = walk_to(va);
    assert_true(walk.mapped);
    assert_int_equal(walk.write, write);
    assert_int_equal(walk.exec, exec);
}

static void protection_splits(void **state) {
    (void)state;
    map(GIB, 3 * GIB, GIB, MAP_WRITE | MAP_UNCACHED);
    va_t va = GIB + 3 * LARGE - PAGE_SIZE;
    assert_int_equal(
        page_table_protect(&table, va, LARGE + 2 * PAGE_SIZE, MAP_EXEC),
        STATUS_OK);
    check_rights(va - 1, true, false);
    check_rights(va, false, true);
    check_rights(va + LARGE + 2 * PAGE_SIZE - 1, false, true);
    check_rights(va + LARGE + 2 * PAGE_SIZE, true, false);
    check(va, va + 2 * GIB, 1);
    check(va + PAGE_SIZE, va + PAGE_SIZE + 2 * GIB, 2); // needed no split
    check(2 * GIB - 1, 4 * GIB - 1, 2);
    assert_true(walk_to(va - 1).step[3].entry & MAP_UNCACHED);
    assert_false(walk_to(va).step[3].entry & MAP_UNCACHED);
    assert_int_equal(frames.count, 2 + 3);
}

static void protection_needs_a_page(void **state) {
    (void)state;
    map(LARGE, LARGE, 2 * PAGE_SIZE, MAP_WRITE);
    assert_int_equal(page_table_protect(&table, LARGE, LARGE, MAP_READ),
                     STATUS_NOT_FOUND);
    assert_contains(why(), "va 0x202000 is not mapped");
    check_rights(LARGE + PAGE_SIZE, false, false); // the part before
    assert_int_equal(page_table_protect(&table, 1, PAGE_SIZE, MAP_READ),
                     STATUS_INVALID);
}

// Both preserve bits that the CPU sets.
static void accessed_and_dirty_stay(void **state) {
    (void)state;
    map(LARGE, 0, LARGE, MAP_WRITE);
    struct page_walk walk = walk_to(LARGE);
    frames_at(walk.step[1].entry & PTE_ADDRESS)[1] |= PTE_ACCESSED | PTE_DIRTY;
    assert_int_equal(page_table_protect(&table, LARGE, PAGE_SIZE, MAP_READ),
                     STATUS_OK);
    for (unsigned i = 0; i < 2; i++) {
        walk = walk_to(LARGE + i * PAGE_SIZE);
        assert_int_equal(walk.level, 1);
        assert_true(walk.step[3].entry & PTE_ACCESSED);
        assert_true(walk.step[3].entry & PTE_DIRTY);
        assert_false(walk.step[3].entry & PTE_LARGE);
    }
}

// ---- the explained walk

static void check_words(va_t va, const char *expected) {
    char text[512];
    struct page_walk walk = walk_to(va);
    page_walk_explain(&walk, text, sizeof(text));
    assert_string_equal(text, expected);
    for (size_t room = 1; room <= strlen(expected); room++) {
        char *part = malloc(room);
        page_walk_explain(&walk, part, room);
        assert_int_equal(strlen(part), room - 1);
        free(part);
    }
}

static void walks_in_words(void **state) {
    (void)state;
    map(LARGE, 0x12345000, PAGE_SIZE, MAP_EXEC);
    map(GIB, 2 * GIB, GIB, MAP_WRITE | MAP_UNCACHED);
    check_words(LARGE + 0x10,
                "PML4[  0] = 0000000007001003  table at 0x7001000\n"
                "PDPT[  0] = 0000000007002003  table at 0x7002000\n"
                "PD  [  1] = 0000000007003003  table at 0x7003000\n"
                "PT  [  0] = 0000000012345001  4 KiB at 0x12345000, read-only, "
                "executable\n");
    check_words(GIB, "PML4[  0] = 0000000007001003  table at 0x7001000\n"
                     "PDPT[  1] = 800000008000009b  1 GiB at 0x80000000, "
                     "writable, no execute, uncached\n");
    check_words(-PAGE_SIZE, "PML4[511] = 0000000000000000  not present\n");
    check_words(LOWER_END4, "0x800000000000 is not canonical\n");
}

static void walks_of_five_levels(void **state) {
    (void)state;
    table = new_table(5, 3);
    map(-LARGE, 0, LARGE, MAP_READ);
    check_words(-1UL, "PML5[511] = 0000000007001003  table at 0x7001000\n"
                      "PML4[511] = 0000000007002003  table at 0x7002000\n"
                      "PDPT[511] = 0000000007003003  table at 0x7003000\n"
                      "PD  [511] = 8000000000000081  2 MiB at 0x0, read-only, "
                      "no execute\n");
}

// All levels must allow it.
static void rights_of_all_levels(void **state) {
    (void)state;
    map(LARGE, 0, PAGE_SIZE, MAP_ANY);
    check_rights(LARGE, true, true);
    uint64_t *top = &frames_at(table.root_pa)[0];
    *top &= ~PTE_WRITE;
    check_rights(LARGE, false, true);
    *top |= PTE_NX;
    check_rights(LARGE, false, false);
}

// ---- all leaves

struct visits {
    unsigned count, until;
    struct leaf leaf[8];
};

static bool note(const struct leaf *leaf, void *context) {
    struct visits *visits = context;
    assert_true(visits->count < ARRAY_SIZE(visits->leaf));
    visits->leaf[visits->count++] = *leaf;
    return visits->count != visits->until;
}

static void every_leaf_in_order(void **state) {
    (void)state;
    const struct leaf expected[] = {
        {LARGE - PAGE_SIZE, 1, 0x1ff001 | PTE_NX, NULL},
        {LARGE, 2, 0x200081 | PTE_NX, NULL},
        {GIB, 3, 0x81 | PTE_NX, NULL},
        {UPPER, 1, 0x3001 | PTE_NX, NULL},
        {-PAGE_SIZE, 1, 0x9001 | PTE_NX, NULL},
    };
    map(-PAGE_SIZE, 0x9000, PAGE_SIZE, MAP_READ);
    map(UPPER, 0x3000, PAGE_SIZE, MAP_READ);
    map(GIB, 0, GIB, MAP_READ);
    map(LARGE - PAGE_SIZE, LARGE - PAGE_SIZE, PAGE_SIZE + LARGE, MAP_READ);
    for (unsigned until = 1; until <= ARRAY_SIZE(expected); until++) {
        struct visits visits = {.until = until};
        page_table_each(&table, note, &visits);
        assert_int_equal(visits.count, until);
        for (unsigned i = 0; i < until; i++) {
            assert_int_equal(visits.leaf[i].va, expected[i].va);
            assert_int_equal(visits.leaf[i].level, expected[i].level);
            assert_int_equal(visits.leaf[i].entry, expected[i].entry);
            assert_int_equal(visits.leaf[i].entry, *visits.leaf[i].at);
        }
    }
}

// ---- frames

// Changes that need nine frames: tables in both halves, and two splits.
static status_t take_nine(unsigned allowance) {
    table = new_table(4, 3);
    page_table_free(&table);
    frames.allowance = allowance;
    TRY(page_table_init(&table, 4, 3, &test_frames));
    TRY(page_table_map(&table, 0, 0, PAGE_SIZE, MAP_READ));
    TRY(page_table_map(&table, LOWER_END4 - GIB, 0, GIB, MAP_READ));
    TRY(page_table_protect(&table, LOWER_END4 - GIB, PAGE_SIZE, MAP_WRITE));
    return page_table_map(&table, GIB, 0, LARGE, MAP_READ);
}

static void out_of_frames_anywhere(void **state) {
    (void)state;
    enum { NEEDED = 1 + 3 + 1 + 2 + 1 };
    for (unsigned allowance = 0; allowance <= NEEDED; allowance++) {
        status_t status = take_nine(allowance);
        assert_int_equal(status,
                         allowance < NEEDED ? STATUS_NO_MEMORY : STATUS_OK);
        if (status)
            assert_contains(why(), "page table: no frame");
        assert_int_equal(frames.allowance, 0);
        assert_int_equal(frames.count, allowance);
        if (allowance > 0)
            page_table_free(&table);
        assert_int_equal(frames.count, 0);
    }
}

static void a_failed_split_changes_nothing(void **state) {
    (void)state;
    map(GIB, 0, GIB, MAP_READ);
    frames.allowance = 0;
    assert_int_equal(page_table_protect(&table, GIB, PAGE_SIZE, MAP_WRITE),
                     STATUS_NO_MEMORY);
    assert_contains(why(), "0x8000000000000081");
    check(GIB + LARGE, LARGE, 3);
    check_rights(GIB, false, false);
}

static void all_of_it_is_freed(void **state) {
    (void)state;
    for (unsigned levels = 4; levels <= 5; levels++) {
        table = new_table(levels, 3);
        map(UPPER, 0, PAGE_SIZE, MAP_READ);
        map(0, 0, PAGE_SIZE, MAP_READ);
        page_table_free(&table);
        assert_int_equal(table.root_pa, 0);
        assert_int_equal(frames.count, 0);
    }
}

static void what_is_shared_is_not_freed(void **state) {
    (void)state;
    for (unsigned levels = 4; levels <= 5; levels++) {
        table = new_table(levels, 3);
        map(UPPER, 0, PAGE_SIZE, MAP_READ);
        struct page_walk upper = walk_to(UPPER);
        map(0, 0, PAGE_SIZE, MAP_READ);
        map(GIB, 0, GIB, MAP_READ);
        map(LOWER_END4 - PAGE_SIZE, 0, PAGE_SIZE, MAP_READ);
        table.own = TABLE_ENTRIES / 2; // as space_clone() has it
        page_table_free(&table);
        assert_int_equal(table.root_pa, 0);
        assert_int_equal(frames.count, levels - 1);
        for (unsigned i = 0; i + 1 < upper.count; i++)
            frames_at(upper.step[i].entry & PTE_ADDRESS); // still in use
    }
}

// ---- chance

#define WINDOW_PAGES (3 * GIB / PAGE_SIZE)

static uint64_t
    page[WINDOW_PAGES]; // of each: pa and flags, 0 if there is no page
static uint64_t seen[WINDOW_PAGES];
static va_t window;
static uint64_t seed = 0x50414745;

static uint64_t random_below(uint64_t limit) {
    return ((uint64_t)next_random(&seed) << 32 | next_random(&seed)) % limit;
}

struct range {
    uint64_t first, count;
};

// Ranges of some pages, of some 2 MiB pages, of up to two 1 GiB pages.
static struct range random_range(void) {
    static const uint64_t units[] = {1, 1, 512, 512, 512 * 512};
    uint64_t unit = units[random_below(ARRAY_SIZE(units))];
    uint64_t first = random_below(WINDOW_PAGES / unit) * unit;
    uint64_t most = unit == 1 ? 1500 : unit == 512 ? 600 : 2;
    uint64_t count = (1 + random_below(most)) * unit;
    return (struct range){first, min_u64(count, WINDOW_PAGES - first)};
}

static uint64_t random_flags(void) {
    static const uint64_t flags[] = {MAP_READ, MAP_WRITE, MAP_EXEC, MAP_ANY,
                                     MAP_WRITE | MAP_UNCACHED};
    return flags[random_below(ARRAY_SIZE(flags))];
}

// Records each page from the leaves, in order and once.
static bool note_pages(const struct leaf *leaf, void *context) {
    uint64_t *next = context, pages = level_bytes(leaf->level) / PAGE_SIZE;
    uint64_t first = (leaf->va - window) / PAGE_SIZE;
    assert_true(first >= *next && first + pages <= WINDOW_PAGES);
    assert_true(leaf->level <= table.leaf_max);
    for (uint64_t i = 0; i < pages; i++)
        seen[first + i] =
            (leaf_pa(leaf) + i * PAGE_SIZE) | (leaf->entry & MAP_FLAGS);
    *next = first + pages;
    return true;
}

static void compare(void) {
    uint64_t next = 0;
    memset(seen, 0, sizeof(seen));
    page_table_each(&table, note_pages, &next);
    assert_true(memcmp(seen, page, sizeof(page)) == 0);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t n = random_below(WINDOW_PAGES), offset = random_below(4096);
        struct page_walk walk = walk_to(window + n * PAGE_SIZE + offset);
        assert_int_equal(walk.mapped, page[n] != 0);
        if (!walk.mapped)
            continue;
        assert_int_equal(walk.pa, (page[n] & PTE_ADDRESS) + offset);
        assert_int_equal(walk.write, (page[n] & PTE_WRITE) != 0);
        assert_int_equal(walk.exec, (page[n] & PTE_NX) == 0);
    }
}

static uint64_t first_in(struct range range, bool mapped) {
    uint64_t i = 0;
    while (i < range.count && (page[range.first + i] != 0) != mapped)
        i++;
    return i;
}

// If it is refused, the part before the overlap may be mapped.
static void random_map(void) {
    struct range range = random_range();
    va_t va = window + range.first * PAGE_SIZE;
    pa_t pa =
        random_below(4) ? va % (64 * GIB) : random_below(1UL << 30) * PAGE_SIZE;
    uint64_t flags = random_flags(), free = first_in(range, true), done = 0;
    status_t status =
        page_table_map(&table, va, pa, range.count * PAGE_SIZE, flags);
    assert_int_equal(status, free < range.count ? STATUS_REFUSED : STATUS_OK);
    for (; done < free; done++) {
        pa_t found;
        if (!page_table_translate(&table, va + done * PAGE_SIZE, &found))
            break;
        page[range.first + done] = (pa + done * PAGE_SIZE) | flags;
    }
    assert_true(status ? done <= free : done == range.count);
}

static void random_protect(void) {
    struct range range = random_range();
    uint64_t flags = random_flags(), mapped = first_in(range, false);
    status_t status =
        page_table_protect(&table, window + range.first * PAGE_SIZE,
                           range.count * PAGE_SIZE, flags);
    assert_int_equal(status,
                     mapped < range.count ? STATUS_NOT_FOUND : STATUS_OK);
    for (uint64_t i = 0; i < mapped; i++)
        page[range.first + i] = (page[range.first + i] & PTE_ADDRESS) | flags;
}

static void random_tables(void **state) {
    (void)state;
    const va_t windows[] = {0, LOWER_END4 - 3 * GIB, UPPER, -4 * GIB};
    print_message("# seed 0x%lx\n", seed);
    for (unsigned round = 0; round < 24; round++) {
        table = new_table(4 + round % 2, 2 + round / 2 % 2);
        window = windows[round / 4 % ARRAY_SIZE(windows)];
        memset(page, 0, sizeof(page));
        for (unsigned i = 0; i < 30; i++) {
            random_map();
            random_protect();
        }
        compare();
    }
}

#define TEST(name) cmocka_unit_test_setup(name, four_levels)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_size_and_depth),
        TEST(above_48_bits),
        TEST(the_largest_pages_that_fit),
        TEST(addresses_that_do_not_agree),
        TEST(no_bytes_no_effect),
        TEST(overlaps_are_refused),
        TEST(impossible_ranges),
        TEST(the_very_last_page),
        TEST(protection_splits),
        TEST(protection_needs_a_page),
        TEST(accessed_and_dirty_stay),
        TEST(walks_in_words),
        TEST(walks_of_five_levels),
        TEST(rights_of_all_levels),
        TEST(every_leaf_in_order),
        TEST(out_of_frames_anywhere),
        TEST(a_failed_split_changes_nothing),
        TEST(all_of_it_is_freed),
        TEST(what_is_shared_is_not_freed),
        TEST(random_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
