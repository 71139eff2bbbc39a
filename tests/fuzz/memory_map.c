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

// Every byte is of these kinds: so is each first byte of a stretch of one kind.
static bool slow_covers(pa_t pa, uint64_t bytes, uint32_t kinds) {
    if (bytes == 0)
        return true;
    bool all = kinds >> painted_at(pa) & 1 && painted_at(pa) != MEMORY_HOLE;
    for (size_t i = 0; i < painted.count; i++) {
        const pa_t edges[] = {painted.row[i].start, painted.row[i].end};
        for (size_t e = 0; e < ARRAY_SIZE(edges); e++)
            if (edges[e] > pa && edges[e] < pa + bytes)
                all &= kinds >> painted_at(edges[e]) & 1 &&
                       painted_at(edges[e]) != MEMORY_HOLE;
    }
    return all;
}

static void ask(struct input *in) {
    unsigned shift = take(in, 1);
    uint32_t kinds = take(in, 2);
    pa_t pa = take_number(in, shift);
    uint64_t bytes = take_number(in, shift);
    bool fits = pa + (unsigned __int128)bytes <= UINT64_MAX;
    assert_int_equal(memory_map_covers(&map, pa, bytes, kinds),
                     fits && slow_covers(pa, bytes, kinds));
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
