// Ways to be done with the machine.

#include "efi/firmware.h"
#include "efi/services/rest.h"
#include "kernel/monitor/monitor.h"
#include "kernel/reboot/reboot.h"
#include "kernel/shutdown/shutdown.h"
#include "lib/log.h"

COMMAND(poweroff, .name = "poweroff", .help = "ResetSystem(EfiResetShutdown)") {
    shutdown(monitored);
    return STATUS_OK;
}

COMMAND(reboot, .name = "reboot",
        .help = "ResetSystem(EfiResetCold), or the hardware") {
    if (firmware->ready) {
        efi_status_t status = efi_reset_system(EFI_RESET_COLD);
        say("end: ResetSystem returned: %s", efi_status_name(status));
    }
    reboot(monitored->boot.rsdp_pa);
}
