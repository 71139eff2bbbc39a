// Reads the bundle: a cpio archive in the "newc" format (`cpio -o -H newc`, the
// format of a Linux initrd), where each file is a header in ASCII hex, its name
// and its data. Files stay where they are: what is handed out points into the
// archive. Names lose a leading "./".

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/status.h"

struct cpio {
    const uint8_t *data;
    size_t bytes;
    size_t offset; // of the next header
};

struct cpio_file {
    const char *name;
    const uint8_t *data;
    size_t bytes;
};

static inline struct cpio cpio_open(const void *archive, size_t bytes) {
    return (struct cpio){.data = archive, .bytes = bytes};
}

// Steps to the next entry (directories and links are entries too).
// STATUS_NOT_FOUND, without a reason: the archive is at its end.
// STATUS_INVALID: malformed or cut off; the reason names offset and value.
status_t cpio_next(struct cpio *archive, struct cpio_file *file);

// The first entry of that name. STATUS_NOT_FOUND, or STATUS_INVALID where the
// archive turns out malformed before the name is found.
status_t cpio_find(const void *archive, size_t bytes, const char *name,
                   struct cpio_file *file);
