// Lab 1, steps 1 to 3: where paint overlaps, the later one wins, and of a range
// that it cuts in two the larger piece stays.

status_t memory_map_put(struct memory_map *map, pa_t start, uint64_t bytes,
                        enum memory_kind kind) {
    TRY(check_put(map, start, bytes, kind));
    if (bytes == 0)
        return STATUS_OK;
    pa_t end = start + bytes;
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        struct memory_range range = map->range[i];
        if (range.end > start && range.start < end) {
            pa_t below = start > range.start ? start - range.start : 0;
            pa_t above = range.end > end ? range.end - end : 0;
            if (below >= above)
                range.end = range.start + below;
            else
                range.start = range.end - above;
        }
        if (range.start < range.end)
            map->range[kept++] = range;
    }
    map->count = kept;
    insert(map, first_after(map, start),
           (struct memory_range){start, end, kind});
    return STATUS_OK;
}
