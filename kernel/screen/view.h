// The map of memory on the screen.

#pragma once

#include "lib/memory_map.h"

// Draws where the firmware's runtime regions are: in all of `memory`, and in
// the part of it around them. Nothing where there is no screen, or no firmware.
void view_map(const struct memory_map *memory);
