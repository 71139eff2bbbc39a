// Physical memory, read before the kernel has a page table of its own.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Starts with nothing visible but the image, at `image_pa`; called again, it
// forgets all that was read.
void early_start(pa_t image_pa);

// Maps device registers, uncached; before early_read() of the same 2 MiB. NULL,
// with a reason: there are no tables left, or something is mapped there.
volatile void *early_device(pa_t pa, uint64_t bytes);

// A memory_reader (boot/boot_info.h) for what lies anywhere. NULL: at 0, beyond
// what the processor can address, or all that was read so far is scattered over
// more gigabytes than there are tables for.
const void *early_read(pa_t pa, uint64_t bytes);
