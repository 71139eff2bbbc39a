// Stages: the points in the life of a generation at which annexes act.
//
// main.c, leave.c and panic.c run through the stages; rows of one stage run in
// the order of their ids. What a row returns as an error is logged, as
// @refused, and the kernel goes on.

#pragma once

#include "boot/boot_info.h"
#include "kernel/power.h"
#include "lib/table.h"

// What a generation knows of itself.
struct kernel {
    struct boot_info boot;
    uint64_t counter; // BatonGeneration, as far as it is known
    enum outcome outcome;
};

enum stage {
    STAGE_FIRST,   // the serial port and exceptions work, nothing is known
    STAGE_EARLY,   // the boot information is read; no memory is in use yet but
                   // the image, and no table but the early one (mm/early.h)
    STAGE_SPACE,   // the kernel's own page table; interrupts are off
    STAGE_MACHINE, // interrupts may be switched on
    STAGE_LIVE,    // on a stack with a guard page; the firmware is untouched
    STAGE_READY,   // the firmware is proved or refused; boot services are free
    STAGE_LEAVE,   // right before a jump, with interrupts off, for good
    STAGE_END,     // the verdict is known, and there is no next generation
    STAGE_PANIC_STACK, // before STAGE_PANIC, each time: a row may leave for
                       // another stack and call panic_go_on()
    STAGE_PANIC, // the reason of a panic is logged; nothing can be relied on.
                 // Each row runs once: a panic in one goes on with the next
};

struct stage_row {
    enum stage when;
    const char *what; // for the log
    status_t (*run)(struct kernel *kernel);
};

TABLE(stages, struct stage_row);

// STAGE(MACHINE, 50_history, "log") { … return status; }
#define STAGE(stage, id, name)                                                 \
    static status_t stage_##id(struct kernel *kernel);                         \
    ROW(stages, id) = {STAGE_##stage, name, stage_##id};                       \
    static status_t stage_##id(struct kernel *kernel __attribute__((unused)))

// To be called first. `kernel` is given to every row, and must stay valid.
void stages_begin(struct kernel *kernel);

void stage_run(enum stage when);

// STAGE_PANIC: if called again, it continues after the last row that began.
void stage_run_panic(void);

// Logs `status` if it is an error (@refused, with why()), and returns it: for a
// caller that continues in either case.
status_t tolerate(const char *what, status_t status);
