// Who made the firmware: for the log, and for quirks that do not show before it
// is too late.

#include "efi/quirks/vendor.h"

#include "lib/format.h"
#include "lib/string.h"

// Reads CHAR16 as ASCII, anything else becomes '?'. One unit at a time, for the
// memory behind the text need not be readable.
static bool read_text(pa_t pa, memory_reader read, char *text, size_t size) {
    uint16_t unit = 1;
    for (size_t i = 0; i < size && unit; i++) {
        const void *found = read(pa + i * sizeof(unit), sizeof(unit));
        if (!found)
            return false;
        memcpy(&unit, found, sizeof(unit));
        text[i] = unit && (unit < ' ' || unit > '~') ? '?' : (char)unit;
    }
    text[size - 1] = '\0';
    mark_cut(text, size, unit ? size : 0);
    return true;
}

void efi_vendor_name(pa_t pa, memory_reader read, char *name) {
    name[0] = '\0';
    if (pa && !read_text(pa, read, name, EFI_VENDOR_BYTES))
        format(name, EFI_VENDOR_BYTES,
               "a firmware whose name, at %#lx, is not readable", pa);
    else if (!name[0])
        str_copy(name, EFI_VENDOR_BYTES, "a firmware without a name");
}
