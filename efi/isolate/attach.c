// Where isolation attaches: an option, the opening of the firmware, the gate,
// and what follows a panic.

#include "efi/isolate/cell.h"

#include "efi/firmware.h"
#include "efi/guard/memory.h"
#include "efi/isolate/decode.h"
#include "efi/isolate/emulate.h"
#include "efi/observe.h"
#include "efi/open.h"
#include "kernel/stage.h"
#include "lib/log.h"
#include "lib/options.h"
#include "mm/layout.h"

#define LEVEL_3    3
#define PROTECTION 13 // the vector of a general protection fault

static const struct isolation steps[] = {
    {"off", 0, 0, 0, 0},
    {"table", 0, KERNEL_CS, CODE32_CS, KERNEL_DS},
    {"user", PTE_USER, USER_CS | LEVEL_3, USER_CS32 | LEVEL_3,
     USER_DS | LEVEL_3},
};
static unsigned step; // a row of these

ROW(options, efi_isolate) = {
    "efi.isolate", "what the firmware can do to the kernel during a call",
    .words = "off table user", .choice = &step};

// cell.asm, and the two hooks that it takes: of the gate, and of 32-bit
// services.
void cell_around(void);
void cell_around_narrow(void);
void cell_narrow(void);
void cell_back(void);
void cell_lifted(void);
extern va_t cell_end;
extern void (*cell_next)(void);
extern void (*gate_around)(void);
extern void (*thunk_way)(void);

static status_t load_tables(struct boot_info *boot) {
    isolation = &steps[step];
    if (step) {
        ports_open(boot);
        cell_tables_load();
    }
    return STATUS_OK;
}

ROW(openings, 80_isolate) = {OPENING_PLACED, load_tables};

static status_t begin(void) {
    if (!step)
        return STATUS_OK;
    bool is_narrow = firmware->width->entry;
    cell_end = (va_t)cell_back;
    cell_next = gate_around;
    gate_around = is_narrow ? cell_around_narrow : cell_around;
    thunk_way = is_narrow ? cell_narrow : thunk_way;
    efi_space_in_call = cell_of;
    return cell_empty();
}

static bool fill(struct gate_call *call, const struct gate_fault *fault) {
    return step && cell_fill(call, fault);
}

// After the registers, whose row is called first by the gate; before those that
// change a page table because of a fault.
ROW(observers, 12_isolate) = {.begin = begin, .fault = fill};

static status_t before_move(struct boot_info *boot) {
    (void)boot;
    return step ? cell_known_to_modes() : STATUS_OK;
}

ROW(openings, 80_isolate_move) = {OPENING_SVAM, before_move};

// SetVirtualAddressMap ran on a table that is gone, with boot services.
static status_t empty(struct boot_info *boot) {
    (void)boot;
    if (!step)
        return STATUS_OK;
    TRY(cell_known_to_modes());
    TRY(cell_empty());
    event("efi.isolate", "by=%s kernel=%lu writable=%lu", isolation->name,
          cell_share().read, cell_share().write);
    return STATUS_OK;
}

ROW(openings, 80_isolate_mapped) = {OPENING_MAPPED, empty};

// ---- privilege level 3

static bool is_service(const struct trap_frame *frame) {
    return gate_current && (frame->cs & LEVEL_3) == LEVEL_3;
}

// The service has returned, to an address from which it cannot fetch. From
// level 3, there are segments to load before the way home.
static bool lift(struct trap_frame *frame) {
    if (!gate_current || frame->rip != cell_end)
        return false;
    frame->rip = (va_t)(is_service(frame) ? cell_lifted : cell_back);
    frame->cs = KERNEL_CS;
    frame->ss = KERNEL_DS;
    return true;
}

ROW(traps, 65_isolate_return) = {VECTOR_PAGE_FAULT, VECTOR_PAGE_FAULT,
                                 .handle = lift};

// How many bytes of an instruction can be read: it may end a page, and a jump
// that faults may have gone to no page at all.
static size_t code_bytes(va_t rip) {
    const struct page_table *table = efi_space_table(gate_current->table_pa);
    va_t next = align_up(rip + 1, PAGE_SIZE);
    pa_t pa;
    if (!page_table_translate(table, rip, &pa))
        return 0;
    return page_table_translate(table, next, &pa)
               ? INSTRUCTION_BYTES
               : min_u64(next - rip, INSTRUCTION_BYTES);
}

static bool handle_privileged(struct trap_frame *frame) {
    return is_service(frame) &&
           emulate(frame, gate_current->service, code_bytes(frame->rip));
}

ROW(traps, 65_isolate_privileged) = {PROTECTION, PROTECTION,
                                     .handle = handle_privileged};

// A panic has loaded the kernel's own GDT, and a later row may call the
// firmware.
STAGE(PANIC, 05_isolate, "isolate") {
    if (cell.data.root)
        cell_segments_load();
    return STATUS_OK;
}
