// Options that concern a generation as a whole: how it calls the firmware, and
// what follows it. All others are rows beside the variables that they set.

#pragma once

#include "efi/mode.h"
#include "lib/types.h"

enum end_action {
    END_MONITOR,  // ask for commands (docs/monitor.md)
    END_SHUTDOWN, // the firmware's ResetSystem(EfiResetShutdown)
    END_EXIT,     // QEMU's isa-debug-exit
};

struct options {
    bool call_firmware;          // false: efi=off, or a mode that is none
    bool mode_refused;           // the latter
    const struct efi_mode *mode; // NULL: the one that the firmware is in
    uint64_t generations;        // in all
    char next[32];               // the kernel of the bundle that is the next
    enum end_action end;
    unsigned prove; // 1: the proofs may write variables and move the clock
};

extern struct options options;
