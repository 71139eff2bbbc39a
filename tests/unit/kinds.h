// One query of a memory map, in the form that tests use.

#pragma once

#include "lib/memory_map.h"

static inline enum memory_kind kind_at(const struct memory_map *map, pa_t pa) {
    pa_t end;
    return memory_map_kind_at(map, pa, &end);
}
