// The end of a generation: passing the baton on, or the end of the run.

#pragma once

#include "kernel/stage.h"

// What is handed to the next kernel. Valid until this is called again.
const struct handoff *leave_description(const struct kernel *kernel);

// The last step before a jump: STAGE_LEAVE, and no interrupt comes any more.
void leave_quiesce(void);

// Jumps to the kernel `image` of the bundle, with that command line. Comes back
// only if it was refused, which is logged; then nothing has changed.
status_t leave_for(const struct kernel *kernel, const char *image,
                   const char *command_line);

// The verdict, STAGE_END, and if no row of it has ended the machine, QEMU's
// exit.
void leave(struct kernel *kernel) __attribute__((noreturn));
