// Where the log is, and how it is found again: see the header.
//
// Its address need not be passed on. The memory map, which every handoff
// carries, has a range of a kind of its own, and that is the log. So it also
// survives a handoff that is refused, and a Linux that passes the map on as it
// is.

#include "kernel/history/history.h"

#include "kernel/stage.h"
#include "lib/log.h"
#include "mm/frames.h"
#include "mm/space.h"

#define RING_BYTES  (64 * KIB)
#define EARLY_BYTES (4 * KIB) // until there are frames

static _Alignas(struct log_ring) uint8_t early[EARLY_BYTES];
struct log_ring *history = (struct log_ring *)early;

static void keep(uint32_t generation, const char *text, size_t bytes) {
    log_ring_put(history, generation, text, bytes);
}

ROW(sinks, 50_history) = {.write = keep};

STAGE(FIRST, 10_history_begin, "log") {
    log_ring_init(history, sizeof(early));
    return STATUS_OK;
}

// A map may claim anything to be kept.
static status_t check(pa_t pa, uint64_t bytes) {
    if (bytes != RING_BYTES || !is_aligned(pa, PAGE_SIZE) ||
        !physical_read(pa, bytes))
        return fail(STATUS_REFUSED,
                    "log: %#lx bytes at %#lx are not %#lx bytes of aligned, "
                    "readable memory",
                    bytes, pa, RING_BYTES);
    return log_ring_check(pa_to_va(pa), bytes);
}

// *pa is unchanged if there is none. A refused range may belong to another
// owner: it is neither changed nor searched again. From the end
// of the list, for painting joins neighbours, and what is behind them moves.
static status_t adopt(struct memory_map *memory, pa_t *pa) {
    status_t status = STATUS_OK;
    for (size_t i = memory->count; i-- > 0;) {
        struct memory_range kept = memory->range[i];
        uint64_t bytes = kept.end - kept.start;
        if (kept.kind != MEMORY_KEPT)
            continue;
        if (check(kept.start, bytes) == STATUS_OK) {
            *pa = kept.start;
        } else {
            status = STATUS_REFUSED;
            memory_map_put(memory, kept.start, bytes, MEMORY_RESERVED);
        }
    }
    return status;
}

static status_t make(struct memory_map *memory, pa_t *pa) {
    *pa = frames_alloc_high(RING_BYTES / PAGE_SIZE);
    if (*pa == 0)
        return fail(STATUS_NO_MEMORY, "log: no %lu contiguous bytes for it",
                    RING_BYTES);
    log_ring_init(pa_to_va(*pa), RING_BYTES);
    return memory_map_put(memory, *pa, RING_BYTES, MEMORY_KEPT);
}

// Takes over the log of the kernels before this one, or makes a new one, and
// moves there what was said until now. REFUSED: something else is kept, or a
// log that is damaged; that memory is not used any more, and there is a log all
// the same. NO_MEMORY: there is none, and the lines stay where they are.
STAGE(MACHINE, 10_history_open, "log") {
    struct memory_map *memory = &kernel->boot.memory;
    struct log_ring *before = history;
    const struct log_line *line;
    pa_t pa = 0;
    status_t status = adopt(memory, &pa);
    if (pa == 0)
        TRY(make(memory, &pa));
    history = pa_to_va(pa);
    for (uint64_t at = 0; (line = log_ring_next(before, &at));)
        log_ring_put(history, line->generation, line->text, line->bytes);
    line = log_ring_next(history, &(uint64_t){0});
    event("log", "pa=%#lx bytes=%lu used=%lu since=%u", pa, history->bytes,
          history->end - history->start, line->generation);
    return status;
}
