// What is known of the firmware, apart from the code that finds it out: so what
// reads it does not depend on open.c, which calls all of them.

#include "efi/firmware.h"

#include "efi/gate.h"

struct efi_firmware firmware_record; // for open.c
const struct efi_firmware *const firmware = &firmware_record;

uint64_t firmware_aborted(void) {
    return firmware->aborted_before + gate_statistics.faults;
}
