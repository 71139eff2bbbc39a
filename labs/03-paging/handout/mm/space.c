// Lab 3, step 5: stacks that lie next to each other.

status_t space_stack(uint64_t pages, va_t *top_va) {
    if (stack_count == STACKS_MAX)
        return fail(STATUS_NO_MEMORY, "mm: all %d stacks are taken",
                    STACKS_MAX);
    pa_t frames_pa;
    TRY(frames_take("mm: a stack", pages, &frames_pa));
    memset(pa_to_va(frames_pa), 0, pages * PAGE_SIZE);
    va_t bottom_va = vmap_next;
    vmap_next = *top_va = bottom_va + pages * PAGE_SIZE;
    return page_table_map(&kernel_table, bottom_va, frames_pa,
                          pages * PAGE_SIZE, MAP_WRITE);
}
