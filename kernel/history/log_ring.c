// A ring of lines: see the header. A line that begins before the ring's end may
// reach over it: there is space for one more after it, so that none is split.

#include "kernel/history/log_ring.h"

#include "lib/crc32.h"
#include "lib/string.h"

#define MAGIC    0x474f4c4e4f544142 // "BATONLOG"
#define HEAD     offsetof(struct log_line, text)
#define OVERHEAD (sizeof(struct log_ring) + sizeof(struct log_line))
#define END_MAX  (1UL << 62) // more than can have been written

static struct log_line *line_at(const struct log_ring *ring, uint64_t at) {
    return (struct log_line *)(ring->text + at % ring->bytes);
}

static uint32_t crc_of(const struct log_line *line) {
    return crc32(0, &line->generation, HEAD - sizeof(line->crc) + line->bytes);
}

void log_ring_init(struct log_ring *ring, uint64_t size) {
    *ring = (struct log_ring){.magic = MAGIC, .bytes = size - OVERHEAD};
}

status_t log_ring_check(const struct log_ring *ring, uint64_t size) {
    if (ring->magic != MAGIC || ring->bytes != size - OVERHEAD ||
        ring->end > END_MAX || ring->start > ring->end ||
        ring->end - ring->start > ring->bytes)
        return fail(STATUS_REFUSED,
                    "log: %#lx, %lu bytes, lines from %#lx to %#lx: not a ring "
                    "in %#lx bytes of memory",
                    ring->magic, ring->bytes, ring->start, ring->end, size);
    uint64_t at = 0;
    while (log_ring_next(ring, &at))
        ;
    if (at != ring->end)
        return fail(STATUS_REFUSED,
                    "log: the line at %#lx claims %u bytes; %lu are left", at,
                    line_at(ring, at)->bytes, ring->end - at);
    return STATUS_OK;
}

void log_ring_put(struct log_ring *ring, uint32_t generation, const char *text,
                  size_t bytes) {
    bytes = min_u64(bytes, LOG_LINE_MAX);
    while (ring->start != ring->end &&
           ring->end - ring->start + HEAD + bytes > ring->bytes)
        if (ring->end - ring->start > ring->bytes ||
            !log_ring_next(ring, &ring->start))
            ring->start = ring->end; // the ring was overwritten
    struct log_line *line = line_at(ring, ring->end);
    line->generation = generation;
    line->bytes = bytes;
    memcpy(line->text, text, bytes);
    line->crc = crc_of(line);
    ring->end += HEAD + bytes; // last: a panic in between starts here again
}

const struct log_line *log_ring_next(const struct log_ring *ring,
                                     uint64_t *at) {
    *at = max_u64(*at, ring->start);
    uint64_t left = ring->end - *at;
    const struct log_line *line = line_at(ring, *at);
    if (left < HEAD || line->bytes > min_u64(LOG_LINE_MAX, left - HEAD))
        return NULL;
    *at += HEAD + line->bytes;
    return line;
}

bool log_line_is_whole(const struct log_line *line) {
    return line->crc == crc_of(line);
}
