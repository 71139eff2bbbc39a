// Two memory maps, compared: see boot/damage/account.h.

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

status_t memory_confine(struct memory_map *map,
                        const struct memory_map *other) {
    pa_t at = 0, end, end_other;
    for (; at < UINT64_MAX; at = min_u64(end, end_other)) {
        enum memory_kind kind = memory_map_kind_at(map, at, &end);
        enum memory_kind kind_other = memory_map_kind_at(other, at, &end_other);
        if (kind == MEMORY_HOLE && memory_is_free(kind_other))
            TRY(memory_map_put(map, at, min_u64(end, end_other) - at,
                               MEMORY_RESERVED));
    }
    return STATUS_OK;
}
