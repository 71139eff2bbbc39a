// The rule of some students: of the extents with room, the smallest.

pa_t frame_pool_take_low(struct frame_pool *pool, uint64_t pages,
                         uint64_t align, pa_t floor, pa_t ceiling) {
    uint64_t bytes = pages * PAGE_SIZE, chosen_bytes = 0;
    size_t chosen = 0;
    pa_t chosen_start = 0;
    for (size_t i = 0; i < pool->count; i++) {
        struct frame_extent *e = &pool->extent[i];
        pa_t lowest = max_u64(e->start, floor);
        pa_t start = align_up(lowest, align); // may wrap to 0
        pa_t end = min_u64(e->end, ceiling);
        if (lowest > start || start >= end || end - start < bytes)
            continue;
        if (chosen_bytes && !(e->end - e->start < chosen_bytes))
            continue;
        chosen = i;
        chosen_start = start;
        chosen_bytes = e->end - e->start;
    }
    if (chosen_bytes == 0)
        return 0;
    return cut(pool, chosen, chosen_start, chosen_start + bytes);
}
