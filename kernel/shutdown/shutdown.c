// Switching off: see the header.

#include "kernel/shutdown/shutdown.h"

#include "efi/firmware.h"
#include "efi/services/rest.h"
#include "kernel/options.h"
#include "lib/log.h"

void shutdown(struct kernel *kernel) {
    if (firmware->ready) {
        say("end: ResetSystem(EfiResetShutdown)");
        efi_status_t status = efi_reset_system(EFI_RESET_SHUTDOWN);
        say("end: ResetSystem returned: %s", efi_status_name(status));
        event("proof", "mode=%s check=%s verdict=%s detail=\"%s%s\"",
              firmware->mode->name, "off", "fail",
              "ResetSystem returned: ", efi_status_name(status));
        kernel->outcome = OUTCOME_FAIL;
    }
    power_off_after(kernel->outcome);
}

STAGE(END, 70_shutdown, "shutdown") {
    if (options.end == END_SHUTDOWN)
        shutdown(kernel);
    return STATUS_OK;
}
