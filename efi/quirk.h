// Quirks: deviations of firmware from the specification that this kernel
// tolerates. Core refuses a deviation unless a row of the table `quirks`
// tolerates it; the rows are in efi/quirks/. A workaround that has to act
// before the deviation can be seen is a row of another table, stages
// (kernel/stage.h) or openings (efi/open.h). Behaviour is examined, not the
// vendor's name, wherever it can be seen in time.

#pragma once

#include "lib/table.h"
#include "lib/types.h"

struct efi_quirk {
    const char *name, *does, *remedy, *source; // for the log
};

TABLE(quirks, struct efi_quirk);

// A deviation was seen: is it tolerated? True is logged, once for each name.
// False: no row has the name, and the caller refuses.
bool efi_tolerates(const char *name);
