// The one memory map: any ranges in any order, and questions, against paint.h.

#include "lib/memory_map.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/paint.h"

#define ROOM_FOR_ONE_MORE (MEMORY_MAP_MAX - 2)

static struct memory_map map;

// Sixteen bits of address anywhere among the 64, so that ranges do meet.
static uint64_t take_number(struct input *in, unsigned shift) {
    return take(in, 2) << shift % 64;
}

static void put(struct input *in) {
    unsigned shift = take(in, 1);
    unsigned kind = take(in, 1) % (MEMORY_KINDS + 1);
    pa_t start = take_number(in, shift);
    uint64_t bytes = take_number(in, shift);
    bool sane = kind != MEMORY_HOLE && kind < MEMORY_KINDS &&
                start + (unsigned __int128)bytes <= UINT64_MAX;
    bool full = map.count > ROOM_FOR_ONE_MORE;
    status_t status = memory_map_put(&map, start, bytes, kind);
    check_why(status);
    assert_int_equal(status, !sane  ? STATUS_INVALID
                             : full ? STATUS_NO_MEMORY
                                    : STATUS_OK);
    if (status == STATUS_OK)
        paint(start, bytes, kind);
}

static void ask(struct input *in) {
    unsigned shift = take(in, 1);
    pa_t pa = take_number(in, shift);
    assert_int_equal(kind_at(&map, pa), painted_at(pa));
}

static void fuzz(struct input in) {
    map.count = painted.count = 0;
    while (in.left > 0 && painted.count < PAINTED_MAX)
        if (take(&in, 1) % 4)
            put(&in);
        else
            ask(&in);
    check_paint(&map);
}
