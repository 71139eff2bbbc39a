// Who ran, in which mode, and how long: a row of the handoff for each
// of the last HANDOFF_LINEAGE_MAX generations.

#pragma once

#include "boot/boot_info.h"

#define LINEAGE_LINE 160 // bytes

// Generation `i` of those in the handoff, as text; after the last, our own.
void lineage_format(const struct boot_info *boot, unsigned i, char *line,
                    size_t size);

// Adds this generation to what the next one is told; the oldest may go for it.
void lineage_add(struct handoff *next);
