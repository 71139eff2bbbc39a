// Devices and stack guards: see the header.

#include "mm/vmap/vmap.h"

#include "mm/layout.h"
#include "mm/space.h"

// A framebuffer is placed so that large pages fit.
volatile void *space_device(pa_t pa, uint64_t bytes) {
    pa_t start_pa = align_down(pa, PAGE_SIZE);
    uint64_t span = align_up(pa + bytes, PAGE_SIZE) - start_pa;
    bool is_large = span >= LARGE_PAGE;
    va_t va = space_reserve(span + (is_large ? 2 * LARGE_PAGE : 0));
    if (is_large)
        va = align_up(va, LARGE_PAGE) + start_pa % LARGE_PAGE;
    if (page_table_map(&kernel_table, va, start_pa, span,
                       MAP_WRITE | MAP_UNCACHED))
        return NULL;
    return (volatile void *)(va + (pa - start_pa));
}

// Derived from the page table: nothing is mapped at `va`, and above it is a
// page that is not a device's.
bool space_is_stack_guard(va_t va) {
    struct page_walk here, above;
    page_table_walk(&kernel_table, va, &here);
    page_table_walk(&kernel_table, align_up(va + 1, PAGE_SIZE), &above);
    return va >= VMAP_BASE && va < VMAP_END && !here.mapped && above.mapped &&
           !(above.step[above.count - 1].entry & PTE_PCD);
}
