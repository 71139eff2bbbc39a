// Extents of free frames: see the header for the idea.

#include "mm/frame_pool.h"

#include "lib/string.h"

// The first extent that ends after `pa`; `count` if none does.
static size_t first_after(const struct frame_pool *pool, pa_t pa) {
    size_t i = 0;
    while (i < pool->count && pool->extent[i].end <= pa)
        i++;
    return i;
}

static void remove_at(struct frame_pool *pool, size_t i) {
    pool->count--;
    memmove(&pool->extent[i], &pool->extent[i + 1],
            (pool->count - i) * sizeof(pool->extent[0]));
}

static status_t insert_at(struct frame_pool *pool, size_t i, pa_t start,
                          pa_t end) {
    if (pool->count == FRAME_EXTENTS_MAX)
        return fail(STATUS_NO_MEMORY,
                    "frames: no space for another extent, %#lx to %#lx: %d are "
                    "listed",
                    start, end, FRAME_EXTENTS_MAX);
    memmove(&pool->extent[i + 1], &pool->extent[i],
            (pool->count - i) * sizeof(pool->extent[0]));
    pool->extent[i] = (struct frame_extent){start, end};
    pool->count++;
    return STATUS_OK;
}

status_t frame_pool_give(struct frame_pool *pool, pa_t pa, uint64_t pages) {
    if (pages == 0)
        return STATUS_OK;
    pa_t end = pa + pages * PAGE_SIZE;
    size_t i = first_after(pool, pa);
    struct frame_extent *next = &pool->extent[i];
    if (i < pool->count && next->start < end)
        return fail(
            STATUS_REFUSED,
            "frames: %#lx to %#lx is given back, but %#lx to %#lx is free", pa,
            end, next->start, next->end);

    bool joins_next = i < pool->count && next->start == end;
    bool joins_last = i > 0 && pool->extent[i - 1].end == pa;
    if (joins_last && joins_next) {
        pool->extent[i - 1].end = next->end;
        remove_at(pool, i);
    } else if (joins_last) {
        pool->extent[i - 1].end = end;
    } else if (joins_next) {
        next->start = pa;
    } else {
        TRY(insert_at(pool, i, pa, end));
    }
    pool->free_pages += pages;
    return STATUS_OK;
}

// Cuts [start, end) out of extent i, which holds all of it.
static pa_t cut(struct frame_pool *pool, size_t i, pa_t start, pa_t end) {
    struct frame_extent whole = pool->extent[i];
    if (whole.start == start && whole.end == end)
        remove_at(pool, i);
    else if (whole.start == start)
        pool->extent[i].start = end;
    else if (whole.end == end)
        pool->extent[i].end = start;
    else if (insert_at(pool, i + 1, end, whole.end) == STATUS_OK)
        pool->extent[i].end = start;
    else
        return 0;
    pool->free_pages -= (end - start) / PAGE_SIZE;
    return start;
}

pa_t frame_pool_take_low(struct frame_pool *pool, uint64_t pages,
                         uint64_t align, pa_t floor, pa_t ceiling) {
    uint64_t bytes = pages * PAGE_SIZE;
    for (size_t i = 0; i < pool->count; i++) {
        pa_t lowest = max_u64(pool->extent[i].start, floor);
        pa_t start = align_up(lowest, align); // may wrap to 0
        pa_t end = min_u64(pool->extent[i].end, ceiling);
        if (lowest <= start && start < end && end - start >= bytes)
            return cut(pool, i, start, start + bytes);
    }
    return 0;
}

pa_t frame_pool_take_high(struct frame_pool *pool, uint64_t pages,
                          pa_t ceiling) {
    uint64_t bytes = pages * PAGE_SIZE;
    for (size_t i = pool->count; i-- > 0;) {
        pa_t start = pool->extent[i].start;
        pa_t end = align_down(min_u64(pool->extent[i].end, ceiling), PAGE_SIZE);
        if (start < end && end - start >= bytes)
            return cut(pool, i, end - bytes, end);
    }
    return 0;
}
