// Device registers on the early table.

#include "mm/early.h"

#include "mm/vmap/vmap.h"

volatile void *early_device(pa_t pa, uint64_t bytes) {
    struct page_table table = early_table();
    early_forget();
    pa_t at = align_down(pa, LARGE_PAGE);
    uint64_t span = align_up(pa + bytes, LARGE_PAGE) - at;
    return page_table_map(&table, at, at, span, MAP_WRITE | MAP_UNCACHED)
               ? NULL
               : (volatile void *)pa;
}
