// The kernel's physical frames: one pool, fed from the memory map.

#pragma once

#include "lib/memory_map.h"
#include "mm/frame_pool.h"
#include "mm/page_table.h"

// The kernel allocates below 4 GiB only: free memory above is handed on unused.
// Mapping it would take longer the more there is, and the root of a page table
// has to be below 4 GiB when the number of levels changes. The first MiB is
// used by some firmware, and to start other processors.
#define FRAMES_START_PA MIB
#define FRAMES_END_PA   (4 * GIB)

// Runs of frames are taken from here up: below are ISA's hole, and addresses
// that Linux refuses for an image.
#define FRAMES_RUNS_PA (16 * MIB)

// Adds all memory of `kind` between these two to the pool. Boot-services memory
// only when the firmware cannot use it any more.
void frames_add(const struct memory_map *memory, enum memory_kind kind);

// One zeroed frame, for a page table; 0 if there is none.
pa_t frame_alloc(void);

// `pages` frames in a row, at a multiple of `align` bytes, as low as possible
// but not below `floor_pa`, ending not above `ceiling_pa`. Not zeroed.
// NO_MEMORY: the reason begins with `what` they are for, and names how many,
// and the limit.
status_t frames_take_between(const char *what, uint64_t pages, uint64_t align,
                             pa_t floor_pa, pa_t ceiling_pa, pa_t *pa);

// The same at any page from FRAMES_RUNS_PA up.
status_t frames_take(const char *what, uint64_t pages, pa_t *pa);

// The same as high as possible, for what stays there for long; 0 if there is no
// such run.
pa_t frames_alloc_high(uint64_t pages);

// Gives frames back; a run may be given back in parts.
void frames_free(pa_t pa, uint64_t pages);

// The pool itself, for reports: how many frames are free, and where.
const struct frame_pool *frames_pool(void);

// Where the kernel reaches a physical address: `frames_window_va` above it.
// That is 0 at first, for the early map (mm/early.h); space_init() sets it to
// the start of the direct map.
extern va_t frames_window_va;
void *pa_to_va(pa_t pa);

// Page tables made of this pool.
extern const struct frame_source kernel_frames;
