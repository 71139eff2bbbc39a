// Physical memory, read before the kernel has a page table of its own.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Starts with nothing mapped but the image, at `image_pa`.
void early_start(pa_t image_pa);

// Maps device registers, uncached. All that was read before is forgotten: it
// may be in the same 2 MiB. NULL, with a reason, if there are not enough
// tables.
volatile void *early_device(pa_t pa, uint64_t bytes);

// A memory_reader (boot/boot_info.h) for any address. NULL: at 0, beyond what
// the processor can address, or what was read so far is scattered over more
// gigabytes than there are tables for.
const void *early_read(pa_t pa, uint64_t bytes);
