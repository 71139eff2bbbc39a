// The log of this kernel and of those before it, in memory that every kernel of
// the chain leaves alone: kind MEMORY_KEPT, which a kexec hands on.

#pragma once

#include "kernel/history/log_ring.h"

// The ring, to be read with log_ring_next().
extern struct log_ring *history;
