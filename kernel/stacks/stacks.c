// Stacks by the TSS (SDM vol. 3 §6.14.5, §7.7): see the header.

#include "kernel/stacks/stacks.h"

#include "kernel/panic.h"
#include "kernel/stage.h"
#include "kernel/trap.h"
#include "lib/x86.h"
#include "mm/layout.h"
#include "mm/space.h"

#define TSS_AVAILABLE 0x89
#define STACK_PAGES   4

enum stack {
    STACK_FAULT = 1,
    STACK_DOUBLE,
    STACK_NMI,
    STACK_INTERRUPT,
    STACK_PANIC, // no trap has it
    STACK_END
};

static struct {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t ist[8]; // [0] is reserved: counting from 1 as the IDT does
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed)) tss = {.io_map = sizeof(tss)};

static enum stack stack_of(unsigned vector) {
    if (vector == VECTOR_DOUBLE_FAULT)
        return STACK_DOUBLE;
    if (vector == VECTOR_NMI || vector == VECTOR_MACHINE)
        return STACK_NMI;
    return vector <= VECTOR_LAST_EXCEPTION ? STACK_FAULT : STACK_INTERRUPT;
}

// A TSS descriptor is two entries long and scatters its base over five fields.
static void fill_tss_descriptor(void) {
    va_t base = (va_t)&tss;
    trap_gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
                                 (uint64_t)TSS_AVAILABLE << 40 |
                                 (base >> 24 & 0xff) << 56;
    trap_gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
}

status_t stacks_init(void) {
    for (unsigned i = STACK_FAULT; i < STACK_END; i++) {
        va_t top_va;
        TRY(space_stack(STACK_PAGES, &top_va));
        tss.ist[i] = top_va;
    }
    fill_tss_descriptor();
    load_task_register(TSS_SELECTOR);
    for (unsigned vector = 0; vector < VECTORS; vector++)
        trap_idt[vector].ist = stack_of(vector);
    return STATUS_OK;
}

// The last row of its stage: from the next one on, interrupts may be on.
STAGE(SPACE, 90_stacks, "stacks") {
    return stacks_init();
}

// Leaves the trap that may be in progress. Loading the segments lets NMIs come
// again, and the stack that was left may be theirs; and a trap may have made SS
// null (SDM vol. 3 §6.14.4).
static void start_over(void) {
    trap_depth = 0;
    trap_load_segments();
    panic_go_on();
}

// On a stack that no trap uses, so that a firmware may fault on the way.
STAGE(PANIC_STACK, 50_stacks, "stacks") {
    if (tss.ist[STACK_PANIC])
        run_on_stack(tss.ist[STACK_PANIC], start_over);
    return STATUS_OK;
}
