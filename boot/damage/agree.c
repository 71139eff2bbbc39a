// What two memory maps agree on: see boot/damage/account.h.

#include "boot/damage/account.h"

void memory_agree(const struct memory_map *a, const struct memory_map *b,
                  struct memory_map *both) {
    pa_t at = 0, end_a, end_b;
    for (both->count = 0; at < UINT64_MAX; at = min_u64(end_a, end_b)) {
        enum memory_kind kind_a = memory_map_kind_at(a, at, &end_a);
        enum memory_kind kind_b = memory_map_kind_at(b, at, &end_b);
        uint64_t bytes = min_u64(end_a, end_b) - at;
        if (kind_a != kind_b)
            memory_map_add(both, at, bytes, MEMORY_LOST);
        else if (kind_a != MEMORY_HOLE)
            memory_map_add(both, at, bytes, kind_a);
    }
}
