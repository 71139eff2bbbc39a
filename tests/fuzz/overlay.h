// A simple and slow memory map: the list of all ranges that were added. The
// kind at an address is the largest of all rows that contain it. This is
// obviously correct, so the kernel's map (lib/memory_map.c) is compared with
// it.

#pragma once

#include "lib/memory_map.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/kinds.h"

#define OVERLAYS_MAX 2048

static struct {
    struct memory_range row[OVERLAYS_MAX];
    size_t count;
} overlays;

static inline void overlay(pa_t start, uint64_t bytes, enum memory_kind kind) {
    assert_true(overlays.count < OVERLAYS_MAX);
    if (bytes > 0)
        overlays.row[overlays.count++] =
            (struct memory_range){start, start + bytes, kind};
}

// Not instrumented for the fuzzer, which is to explore the kernel's code: that
// would take most of its time.
#ifdef __clang__
__attribute__((noinline, no_sanitize("coverage")))
#endif
static enum memory_kind
overlay_at(pa_t pa) {
    enum memory_kind kind = MEMORY_HOLE;
    for (size_t i = 0; i < overlays.count; i++)
        if (pa >= overlays.row[i].start && pa < overlays.row[i].end &&
            overlays.row[i].kind > kind)
            kind = overlays.row[i].kind;
    return kind;
}

// The guarantees of lib/memory_map.h for the list.
static inline void check_shape(const struct memory_map *map) {
    assert_true(map->count <= MEMORY_MAP_MAX);
    for (size_t i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];
        assert_true(range->start < range->end && range->kind < MEMORY_KINDS);
        if (i == 0)
            continue;
        assert_true(range[-1].end == range->start);
        assert_true(range[-1].kind != range->kind);
    }
}

// The kind that was added there, or lost, if anything is.
static inline void check_at(const struct memory_map *map, pa_t pa) {
    enum memory_kind kind = kind_at(map, pa);
    if (kind != MEMORY_LOST)
        assert_int_equal(kind, overlay_at(pa));
}

// The kinds can only differ where a row starts or ends: both sides of each, for
// the rows from `first` on.
static inline void check_overlay(const struct memory_map *map, size_t first) {
    check_shape(map);
    for (size_t i = first; i < overlays.count; i++) {
        const pa_t edges[] = {overlays.row[i].start, overlays.row[i].end};
        for (size_t e = 0; e < ARRAY_SIZE(edges); e++) {
            check_at(map, edges[e]);
            check_at(map, edges[e] - 1);
        }
    }
}
