// The kernel's own address space, as mm/layout.h draws it. Functions that
// allocate must not be called from trap handlers.

#pragma once

#include "lib/memory_map.h"
#include "mm/page_table.h"

extern struct page_table kernel_table;
// Physical address 0 in the direct map. Constant from space_init() on.
extern va_t direct_map_base;

// The sections of the image, from the linker script.
extern const char text_start[], text_end[], rodata_start[], rodata_end[];
extern const char data_start[], data_end[], image_end[];

// Builds the kernel's page table (image with W^X, direct map of RAM) and loads
// it. It has as many levels as the table that it replaces. NO_MEMORY.
status_t space_init(const struct memory_map *memory, pa_t image_pa);

// Address space for `bytes` bytes, in whole pages, for good. The page below it
// stays unmapped.
va_t space_reserve(uint64_t bytes);

// A stack of `pages` pages with nothing mapped below it, so that an overflow
// faults at once. Gives its top (exclusive), 16-byte aligned. NO_MEMORY.
status_t space_stack(uint64_t pages, va_t *top_va);

// The physical address of something in the kernel image.
pa_t image_pa_of(const void *in_image);

// Is `va` in the kernel's own code?
bool is_kernel_text(va_t va);

// A memory_reader (boot/boot_info.h) over everything that the direct map
// covers.
const void *physical_read(pa_t pa, uint64_t bytes);

// A second table that shares the kernel's upper half and has an empty lower
// half. The caller frees it: page_table_free(). NO_MEMORY.
status_t space_clone(struct page_table *table);
