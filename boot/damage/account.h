// What a kernel cannot live without, as the sender of boot_params lists it:
// memory above all. A Baton lists it twice (boot/handoff.h).

#pragma once

#include "boot/sender.h"

struct account {
    uint32_t crc; // as struct handoff_account defines it
    struct handoff_needs needs;
    struct memory_map memory;
};

// Finds the account that can be believed, although any part of the handoff may
// be damaged. INVALID: Linux's map is impossible, or too little of a Baton's
// two accounts agrees to run on.
status_t account_read(const struct sender *from, struct account *account);
