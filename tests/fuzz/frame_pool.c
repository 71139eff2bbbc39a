// Free frames: allocations and frees in any order, compared with an array with
// a row per frame.

#include "mm/frame_pool.h"

#include "tests/fuzz/fuzz.h"

#define FRAMES 1280
#define BASE   0x100000UL // 0 is "none"

static struct frame_pool pool;
static bool is_free[FRAMES];

static pa_t pa_of(size_t frame) {
    return BASE + frame * PAGE_SIZE;
}

static bool run_is(size_t first, size_t frames, bool free) {
    for (size_t i = first; i < first + frames; i++)
        if (i >= FRAMES || is_free[i] != free)
            return false;
    return true;
}

static void set_run(size_t first, size_t frames, bool free) {
    for (size_t i = first; i < first + frames; i++)
        is_free[i] = free;
}

static void give(size_t first, size_t frames) {
    frames = min_u64(frames, FRAMES - first);
    size_t before = pool.count;
    status_t status = frame_pool_give(&pool, pa_of(first), frames);
    check_why(status);
    if (!run_is(first, frames, false))
        assert_int_equal(status, STATUS_REFUSED);
    else if (before < FRAME_EXTENTS_MAX)
        assert_int_equal(status, STATUS_OK);
    if (status == STATUS_OK)
        set_run(first, frames, true);
}

// The result is the first match of a search from one end.
static void check_taken(pa_t taken, pa_t expected, size_t frames, size_t had) {
    if (taken == 0 && expected && had == FRAME_EXTENTS_MAX)
        return;
    assert_int_equal(taken, expected);
    if (taken)
        set_run((taken - BASE) / PAGE_SIZE, frames, false);
}

static void take_low(size_t frames, uint64_t align, pa_t floor, pa_t ceiling) {
    pa_t expected = 0;
    for (size_t i = 0; i < FRAMES && !expected; i++)
        if (is_aligned(pa_of(i), align) && pa_of(i) >= floor &&
            pa_of(i + frames) <= ceiling && run_is(i, frames, true))
            expected = pa_of(i);
    size_t had = pool.count;
    check_taken(frame_pool_take_low(&pool, frames, align, floor, ceiling),
                expected, frames, had);
}

static void take_high(size_t frames, pa_t ceiling) {
    pa_t expected = 0;
    for (size_t i = FRAMES; i-- > 0 && !expected;)
        if (pa_of(i + frames) <= ceiling && run_is(i, frames, true))
            expected = pa_of(i);
    size_t had = pool.count;
    check_taken(frame_pool_take_high(&pool, frames, ceiling), expected, frames,
                had);
}

// Extents are as long as possible, and contain all free frames and no others.
static void check_pool(void) {
    uint64_t pages = 0;
    for (size_t i = 0; i < pool.count; i++) {
        const struct frame_extent *e = &pool.extent[i];
        size_t frames = (e->end - e->start) / PAGE_SIZE;
        assert_true(e->start < e->end && e->start >= BASE);
        assert_true(i == 0 || e[-1].end < e->start);
        assert_true(run_is((e->start - BASE) / PAGE_SIZE, frames, true));
        pages += frames;
    }
    for (size_t i = 0; i < FRAMES; i++)
        pages -= is_free[i];
    assert_int_equal(pages, 0);
}

static void fuzz(struct input in) {
    memset(is_free, 0, sizeof(is_free));
    memset(&pool, 0, sizeof(pool));
    while (in.left > 0) {
        unsigned what = take(&in, 1);
        size_t first = take(&in, 2) % FRAMES, frames = take(&in, 1) + 1;
        if (what % 4 < 2)
            give(first, what & 4 ? frames : 1);
        else if (what % 4 == 2)
            take_low(frames % 16 + 1, PAGE_SIZE << (what >> 2) % 8,
                     BASE + take(&in, 3), BASE + take(&in, 3));
        else
            take_high(frames % 16 + 1, BASE + take(&in, 3));
    }
    check_pool();
}
