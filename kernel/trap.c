// Descriptor tables (SDM vol. 3 §3.4, §6.10, §7.7) and the first decision about
// every trap: the timer's, the firmware's, or a bug of ours.
//
// Every vector has a stack of its own kind through the TSS (IST), for firmware
// may run on a broken stack: an exception there must still find solid ground.

#include "kernel/trap.h"

#include "efi/gate.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "kernel/watchdog/watchdog.h"
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

extern const va_t trap_doors[VECTORS];

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

static void load_doors(bool own_stacks) {
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        va_t door = trap_doors[vector];
        idt[vector] = (struct idt_entry){
            .offset_low = (uint16_t)door,
            .offset_middle = (uint16_t)(door >> 16),
            .offset_high = (uint32_t)(door >> 32),
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
    load_doors(false);
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
    load_doors(true);
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

// Ends the call under way. False if there is none.
static bool contain_firmware(struct trap_frame *frame) {
    struct gate_fault fault = {
        .vector = frame->vector,
        .error = frame->error,
        .rip = frame->rip,
        .is_page_fault = frame->vector == VECTOR_PAGE_FAULT,
        .address_va = frame->vector == VECTOR_PAGE_FAULT ? read_cr2() : 0,
    };
    va_t rip = frame->rip;
    bool contained = gate_contain(&fault, &frame->rip, &frame->rflags);
    if (frame->rip != rip) { // into the gate, whatever segments there were
        frame->cs = KERNEL_CS;
        frame->ss = 0;
    }
    return contained;
}

// A call that does not come back is ended by the timer, or, if the firmware has
// switched interrupts off, by the watchdog's NMI: wherever it is, for it may
// have jumped into the kernel, but not in the midst of another handler.
static void check_deadline(struct trap_frame *frame) {
    if (gate_overdue(time_ran()) && depth == 1)
        contain_firmware(frame);
}

// `int 2` looks like an NMI, but there is the instruction, 0xcd 2, before rip.
// The kernel has none, and yet these bytes: `ror r13d, 2` ends in them.
static bool is_instruction(const struct trap_frame *frame) {
    const uint8_t *code = (const uint8_t *)frame->rip;
    return !is_kernel_text(frame->rip) && frame->rip % PAGE_SIZE >= 2 &&
           code[-2] == 0xcd && code[-1] == frame->vector;
}

static bool handle_interrupt(struct trap_frame *frame) {
    if (frame->vector == VECTOR_TIMER) {
        gate_count_interrupt();
        check_deadline(frame);
        time_tick();
        return true;
    }
    if (frame->vector == VECTOR_NMI && !is_instruction(frame) &&
        watchdog_take_nmi(frame->rip)) {
        check_deadline(frame);
        return true;
    }
    // The kernel before us had interrupts of its own, and one that it has not
    // taken any more is waiting in the APIC: Linux' timer has vector 236. A
    // spurious one is not to be acknowledged (SDM vol. 3 §10.9).
    if (frame->vector > VECTOR_TIMER && frame->vector != VECTOR_SPURIOUS)
        time_acknowledge();
    return frame->vector > VECTOR_TIMER;
}

// A firmware may leave the trap flag set, or a breakpoint: the gate takes them
// away, a few steps into the kernel's code. A breakpoint comes before its
// instruction, again and again unless RF is set (SDM vol. 3 §17.3.1.1).
static bool step_home(struct trap_frame *frame) {
    if (frame->vector != VECTOR_DEBUG || !gate_current ||
        !is_kernel_text(frame->rip))
        return false;
    frame->rflags |= RFLAGS_RF;
    return true;
}

static bool is_machine_check(const struct trap_frame *frame) {
    bool reports =
        frame->vector == VECTOR_NMI || frame->vector == VECTOR_MACHINE;
    return reports && !is_instruction(frame);
}

void trap_handler(struct trap_frame *frame);

// During a call the firmware is to blame for every exception, also for those of
// the gate's own code, which stumbles over what the firmware left; but not for
// one that an interrupt handler has: that is a bug of ours.
void trap_handler(struct trap_frame *frame) {
    depth++;
    if (!handle_interrupt(frame) && !step_home(frame) &&
        (depth > 1 || is_machine_check(frame) || !contain_firmware(frame)))
        panic_trap(frame);
    depth--;
}
