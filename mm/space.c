// Builds the kernel's page table, section by section, and hands out address
// space for stacks and devices.

#include "mm/space.h"

#include "lib/string.h"
#include "lib/x86.h"
#include "mm/early.h"
#include "mm/frames.h"
#include "mm/layout.h"

#define CPUID_EXTENDED 0x80000001
#define CPUID_1GB      (1u << 26)

struct page_table kernel_table;
va_t direct_map_base = DIRECT_MAP_BASE;

static pa_t kernel_image_pa;
static va_t vmap_next = VMAP_BASE;

// How each kind of memory appears in the direct map; 0: not at all. Tables of
// ACPI and of the firmware are only ever read here.
static const uint64_t direct_flags[MEMORY_KINDS] = {
    [MEMORY_USABLE] = MAP_WRITE, [MEMORY_BOOT_SERVICES] = MAP_WRITE,
    [MEMORY_IN_USE] = MAP_WRITE, [MEMORY_ACPI] = MAP_READ,
    [MEMORY_NVS] = MAP_READ,     [MEMORY_RUNTIME] = MAP_READ,
    [MEMORY_KEPT] = MAP_WRITE,   [MEMORY_BOOT_KEPT] = MAP_READ,
};

pa_t image_pa_of(const void *in_image) {
    return kernel_image_pa + ((va_t)in_image - KERNEL_BASE);
}

bool is_kernel_text(va_t va) {
    return va >= (va_t)text_start && va < (va_t)text_end;
}

static status_t map_section(const char *start, const char *end,
                            uint64_t flags) {
    return page_table_map(&kernel_table, (va_t)start, image_pa_of(start),
                          end - start, flags);
}

static status_t map_image(void) {
    TRY(map_section(text_start, text_end, MAP_EXEC));
    TRY(map_section(rodata_start, rodata_end, MAP_READ));
    return map_section(data_start, image_end, MAP_WRITE);
}

// The physical address from which on memory is out of reach, of the processor
// (CPUID 80000008h) or of the direct map.
static pa_t reach(void) {
    return min_u64(DIRECT_MAP_END - direct_map_base,
                   1UL << cpuid_address_bits());
}

static status_t map_direct(pa_t start, pa_t end, uint64_t flags) {
    start = align_up(start, PAGE_SIZE);
    end = min_u64(align_down(end, PAGE_SIZE), reach());
    if (start >= end)
        return STATUS_OK;
    return page_table_map(&kernel_table, direct_map_base + start, start,
                          end - start, flags);
}

// The image stays out of the direct map, which would have a writable alias of
// its code.
static status_t map_direct_around_image(pa_t start, pa_t end, uint64_t flags) {
    pa_t image_start = kernel_image_pa;
    pa_t image_stop = image_start + (image_end - text_start);
    TRY(map_direct(start, min_u64(end, image_start), flags));
    return map_direct(max_u64(start, image_stop), end, flags);
}

// Free memory above the frames is never accessed.
static uint64_t flags_of(const struct memory_range *range) {
    bool unused = range->kind == MEMORY_USABLE && range->start >= FRAMES_END_PA;
    return unused ? 0 : direct_flags[range->kind];
}

// Neighbours with the same rights are mapped together, whatever their kinds, so
// that large pages fit.
static status_t map_memory(const struct memory_map *memory) {
    for (size_t i = 0; i < memory->count;) {
        const struct memory_range *first = &memory->range[i];
        uint64_t flags = flags_of(first);
        pa_t end = first->start;
        while (i < memory->count && memory->range[i].start == end &&
               flags_of(&memory->range[i]) == flags)
            end = memory->range[i++].end;
        if (flags == 0)
            continue;
        TRY(map_direct_around_image(first->start, end, flags));
    }
    return STATUS_OK;
}

status_t space_init(const struct memory_map *memory, pa_t image_pa) {
    kernel_image_pa = image_pa;
    bool gigabytes = cpuid(CPUID_EXTENDED, 0).edx & CPUID_1GB;
    TRY(page_table_init(&kernel_table, paging_levels(), gigabytes ? 3 : 2,
                        &kernel_frames));
    TRY(map_image());
    TRY(map_memory(memory));
    write_cr3(kernel_table.root_pa);
    frames_window_va = direct_map_base;
    return STATUS_OK;
}

va_t space_reserve(uint64_t bytes) {
    va_t va = vmap_next + PAGE_SIZE;
    vmap_next = va + bytes;
    return va;
}

status_t space_stack(uint64_t pages, va_t *top_va) {
    pa_t frames_pa;
    TRY(frames_take("mm: a stack", pages, &frames_pa));
    memset(pa_to_va(frames_pa), 0, pages * PAGE_SIZE);
    va_t bottom_va = space_reserve(pages * PAGE_SIZE);
    *top_va = bottom_va + pages * PAGE_SIZE;
    return page_table_map(&kernel_table, bottom_va, frames_pa,
                          pages * PAGE_SIZE, MAP_WRITE);
}

const void *physical_read(pa_t pa, uint64_t bytes) {
    uint64_t limit = reach();
    if (bytes > limit || pa > limit - bytes)
        return NULL;
    pa_t there;
    for (pa_t at = align_down(pa, PAGE_SIZE); at < pa + bytes; at += PAGE_SIZE)
        if (!page_table_translate(&kernel_table, (va_t)pa_to_va(at), &there))
            return NULL;
    return pa_to_va(pa);
}

// The kernel's image and its vmap share the last top-level entry, and the
// direct map is complete before the first clone: so all entries that the upper
// half will ever have exist by now, and copying them once shares all that
// follows.
status_t space_clone(struct page_table *table) {
    TRY(page_table_init(table, kernel_table.levels, kernel_table.leaf_max,
                        &kernel_frames));
    memcpy(pa_to_va(table->root_pa + PAGE_SIZE / 2),
           pa_to_va(kernel_table.root_pa + PAGE_SIZE / 2), PAGE_SIZE / 2);
    table->own = TABLE_ENTRIES / 2;
    return STATUS_OK;
}
