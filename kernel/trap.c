// Descriptor tables (SDM vol. 3 §3.4, §6.10) and the first decision about every
// trap: the rows of a table handle it.

#include "kernel/trap.h"

#include "lib/x86.h"
#include "mm/layout.h"

#define INTERRUPT_GATE 0x8e

extern const va_t trap_stubs[VECTORS];

struct idt_entry trap_idt[VECTORS];
unsigned trap_depth;
uint64_t trap_gdt[TSS_SELECTOR / 8 + 2] = {
    [CODE32_CS / 8] = 0x00cf9b000000ffff,
    [KERNEL_CS / 8] = 0x00af9b000000ffff,
    [KERNEL_DS / 8] = 0x00cf93000000ffff,
};

static void load_stubs(void) {
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        va_t stub = trap_stubs[vector];
        trap_idt[vector] = (struct idt_entry){
            .offset_low = (uint16_t)stub,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
            .selector = KERNEL_CS,
            .type = INTERRUPT_GATE,
        };
    }
    load_idt(&(struct table_register){sizeof(trap_idt) - 1, (va_t)trap_idt});
}

void trap_load_segments(void) {
    load_gdt(&(struct table_register){sizeof(trap_gdt) - 1, (va_t)trap_gdt},
             KERNEL_CS, KERNEL_DS);
}

// In this order: with the segments, NMIs can come again.
void trap_init(void) {
    load_stubs();
    trap_load_segments();
}

static bool concerns(const struct trap_row *row, uint64_t vector) {
    return row->first <= vector && vector <= row->last &&
           (trap_depth == 1 || row->nested);
}

static void handle(struct trap_frame *frame) {
    FOR_EACH_ROW(traps, row)
        if (row->handle && concerns(row, frame->vector) && row->handle(frame))
            return;
}

void trap_handler(struct trap_frame *frame) {
    trap_depth++;
    handle(frame);
    FOR_EACH_ROW(traps, row)
        if (row->after && concerns(row, frame->vector))
            row->after(frame);
    trap_depth--;
}
