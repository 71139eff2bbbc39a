// The memory map: any ranges in any order, from the kernel and from others, and
// queries, compared with overlay.h.

#include "lib/memory_map.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/overlay.h"

#define ROOM_FOR_ONE_MORE (MEMORY_MAP_MAX - 2)
#define ENOUGH            (MEMORY_MAP_MAX + 128) // rows: more are only slow

static struct memory_map map;

// Sixteen bits of address anywhere among the 64, so that ranges overlap.
static uint64_t take_number(struct input *in, unsigned shift) {
    return take(in, 2) << shift % 64;
}

// Nothing is lost while there is space, and there are never too many ranges.
static status_t add(pa_t start, uint64_t bytes, enum memory_kind kind) {
    size_t count = map.count;
    bool full = count + 2 > MEMORY_MAP_GIVEN;
    uint64_t lost = memory_map_bytes(&map, MEMORY_LOST, 0);
    status_t status = memory_map_add(&map, start, bytes, kind);
    if (kind != MEMORY_LOST && kind != MEMORY_IN_USE)
        assert_true(full ? memory_map_bytes(&map, MEMORY_LOST, 0) >= lost
                         : memory_map_bytes(&map, MEMORY_LOST, 0) == lost);
    assert_true(map.count <= max_u64(count, MEMORY_MAP_GIVEN));
    return status;
}

static void put(struct input *in, bool given) {
    unsigned shift = take(in, 1);
    unsigned kind = take(in, 1) % (MEMORY_KINDS + 1);
    pa_t start = take_number(in, shift);
    uint64_t bytes = take_number(in, shift);
    bool sane = kind != MEMORY_HOLE && kind < MEMORY_KINDS &&
                start + (unsigned __int128)bytes <= UINT64_MAX;
    bool full = !given && map.count > ROOM_FOR_ONE_MORE;
    status_t status = given ? add(start, bytes, kind)
                            : memory_map_put(&map, start, bytes, kind);
    check_why(status);
    assert_int_equal(status, !sane  ? STATUS_INVALID
                             : full ? STATUS_NO_MEMORY
                                    : STATUS_OK);
    if (status == STATUS_OK)
        overlay(start, bytes, kind);
}

static void ask(struct input *in) {
    unsigned shift = take(in, 1);
    pa_t pa = take_number(in, shift);
    check_at(&map, pa);
}

static void fuzz(struct input in) {
    map.count = overlays.count = 0;
    while (in.left > 0 && overlays.count < ENOUGH) {
        unsigned what = take(&in, 1) % 4;
        if (what > 0)
            put(&in, what == 1);
        else
            ask(&in);
    }
    check_overlay(&map, 0);
}
