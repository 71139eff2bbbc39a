// Physical memory, read before the kernel has a page table of its own.

#pragma once

#include "lib/status.h"
#include "lib/types.h"
#include "mm/page_table.h"

// Starts with nothing mapped but the image, at `image_pa`. UNSUPPORTED: the
// processor has no NX bit, which all page tables use.
status_t early_start(pa_t image_pa);

// The table that is in use; and an end to all of its mappings but the image's,
// so that its tables can be used again.
struct page_table early_table(void);
void early_forget(void);

// A memory_reader (boot/boot_info.h) for any address. NULL: at 0, beyond what
// the processor can address, or what was read so far is scattered over more
// gigabytes than there are tables for.
const void *early_read(pa_t pa, uint64_t bytes);
