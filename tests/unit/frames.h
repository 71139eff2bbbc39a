// Frames for page tables on the host: an array, and a record of their use.

#pragma once

#include "mm/page_table.h"
#include "tests/unit/unit.h"

#define FRAMES    2048
#define FRAMES_PA 0x7000000UL // of the first

static struct {
    _Alignas(4096) uint64_t at[FRAMES][TABLE_ENTRIES];
    bool used[FRAMES];
    unsigned count;     // in use
    unsigned allowance; // how many may still be allocated
} frames;

static inline unsigned frame_index(pa_t pa) {
    assert_true(is_aligned(pa, PAGE_SIZE) && pa >= FRAMES_PA);
    assert_true((pa - FRAMES_PA) / PAGE_SIZE < FRAMES);
    return (pa - FRAMES_PA) / PAGE_SIZE;
}

static inline pa_t frames_take(void) {
    if (frames.allowance == 0 || frames.count == FRAMES)
        return 0;
    unsigned i = 0;
    while (frames.used[i])
        i++;
    memset(frames.at[i], 0, PAGE_SIZE);
    frames.used[i] = true;
    frames.count++;
    frames.allowance--;
    return FRAMES_PA + i * PAGE_SIZE;
}

static inline void frames_give(pa_t pa, uint64_t pages) {
    assert_int_equal(pages, 1);
    unsigned i = frame_index(pa);
    assert_true(frames.used[i]);
    memset(frames.at[i], 0xAA, PAGE_SIZE);
    frames.used[i] = false;
    frames.count--;
}

static inline uint64_t *frames_at(pa_t pa) {
    assert_true(frames.used[frame_index(pa)]);
    return frames.at[frame_index(pa)];
}

static const struct frame_source test_frames = {frames_take, frames_give,
                                                frames_at};

// A table over all frames; earlier allocations are forgotten.
static inline struct page_table new_table(unsigned levels, unsigned leaf_max) {
    struct page_table table;
    memset(frames.used, 0, sizeof(frames.used));
    frames.count = 0;
    frames.allowance = FRAMES;
    assert_int_equal(page_table_init(&table, levels, leaf_max, &test_frames),
                     STATUS_OK);
    return table;
}
