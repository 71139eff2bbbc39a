// Memory of which nothing is known is not used; how much that is, is logged.

#include "kernel/stage.h"
#include "lib/memory_map.h"

STAGE(SPACE, 40_lost_memory, "memory") {
    uint64_t lost = memory_map_bytes(&kernel->boot.memory, MEMORY_LOST, 0);
    if (lost == 0)
        return STATUS_OK;
    return fail(
        STATUS_REFUSED,
        "memory map: %#lx bytes are not used: lists of memory contradict each "
        "other, or have more than %d ranges, of which the smallest are dropped",
        lost, MEMORY_MAP_GIVEN);
}
