// Who ran before, in which mode, and for how long: a node of the handoff with a
// row for each of the last LINEAGE_MAX generations.

#pragma once

#include "boot/boot_info.h"

#define LINEAGE_MAX  8
#define LINEAGE_LINE 160 // bytes

// How many generations are listed, but for our own.
unsigned lineage_count(void);

// Generation `i` of those listed, as text; after the last, our own.
void lineage_format(const struct boot_info *boot, unsigned i, char *line,
                    size_t size);
