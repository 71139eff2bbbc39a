// Descriptor tables (SDM vol. 3 §3.4, §6.10, §7.7) and the first decision about
// every trap: the rows of a table handle it.
//
// Every vector has a stack of its own kind through the TSS (IST), for firmware
// may run on a broken stack: an exception there must still find solid ground.

#include "kernel/trap.h"

#include "lib/x86.h"
#include "mm/layout.h"
#include "mm/space.h"

#define INTERRUPT_GATE 0x8e
#define TSS_AVAILABLE  0x89
#define STACK_PAGES    4

enum stack {
    STACK_FAULT = 1,
    STACK_DOUBLE,
    STACK_NMI,
    STACK_TIMER,
    STACK_SPARE,
    STACK_END
};

struct idt_entry {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, zero;
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t ist[8]; // [0] is reserved: counting from 1 as the IDT does
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

extern const va_t trap_stubs[VECTORS];

static struct idt_entry idt[VECTORS];
static struct tss tss = {.io_map = sizeof(struct tss)};
static uint64_t gdt[] = {
    [KERNEL_CS / 8] = 0x00af9b000000ffff,
    [KERNEL_DS / 8] = 0x00cf93000000ffff,
    [TSS_SELECTOR / 8] = 0,
    [TSS_SELECTOR / 8 + 1] = 0,
};

static const char *const names[] = {"divide error",
                                    "debug exception",
                                    "NMI",
                                    "breakpoint",
                                    "overflow",
                                    "bound range exceeded",
                                    "invalid opcode",
                                    "no FPU",
                                    "double fault",
                                    "coprocessor overrun",
                                    "invalid TSS",
                                    "segment not present",
                                    "stack segment fault",
                                    "general protection fault",
                                    "page fault",
                                    "vector 15",
                                    "x87 error",
                                    "alignment check",
                                    "machine check",
                                    "SIMD exception",
                                    "virtualization",
                                    "control protection"};

const char *trap_name(uint64_t vector) {
    if (vector == VECTOR_TIMER)
        return "timer";
    return vector < ARRAY_SIZE(names) ? names[vector] : "unexpected vector";
}

static enum stack stack_of(unsigned vector) {
    if (vector == VECTOR_DOUBLE_FAULT)
        return STACK_DOUBLE;
    if (vector == VECTOR_NMI || vector == VECTOR_MACHINE)
        return STACK_NMI;
    return vector < VECTOR_TIMER ? STACK_FAULT : STACK_TIMER;
}

static void load_stubs(bool own_stacks) {
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        va_t stub = trap_stubs[vector];
        idt[vector] = (struct idt_entry){
            .offset_low = (uint16_t)stub,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
            .selector = KERNEL_CS,
            .ist = own_stacks ? stack_of(vector) : 0,
            .type = INTERRUPT_GATE,
        };
    }
    load_idt(&(struct table_register){sizeof(idt) - 1, (va_t)idt});
}

// A TSS descriptor is two entries long and scatters its base over five fields.
static void fill_tss_descriptor(void) {
    va_t base = (va_t)&tss;
    gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
                            (uint64_t)TSS_AVAILABLE << 40 |
                            (base >> 24 & 0xff) << 56;
    gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
}

static void load_segments(void) {
    load_gdt(&(struct table_register){sizeof(gdt) - 1, (va_t)gdt}, KERNEL_CS,
             KERNEL_DS);
}

// In this order: with the segments, NMIs can come again.
void trap_init(void) {
    load_stubs(false);
    load_segments();
}

status_t trap_init_stacks(void) {
    for (unsigned i = STACK_FAULT; i < STACK_END; i++) {
        va_t top_va;
        TRY(space_stack(STACK_PAGES, &top_va));
        tss.ist[i] = top_va;
    }
    fill_tss_descriptor();
    load_task_register(TSS_SELECTOR);
    load_stubs(true);
    return STATUS_OK;
}

static unsigned depth; // traps that are being handled

static void (*last_function)(void);

// On a stack of its own, for with the segments NMIs can come again, and their
// stack may be the one that was left.
static void start_over(void) {
    depth = 0;
    load_segments(); // a trap may have made SS null: SDM vol. 3 §6.14.4
    last_function();
}

void trap_abandon(void (*function)(void)) {
    last_function = function;
    if (tss.ist[STACK_SPARE])
        run_on_stack(tss.ist[STACK_SPARE], start_over);
}

// `int 2` looks like an NMI, but there is the instruction, 0xcd 2, before rip.
// The kernel has none, and yet these bytes: `ror r13d, 2` ends in them.
bool trap_is_instruction(const struct trap_frame *frame) {
    const uint8_t *code = (const uint8_t *)frame->rip;
    return !is_kernel_text(frame->rip) && frame->rip % PAGE_SIZE >= 2 &&
           code[-2] == 0xcd && code[-1] == frame->vector;
}

static bool concerns(const struct trap_row *row, uint64_t vector) {
    return row->first <= vector && vector <= row->last &&
           (depth == 1 || row->nested);
}

static void handle(struct trap_frame *frame) {
    FOR_EACH_ROW(traps, row)
        if (row->handle && concerns(row, frame->vector) && row->handle(frame))
            return;
}

void trap_handler(struct trap_frame *frame);

void trap_handler(struct trap_frame *frame) {
    depth++;
    handle(frame);
    FOR_EACH_ROW(traps, row)
        if (row->after && concerns(row, frame->vector))
            row->after(frame);
    depth--;
}
