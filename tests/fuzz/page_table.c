// Page tables: mappings and changes of rights in any order, compared with an
// array with a row per unit (a page, or 2 MiB so that 1 GiB pages are used).

#include "mm/page_table.h"

#include "mm/visit/visit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/frames.h"

#define UNITS 640

static const va_t bases[] = {0, 0x7fff80000000, 0xffff800000000000,
                             0xffffffff80000000};
static const uint64_t rights[] = {MAP_READ, MAP_WRITE, MAP_EXEC, MAP_ANY,
                                  MAP_READ | MAP_UNCACHED};

struct unit {
    bool mapped;
    pa_t pa;
    uint64_t flags;
};

static struct {
    struct page_table table;
    va_t base;
    uint64_t bytes; // of a unit
    struct unit unit[UNITS];
} space;

static bool agrees(const struct unit *unit, va_t va, uint64_t offset) {
    struct page_walk walk;
    page_table_walk(&space.table, va + offset, &walk);
    if (!unit->mapped)
        return !walk.mapped;
    return walk.mapped && walk.pa == unit->pa + offset &&
           walk.write == !!(unit->flags & PTE_WRITE) &&
           walk.exec == !(unit->flags & PTE_NX);
}

static bool unit_agrees(size_t i, const struct unit *unit) {
    va_t va = space.base + i * space.bytes;
    return agrees(unit, va, 0) && agrees(unit, va, space.bytes - 1);
}

static void check_all(void) {
    for (size_t i = 0; i < UNITS; i++)
        assert_true(unit_agrees(i, &space.unit[i]));
}

// A change that failed may be done in part, but only inside the range.
static void check_partly(size_t first, size_t count, const struct unit *new) {
    for (size_t i = 0; i < UNITS; i++) {
        bool inside = i >= first && i < first + count;
        const struct unit *old = &space.unit[i];
        va_t va = space.base + i * space.bytes;
        for (uint64_t at = 0; at < space.bytes; at += space.bytes - 1)
            assert_true(agrees(old, va, at) ||
                        (inside && agrees(&new[i - first], va, at)));
    }
}

// False: it failed as expected, and the state is only partly known.
static bool change(bool map, size_t first, size_t count, pa_t pa,
                   uint64_t flags) {
    static struct unit new[UNITS];
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        const struct unit *old = &space.unit[first + i];
        new[i] =
            (struct unit){true, map ? pa + i * space.bytes : old->pa, flags};
        fits &= old->mapped != map;
    }
    va_t va = space.base + first * space.bytes;
    uint64_t bytes = count * space.bytes;
    status_t status = map ? page_table_map(&space.table, va, pa, bytes, flags)
                          : page_table_protect(&space.table, va, bytes, flags);
    check_why(status);
    if (status == STATUS_OK) {
        assert_true(fits);
        memcpy(&space.unit[first], new, count * sizeof(new[0]));
        return true;
    }
    assert_true(status == STATUS_NO_MEMORY ||
                (!fits && status == (map ? STATUS_REFUSED : STATUS_NOT_FOUND)));
    check_partly(first, count, new);
    return false;
}

// In an entry of level 1 the same bit selects an entry of the PAT.
static bool add_bytes(const struct leaf *leaf, void *total) {
    assert_int_equal(leaf->level > 1, (leaf->entry & PTE_LARGE) != 0);
    *(uint64_t *)total += level_bytes(leaf->level);
    return true;
}

// The walk over all leaves finds each byte once, and frees all frames.
static void check_leaves(void) {
    uint64_t bytes = 0;
    page_table_each(&space.table, add_bytes, &bytes);
    for (size_t i = 0; i < UNITS; i++)
        bytes -= space.unit[i].mapped ? space.bytes : 0;
    assert_int_equal(bytes, 0);
    page_table_free(&space.table);
    assert_int_equal(frames.count, 0);
}

static void fuzz(struct input in) {
    unsigned shape = take(&in, 1), base = take(&in, 1);
    space.table = new_table(shape & 1 ? 5 : 4, shape / 2 % 3 + 1);
    space.bytes = shape & 8 ? 2 * MIB : PAGE_SIZE;
    space.base = bases[base % ARRAY_SIZE(bases)];
    memset(space.unit, 0, sizeof(space.unit));
    if (shape & 16)
        frames.allowance = take(&in, 1);
    else if (shape & 8 && space.table.leaf_max == 1)
        return; // more tables than there are frames
    bool go_on = true;
    while (in.left > 0 && go_on) {
        unsigned what = take(&in, 1);
        size_t first = take(&in, 2) % UNITS;
        size_t count = min_u64(take(&in, 2) % UNITS, UNITS - first);
        pa_t pa = take(&in, 2) * space.bytes;
        go_on = change(what & 1, first, count, pa,
                       rights[what / 2 % ARRAY_SIZE(rights)]);
    }
    if (go_on) {
        check_all();
        check_leaves();
    }
}
