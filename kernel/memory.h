// The memory map before the first frame is taken.

#pragma once

#include "boot/boot_info.h"

// Overlays boot->memory with the firmware's memory, the image at `image_pa` and
// the bundle. A bundle that is not in free memory is refused, and dropped. An
// error: the map cannot be used.
status_t memory_complete(struct boot_info *boot, pa_t image_pa);
