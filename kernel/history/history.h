// The log of this kernel and of those before it, in memory that every kernel of
// the chain leaves alone: kind MEMORY_KEPT, which a kexec hands on.

#pragma once

#include "kernel/history/log_ring.h"
#include "lib/memory_map.h"

// From here on each line of the log is kept, for now in a few KiB of our own.
void history_begin(void);

// Takes over the log of the kernels before this one, or makes a new one with
// `memory` painted so, and moves there what was said since history_begin().
// REFUSED: something else is kept, or a log that is damaged; nobody uses that
// memory any more, and there is a log, new or not. NO_MEMORY: there is none,
// and the lines stay where they are.
status_t history_open(struct memory_map *memory);

// The ring, to be read with log_ring_next().
extern struct log_ring *history;
