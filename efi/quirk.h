// Quirks: deviations of firmware from the specification that this kernel
// tolerates. Core refuses a deviation unless a row of the table `quirks`
// tolerates it; the rows are in efi/quirks/. What has to be done before a
// deviation shows is a row of another table: a stage, or an opening. Behaviour
// is examined, not the vendor's name, wherever it shows in time.

#pragma once

#include "lib/table.h"
#include "lib/types.h"

struct efi_quirk {
    const char *name, *does, *remedy, *source; // for the log
};

TABLE(quirks, struct efi_quirk);

// A deviation was seen: is it tolerated? Logs that, once for each name. False:
// no row has the name, and the caller refuses.
bool efi_tolerates(const char *name);
