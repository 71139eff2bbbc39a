// The log in memory: a ring of lines that outlives the kernel which
// wrote them. The next kernel reads it, and writes on behind.
//
// A ring is never sealed, because any line may be a kernel's last one. So
// each line vouches for itself: it stands behind its length, the generation
// that spoke, and a CRC-32. A kernel that takes over a ring checks that one
// line leads to the next. The CRC of a line is checked when it is read: over 64
// KiB it would cost more than all else from the jump to the next kernel's first
// line.

#pragma once

#include "lib/log.h"
#include "lib/status.h"
#include "lib/types.h"

struct log_line {
    uint32_t crc; // of what follows
    uint32_t generation;
    uint32_t bytes;
    char text[LOG_LINE_MAX]; // `bytes` of it
} __attribute__((packed));

struct log_ring {
    uint64_t magic;
    uint64_t bytes; // of `text`, without the space for one line behind them
    // Where the oldest line begins and the newest one ends, counted from the
    // first byte ever written: modulo `bytes`, that is a place in `text`.
    uint64_t start, end;
    uint8_t text[];
};

// Makes an empty ring of `size` bytes of memory, 2 KiB at least.
void log_ring_init(struct log_ring *ring, uint64_t size);

// Is this a ring that fills `size` bytes, and can every line in it be found?
// REFUSED otherwise; the reason names the value that cannot be.
status_t log_ring_check(const struct log_ring *ring, uint64_t size);

// Adds a line, cut to LOG_LINE_MAX bytes. The oldest ones make room for it.
void log_ring_put(struct log_ring *ring, uint32_t generation, const char *text,
                  size_t bytes);

// The line at `*at`, which then leads to the next one; 0 is the oldest, and so
// is one that was overwritten since. NULL: that was all.
const struct log_line *log_ring_next(const struct log_ring *ring, uint64_t *at);

// Is the line as it was written?
bool log_line_is_whole(const struct log_line *line);
