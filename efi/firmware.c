// The record of the firmware, in a file of its own: so its readers do not
// depend on open.c, which fills it and calls many of them.

#include "efi/firmware.h"

#include "efi/gate.h"

struct efi_firmware firmware_record = {.width = widths_start}; // for open.c
const struct efi_firmware *const firmware = &firmware_record;

uint64_t firmware_aborted(void) {
    return firmware->aborted_before + gate_statistics.faults;
}
