// Widths: firmware with 64-bit words, and with 32-bit ones, which some machines
// with a 64-bit processor have. A width is a row; nothing else asks for it by
// name. Core has the one of 64 bits, efi/width32/ the other.

#pragma once

#include "efi/region.h"
#include "efi/types.h"
#include "lib/status.h"
#include "lib/table.h"
#include "mm/page_table.h"

// efi/open.c chooses one by `word_bytes` when it opens the firmware; until then
// it is the first one, of 64 bits.
struct efi_width {
    uint32_t word_bytes;

    // Where mapping modes (efi/mode.h) place its regions: most of them in the
    // window; those that keep distances, in the run.
    va_t window_bottom, window_top;
    va_t run_bottom, run_top;

    // Or NULL: are these addresses such that the firmware can have its regions
    // there? REFUSED: no; the reason names `mode`, which has put them there.
    status_t (*check)(const struct efi_regions *regions, const char *mode);

    // From the kernel's address of the bounce buffer (efi/call.h) to a second
    // one, where the firmware finds it in the kernel's page table; 0: there is
    // no other.
    uint64_t bounce_shift;

    // Or NULL: maps what calls need besides the bounce buffer, in the table in
    // which that is shifted by `shift`. NO_MEMORY, REFUSED.
    status_t (*map)(struct page_table *table, uint64_t shift);

    // Or NULL: the code that the call gate (efi/gate.h) calls for a service at
    // this address of the firmware's, with the calling convention of 64-bit
    // services.
    va_t (*entry)(enum efi_service service, uint64_t function);
};

TABLE(widths, struct efi_width);
