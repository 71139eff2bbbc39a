// Panics: one report, made so that the first screen of it is enough.

#include "kernel/panic.h"

#include <stdarg.h>

#include "kernel/power.h"
#include "kernel/stage.h"
#include "kernel/symbols.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "mm/layout.h"
#include "mm/space.h"

#define FRAMES_MAX 32
#define PANICS_MAX 3 // then not even saying so works

struct trap_frame panic_frame;
static unsigned panics;

static void last_steps(void) {
    stage_run_dead();
    power_off_after(OUTCOME_FAIL);
}

static __attribute__((noreturn)) void finish(void) {
    trap_abandon(last_steps);
    power_off_after(OUTCOME_FAIL);
}

static void print_backtrace(va_t rip, va_t frame_va) {
    say("panic: backtrace, innermost first:");
    for (unsigned i = 0; i < FRAMES_MAX && rip; i++) {
        char name[96];
        pa_t pa, pa_end;
        symbol_format(rip, name, sizeof(name));
        say("panic:   #%-2u %016lx  %s", i, rip, name);
        if (!is_aligned(frame_va, 8) || kernel_table.root_pa == 0 ||
            !page_table_translate(&kernel_table, frame_va, &pa) ||
            !page_table_translate(&kernel_table, frame_va + 15, &pa_end))
            return;
        const va_t *frame = (const va_t *)frame_va;
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
        return; // so early that there is no table of ours to walk
    struct page_walk walk;
    char text[512];
    page_table_walk(&kernel_table, va, &walk);
    page_walk_explain(&walk, text, sizeof(text));
    say_lines("panic:   ", text);
}

// A panic inside a panic says so and no more: its report may be what failed.
static void begin(const char *reason) {
    interrupts_off();
    if (panics > PANICS_MAX)
        power_off_after(OUTCOME_FAIL);
    if (panics++) {
        say("panic: again, while reporting the first one: %s", reason);
        finish();
    }
    stage_run(STAGE_PANIC);
    event("panic", "why=\"%s\"", reason);
    say("panic: %s", reason);
}

void panic(const char *reason, ...) {
    char text[REASON_BYTES];
    va_list arguments;
    va_start(arguments, reason);
    mark_cut(text, sizeof(text),
             vformat(text, sizeof(text), reason, arguments));
    va_end(arguments);
    begin(text);
    panic_frame = (struct trap_frame){
        .rip = (va_t)__builtin_return_address(0),
        .rbp = *(const va_t *)frame_pointer(),
        .rsp = frame_pointer() + 2 * sizeof(va_t),
        .cs = KERNEL_CS,
        .ss = KERNEL_DS,
    };
    print_backtrace(panic_frame.rip, panic_frame.rbp);
    finish();
}

void panic_trap(const struct trap_frame *frame, const char *detail) {
    char reason[160], place[96];
    symbol_format(frame->rip, place, sizeof(place));
    format(reason, sizeof(reason), "%s at %s%s%s", trap_name(frame->vector),
           place, detail ? ": " : "", detail ? detail : "");
    begin(reason);
    panic_frame = *frame;
    if (frame->vector == VECTOR_PAGE_FAULT)
        print_page_fault(frame);
    print_registers(frame);
    print_backtrace(frame->rip, frame->rbp);
    finish();
}
