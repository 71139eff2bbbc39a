// How a generation ends: see the header.

#include "kernel/leave.h"

#include "efi/firmware.h"
#include "kernel/time.h"
#include "kexec/kexec.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"

// If the firmware was refused here, the next kernel gets what this one got, but
// for one fact: whether SetVirtualAddressMap was called.
const struct handoff *leave_description(const struct kernel *kernel) {
    const struct boot_info *boot = &kernel->boot;
    static struct handoff next;
    next = boot->handoff;
    next.generation = boot->generation + 1;
    next.clock = kernel_clock;
    next.counter = kernel->counter;
    next.aborted = max_u64(firmware_aborted(), next.aborted);
    if (firmware->svam == SVAM_CALLED || boot->svam)
        next.svam = SVAM_CALLED;
    if (firmware->ready)
        str_copy(next.mode, sizeof(next.mode), firmware->mode->name);
    return &next;
}

void leave_quiesce(void) {
    interrupts_off();
    stage_run(STAGE_LEAVE);
}

status_t leave_for(const struct kernel *kernel, const char *image,
                   const char *command_line) {
    const struct boot_info *boot = &kernel->boot;
    static struct kexec_staged staged;
    TRY(tolerate("image", kexec_load(boot, image, 0, &staged)));
    staged.command_line = command_line;
    const struct handoff *next = leave_description(kernel);
    event("mm", "at=jump free=%lu", frames_pool()->free_pages);
    say("kexec: jumping to generation %u at %#lx", next->generation,
        staged.base_pa);
    status_t status =
        tolerate("kexec", kexec_run(boot, &staged, next, leave_quiesce));
    kexec_unload(&staged);
    return status;
}

void leave(struct kernel *kernel) {
    event("mm", "at=end free=%lu", frames_pool()->free_pages);
    event("end", "verdict=%s", outcome_name(kernel->outcome));
    stage_run(STAGE_END);
    power_off_after(kernel->outcome);
}
