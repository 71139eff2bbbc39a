// What is reported of a panic: registers, a page fault in words, a backtrace.
// The first screen of it is enough to begin with.

#include "kernel/panic.h"
#include "kernel/report/lines.h"
#include "kernel/report/symbols.h"
#include "kernel/report/walk.h"
#include "kernel/stage.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "mm/space.h"
#include "mm/vmap/vmap.h"

#define FRAMES_MAX 32

// More bits of a page fault's error code: see lib/x86.h.
#define FAULT_PRESENT  (1u << 0)
#define FAULT_RESERVED (1u << 3)

// Before there is a kernel's table, there is nothing to look addresses up in.
static bool is_readable(va_t va, uint64_t bytes) {
    pa_t pa;
    return kernel_table.root_pa &&
           page_table_translate(&kernel_table, va, &pa) &&
           page_table_translate(&kernel_table, va + bytes - 1, &pa);
}

static void print_backtrace(va_t rip, va_t frame_va) {
    say("panic: backtrace, innermost first:");
    for (unsigned i = 0; i < FRAMES_MAX && rip; i++) {
        char name[96];
        const va_t *frame = (const va_t *)frame_va;
        symbol_format(rip, name, sizeof(name));
        say("panic:   #%-2u %016lx  %s", i, rip, name);
        if (!is_aligned(frame_va, 8) ||
            !is_readable(frame_va, 2 * sizeof(*frame)))
            return;
        rip = frame[1];
        frame_va = frame[0];
    }
    if (rip)
        say("panic:   and more: only the innermost %d are shown", FRAMES_MAX);
}

static void print_registers(const struct trap_frame *f) {
    say("panic: rip %016lx  rsp %016lx  rflags %08lx", f->rip, f->rsp,
        f->rflags);
    say("panic: rax %016lx  rbx %016lx  rcx %016lx", f->rax, f->rbx, f->rcx);
    say("panic: rdx %016lx  rsi %016lx  rdi %016lx", f->rdx, f->rsi, f->rdi);
    say("panic: rbp %016lx  r8  %016lx  r9  %016lx", f->rbp, f->r8, f->r9);
    say("panic: r10 %016lx  r11 %016lx  r12 %016lx", f->r10, f->r11, f->r12);
    say("panic: r13 %016lx  r14 %016lx  r15 %016lx", f->r13, f->r14, f->r15);
    say("panic: cr0 %016lx  cr2 %016lx  cr3 %016lx", read_cr0(), read_cr2(),
        read_cr3());
    say("panic: cr4 %016lx  cs %02lx  ss %02lx  error %#lx", read_cr4(), f->cs,
        f->ss, f->error);
}

static void print_page_fault(const struct trap_frame *f) {
    va_t va = read_cr2();
    const char *access = f->error & FAULT_FETCH   ? "execute"
                         : f->error & FAULT_WRITE ? "write"
                                                  : "read";
    const char *cause = f->error & FAULT_RESERVED  ? "reserved bits are set"
                        : f->error & FAULT_PRESENT ? "the page forbids it"
                        : space_is_stack_guard(va)
                            ? "stack overflow: this is a stack's guard page"
                            : "nothing is mapped there";
    say("panic: tried to %s 0x%lx: %s", access, va, cause);

    if (kernel_table.root_pa == 0)
        return;
    struct page_walk walk;
    char text[512];
    page_table_walk(&kernel_table, va, &walk);
    page_walk_explain(&walk, text, sizeof(text));
    say_lines("panic:   ", text);
}

// By vector: SDM vol. 3 table 6-1.
static const char *const names[VECTORS] = {
    "divide error",
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
    "control protection",
    [VECTOR_TIMER] = "timer",
};

// What no other row has handled is named, where core has a number only.
static bool handle_named(struct trap_frame *frame) {
    const char *what = names[frame->vector];
    panic_trap(frame, what ? what : "unexpected vector");
}

ROW(traps, 98_report) = {0, VECTORS - 1, .nested = true,
                         .handle = handle_named};

STAGE(PANIC, 20_report, "report") {
    const struct trap_frame *frame = &the_panic.frame;
    say("panic: %s", the_panic.why);
    if (the_panic.is_trap && frame->vector == VECTOR_PAGE_FAULT)
        print_page_fault(frame);
    if (the_panic.is_trap)
        print_registers(frame);
    print_backtrace(frame->rip, frame->rbp);
    return STATUS_OK;
}
