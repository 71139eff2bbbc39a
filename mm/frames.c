// The kernel's frame pool, and the window through which frames are reached.

#include "mm/frames.h"

#include "lib/log.h"
#include "lib/string.h"
#include "mm/early.h"

static struct frame_pool pool;
va_t frames_window_va;

void *pa_to_va(pa_t pa) {
    return (void *)(frames_window_va + pa);
}

void frames_add(const struct memory_map *memory, enum memory_kind kind) {
    for (size_t i = 0; i < memory->count; i++) {
        const struct memory_range *range = &memory->range[i];
        pa_t start =
            max_u64(align_up(range->start, PAGE_SIZE), FRAMES_START_PA);
        pa_t end = align_down(min_u64(range->end, FRAMES_END_PA), PAGE_SIZE);
        if (range->kind == kind && start < end)
            frames_free(start, (end - start) / PAGE_SIZE);
    }
}

pa_t frames_alloc_high(uint64_t pages) {
    return frame_pool_take_high(&pool, pages, UINT64_MAX);
}

pa_t frame_alloc(void) {
    pa_t pa = frames_alloc_high(1);
    if (pa == 0 || (frames_window_va == 0 && !early_read(pa, PAGE_SIZE)))
        return 0;
    memset(pa_to_va(pa), 0, PAGE_SIZE);
    return pa;
}

// With a full list, an extent can only be taken from its ends.
status_t frames_take_between(const char *what, uint64_t pages, uint64_t align,
                             pa_t floor_pa, pa_t ceiling_pa, pa_t *pa) {
    *pa = frame_pool_take_low(&pool, pages, align, floor_pa, ceiling_pa);
    if (*pa)
        return STATUS_OK;
    return fail(STATUS_NO_MEMORY,
                "%s: no %lu contiguous free frames below %#lx%s", what, pages,
                min_u64(ceiling_pa, FRAMES_END_PA),
                pool.count < FRAME_EXTENTS_MAX
                    ? ""
                    : " that the full list of extents can give");
}

status_t frames_take(const char *what, uint64_t pages, pa_t *pa) {
    return frames_take_between(what, pages, PAGE_SIZE, FRAMES_RUNS_PA,
                               UINT64_MAX, pa);
}

// Often the clean-up after a failure, whose reason has to be kept for why().
void frames_free(pa_t pa, uint64_t pages) {
    char first[REASON_BYTES];
    str_copy(first, sizeof(first), why());
    if (frame_pool_give(&pool, pa, pages))
        say("mm: %lu pages at %#lx not taken back: %s", pages, pa, why());
    set_why("%s", first);
}

const struct frame_pool *frames_pool(void) {
    return &pool;
}

static uint64_t *table_at(pa_t table_pa) {
    return pa_to_va(table_pa);
}

const struct frame_source kernel_frames = {frame_alloc, frames_free, table_at};
