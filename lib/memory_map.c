// Changes and queries. The header has the idea; here every search is for the
// first range that ends after an address, and every change is a cut or a join.

#include "lib/memory_map.h"

#include "lib/string.h"

const char *memory_kind_name(enum memory_kind kind) {
    static const char *const names[MEMORY_KINDS] = {
        [MEMORY_HOLE] = "hole",
        [MEMORY_USABLE] = "usable",
        [MEMORY_BOOT_SERVICES] = "boot-services",
        [MEMORY_BOOT_KEPT] = "boot-kept",
        [MEMORY_ACPI] = "acpi",
        [MEMORY_NVS] = "nvs",
        [MEMORY_KEPT] = "kept",
        [MEMORY_RUNTIME] = "runtime",
        [MEMORY_MMIO] = "mmio",
        [MEMORY_LOST] = "lost",
        [MEMORY_RESERVED] = "reserved",
        [MEMORY_IN_USE] = "in-use",
    };
    return kind < MEMORY_KINDS ? names[kind] : "?";
}

// The index of the first range that ends after `pa`; `count` if there is none.
static size_t first_after(const struct memory_map *map, pa_t pa) {
    size_t low = 0, high = map->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->range[middle].end > pa)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void insert(struct memory_map *map, size_t at, struct memory_range new) {
    struct memory_range *range = map->range + at;
    memmove(range + 1, range, (map->count - at) * sizeof(*range));
    *range = new;
    map->count++;
}

// Makes the list reach from `start` to `end`, by a hole on either side.
static void stretch(struct memory_map *map, pa_t start, pa_t end) {
    if (map->count == 0)
        insert(map, 0, (struct memory_range){start, end, MEMORY_HOLE});
    pa_t first = map->range[0].start;
    if (start < first)
        insert(map, 0, (struct memory_range){start, first, MEMORY_HOLE});
    pa_t last = map->range[map->count - 1].end;
    if (last < end)
        insert(map, map->count, (struct memory_range){last, end, MEMORY_HOLE});
}

// Makes a range begin at `pa`, unless that is the end of the list. Returns the
// index of what begins there.
static size_t cut(struct memory_map *map, pa_t pa) {
    size_t at = first_after(map, pa);
    if (at == map->count || map->range[at].start == pa)
        return at;
    insert(map, at, map->range[at]);
    map->range[at].end = pa;
    map->range[at + 1].start = pa;
    return at + 1;
}

// Joins neighbours of one kind, from the range at `from` on.
static void join(struct memory_map *map, size_t from) {
    struct memory_range *last = map->range + from;
    struct memory_range *end = map->range + map->count;

    for (struct memory_range *next = last + 1; next < end; next++)
        if (next->kind == last->kind)
            last->end = next->end;
        else
            *++last = *next;
    map->count = (size_t)(last + 1 - map->range);
}

static status_t check_put(const struct memory_map *map, pa_t start,
                          uint64_t bytes, enum memory_kind kind) {
    if (kind == MEMORY_HOLE || kind >= MEMORY_KINDS)
        return fail(STATUS_INVALID, "memory map: kind %u cannot be added",
                    kind);
    if (!range_fits(start, bytes))
        return fail(STATUS_INVALID,
                    "memory map: 0x%lx bytes at 0x%lx pass 2^64", bytes, start);
    if (map->count + 2 > MEMORY_MAP_MAX)
        return fail(STATUS_NO_MEMORY,
                    "memory map: no space for 0x%lx bytes at 0x%lx, %zu of %u "
                    "ranges taken",
                    bytes, start, map->count, MEMORY_MAP_MAX);
    return STATUS_OK;
}

status_t memory_map_put(struct memory_map *map, pa_t start, uint64_t bytes,
                        enum memory_kind kind) {
    TRY(check_put(map, start, bytes, kind));
    if (bytes == 0)
        return STATUS_OK;
    stretch(map, start, start + bytes);
    size_t first = cut(map, start);
    size_t end = cut(map, start + bytes);
    for (size_t i = first; i < end; i++)
        if (map->range[i].kind < kind)
            map->range[i].kind = kind;
    join(map, first > 0 ? first - 1 : 0);
    return STATUS_OK;
}

// What is lost already costs nothing.
static uint64_t cost(const struct memory_range *range) {
    return range->kind == MEMORY_LOST ? 0 : range->end - range->start;
}

// Merges two neighbours, the first pair that loses the fewest bytes.
static void lose_detail(struct memory_map *map) {
    struct memory_range *range = map->range, *cheapest = range;
    uint64_t least = UINT64_MAX;

    for (; range + 1 < map->range + map->count; range++) {
        uint64_t both = cost(range) + cost(range + 1);
        if (both < least) {
            least = both;
            cheapest = range;
        }
    }
    cheapest[0].kind = cheapest[1].kind = MEMORY_LOST;
    join(map, 0);
}

status_t memory_map_add(struct memory_map *map, pa_t start, uint64_t bytes,
                        enum memory_kind kind) {
    while (map->count + 2 > MEMORY_MAP_GIVEN)
        lose_detail(map);
    return memory_map_put(map, start, bytes, kind);
}

enum memory_kind memory_map_kind_at(const struct memory_map *map, pa_t pa,
                                    pa_t *end) {
    const struct memory_range *range = map->range + first_after(map, pa);
    bool is_behind = range == map->range + map->count;
    if (is_behind || range->start > pa) {
        *end = is_behind ? UINT64_MAX : range->start;
        return MEMORY_HOLE;
    }
    *end = range->end;
    return range->kind;
}

uint32_t memory_map_kinds(const struct memory_map *map, pa_t start,
                          uint64_t bytes) {
    if (bytes == 0)
        return 0;
    const struct memory_range *range = map->range + first_after(map, start);
    const struct memory_range *end = map->range + map->count;
    bool outside = !range_fits(start, bytes) || range == end ||
                   start < range->start || start + bytes > end[-1].end;
    uint32_t kinds = outside ? 1u << MEMORY_HOLE : 0;

    for (; range < end && range->start < start + bytes; range++)
        kinds |= 1u << range->kind;
    return kinds;
}

uint64_t memory_map_bytes(const struct memory_map *map, enum memory_kind kind,
                          pa_t floor) {
    uint64_t bytes = 0;

    for (size_t i = 0; i < map->count; i++)
        if (map->range[i].kind == kind && map->range[i].end > floor)
            bytes += map->range[i].end - max_u64(map->range[i].start, floor);
    return bytes;
}
