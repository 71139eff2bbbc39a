// A panic: the kernel has found an error of its own, and stops. Core logs the
// reason; annexes report more, save it, and act on it (STAGE_PANIC).

#pragma once

#include "lib/panic.h"
#include "lib/status.h"
#include "lib/trap.h"

// The first panic, for the rows of that stage. A later one, inside the report,
// changes nothing here.
struct panic {
    char why[REASON_BYTES];
    bool is_trap;            // else `frame` is the caller's of panic(), and has
    struct trap_frame frame; // what a backtrace needs: rip, rsp and rbp
};

extern struct panic the_panic;

// For a trap after which the kernel cannot go on; `what` it is.
void panic_trap(const struct trap_frame *frame, const char *what)
    __attribute__((noreturn));

// The end of a panic: the rows of STAGE_PANIC from the next one on. For a row
// of STAGE_PANIC_STACK, on its own stack.
void panic_go_on(void) __attribute__((noreturn));
