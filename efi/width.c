// Firmware of 64 bits: it is called as it is, and reaches all addresses.

#include "efi/width.h"

#include "mm/layout.h"

ROW(widths, 1_wide) = {.word_bytes = 8,
                       .window_bottom = EFI_WINDOW_END,
                       .window_top = EFI_WINDOW_START,
                       .run_bottom = EFI_CONTIGUOUS,
                       .run_top = 2 * EFI_CONTIGUOUS};
