// A pool of free physical frames, kept as a short sorted list of extents.
//
// No bitmap and no array with a row per frame: their size, and the time to fill
// them, would grow with RAM, and a kernel that hands the machine on after
// milliseconds cannot afford to look at 4 TiB. The list is as long as memory is
// fragmented, not as it is large.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

#define FRAME_EXTENTS_MAX 512

struct frame_extent {
    pa_t start, end; // bytes, multiples of 4 KiB, never empty
};

struct frame_pool {
    size_t count;
    uint64_t free_pages;
    struct frame_extent extent[FRAME_EXTENTS_MAX];
};

// Gives [pa, pa + pages * 4 KiB) to the pool, joining it to its neighbours.
// REFUSED if a part of it is free already.
// NO_MEMORY if the list is full: the frames are then lost, nothing else.
status_t frame_pool_give(struct frame_pool *pool, pa_t pa, uint64_t pages);

// Takes `pages` frames in a row, starting at a multiple of `align` bytes, as
// low as possible but not below `floor`, and ending not above `ceiling`. 0:
// none.
pa_t frame_pool_take_low(struct frame_pool *pool, uint64_t pages,
                         uint64_t align, pa_t floor, pa_t ceiling);

// The same from the top: the highest frames that end not above `ceiling`.
pa_t frame_pool_take_high(struct frame_pool *pool, uint64_t pages,
                          pa_t ceiling);
