// Lab 2: what you start from. It hands out frames from the top and loses what
// does not fit; what comes back it takes only where that is easy.

status_t frame_pool_give(struct frame_pool *pool, pa_t pa, uint64_t pages) {
    if (pool->count > 0 && pa < pool->extent[pool->count - 1].end)
        return fail(STATUS_UNSUPPORTED,
                    "lab 2, step 2: frame_pool_give() cannot take back %#lx "
                    "yet, for higher frames are free",
                    pa);
    TRY(insert_at(pool, pool->count, pa, pa + pages * PAGE_SIZE));
    pool->free_pages += pages;
    return STATUS_OK;
}

// Step 1: takes [start, end) out of extent i. What is above is lost so far.
static pa_t cut(struct frame_pool *pool, size_t i, pa_t start, pa_t end) {
    pool->free_pages -= (end - start) / PAGE_SIZE;
    pool->extent[i].end = start;
    return start;
}

pa_t frame_pool_take_low(struct frame_pool *pool, uint64_t pages,
                         uint64_t align, pa_t floor, pa_t ceiling) {
    uint64_t bytes = pages * PAGE_SIZE;
    for (size_t i = pool->count; i-- > 0;) {
        pa_t top = min_u64(pool->extent[i].end, ceiling);
        pa_t start = top > bytes ? align_down(top - bytes, align) : 0;
        if (start > 0 && start >= max_u64(pool->extent[i].start, floor))
            return cut(pool, i, start, start + bytes);
    }
    return 0;
}

pa_t frame_pool_take_high(struct frame_pool *pool, uint64_t pages,
                          pa_t ceiling) {
    return frame_pool_take_low(pool, pages, PAGE_SIZE, 0, ceiling);
}
