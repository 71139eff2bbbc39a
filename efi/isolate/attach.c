// Where isolation attaches: an option, the opening of the firmware, the gate,
// and what follows a panic.

#include "efi/isolate/cell.h"

#include "efi/firmware.h"
#include "efi/observe.h"
#include "efi/open.h"
#include "kernel/stage.h"
#include "lib/log.h"
#include "lib/options.h"

static unsigned isolate; // a row of `steps`
static const char *const steps[] = {"off", "table"};

ROW(options, efi_isolate) = {"efi.isolate",
                             "what firmware sees of the kernel during a call",
                             .words = "off table", .choice = &isolate};

// cell.asm, and the gate's hook that it takes.
void cell_around(void);
extern void (*cell_next)(void);
extern void (*gate_around)(void);

static status_t load_tables(struct boot_info *boot) {
    (void)boot;
    if (isolate)
        cell_tables_load();
    return STATUS_OK;
}

ROW(openings, 80_isolate) = {OPENING_PLACED, load_tables};

static status_t begin(void) {
    if (!isolate)
        return STATUS_OK;
    if (firmware->width->entry)
        return fail(STATUS_REFUSED,
                    "efi.isolate= has no way into %u-bit firmware",
                    8 * firmware->width->word_bytes);
    cell_next = gate_around;
    gate_around = cell_around;
    return cell_empty();
}

static bool fill(struct gate_call *call, const struct gate_fault *fault) {
    return isolate && cell_fill(call, fault);
}

// After the registers, whose row is called first by the gate; before those that
// change a page table because of a fault.
ROW(observers, 12_isolate) = {.begin = begin, .fault = fill};

// SetVirtualAddressMap ran on a table that is gone, with boot services.
static status_t empty(struct boot_info *boot) {
    (void)boot;
    if (!isolate)
        return STATUS_OK;
    TRY(cell_empty());
    event("efi.isolate", "by=%s kernel=%lu writable=%lu", steps[isolate],
          cell_share().read, cell_share().write);
    return STATUS_OK;
}

ROW(openings, 80_isolate_mapped) = {OPENING_MAPPED, empty};

// A panic has loaded the kernel's own GDT, and a later row may call the
// firmware.
STAGE(PANIC, 05_isolate, "isolate") {
    if (cell.data.root)
        cell_segments_load();
    return STATUS_OK;
}
