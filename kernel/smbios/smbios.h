// Who made the firmware, and when: the structure of type 0 in SMBIOS.

#pragma once

#include "boot/boot_info.h"
#include "lib/status.h"

struct smbios_bios {
    char vendor[48], version[48], date[16]; // empty if it is not there
};

// Reads it by the entry point at `entry_pa`, of either kind (DSP0134 3.6 §5.2).
// INVALID: that is none, or its table cannot be read; NOT_FOUND: no such
// structure is in it. Every byte is the firmware's word: texts are cut, and
// only what a line of the log can contain is in them.
status_t smbios_read(pa_t entry_pa, memory_reader read,
                     struct smbios_bios *bios);
