// Panics: see the header.

#include "kernel/panic.h"

#include <stdarg.h>

#include "kernel/power.h"
#include "kernel/stage.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "mm/layout.h"

#define PANICS_MAX 3 // after these, not even the log can be relied on

struct panic the_panic;
static unsigned panics;

void panic_go_on(void) {
    stage_run_panic();
    power_off_after(OUTCOME_FAIL);
}

// A panic inside a panic: a row of the stage has failed, and the next one runs.
static __attribute__((noreturn)) void die(const struct panic *panic) {
    interrupts_off();
    if (panics > PANICS_MAX)
        power_off_after(OUTCOME_FAIL);
    if (panics++) {
        say("panic: again, while reporting the first one: %s", panic->why);
    } else {
        the_panic = *panic;
        event("panic", "why=\"%s\"", panic->why);
    }
    stage_run(STAGE_PANIC_STACK);
    panic_go_on(); // there is no other stack
}

void panic(const char *reason, ...) {
    struct panic panic = {.frame = {
                              .rip = (va_t)__builtin_return_address(0),
                              .rbp = *(const va_t *)frame_pointer(),
                              .rsp = frame_pointer() + 2 * sizeof(va_t),
                              .cs = KERNEL_CS,
                              .ss = KERNEL_DS,
                          }};
    va_list arguments;
    va_start(arguments, reason);
    mark_cut(panic.why, sizeof(panic.why),
             vformat(panic.why, sizeof(panic.why), reason, arguments));
    va_end(arguments);
    die(&panic);
}

void panic_trap(const struct trap_frame *frame, const char *what) {
    struct panic panic = {.is_trap = true, .frame = *frame};
    format(panic.why, sizeof(panic.why), "%s at %#lx", what, frame->rip);
    die(&panic);
}

static bool handle_rest(struct trap_frame *frame) {
    char what[16];
    format(what, sizeof(what), "vector %lu", frame->vector);
    panic_trap(frame, what);
}

ROW(traps, 99_panic) = {0, VECTORS - 1, .nested = true, .handle = handle_rest};
