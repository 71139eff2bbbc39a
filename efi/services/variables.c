// Some firmware repeats a name for ever, or a few in turn. So one is kept, and
// another one after 1, 2, 4, 8, … names: in a circle it comes again (Brent
// 1980).

#include "efi/services/variables.h"

#include "efi/config/config.h"
#include "efi/services/rest.h"
#include "efi/services/utf16.h"

#define VARIABLES_MAX 4096 // a list that goes on after that is none

status_t efi_variables_next(struct efi_variables *all) {
    struct efi_variable *at = &all->at, *kept = &all->kept;
    efi_status_t status = efi_get_next_variable_name(&at->name, &at->vendor);
    if (status != EFI_SUCCESS)
        return fail(status == EFI_NOT_FOUND ? STATUS_NOT_FOUND : STATUS_FAILED,
                    "%s", efi_status_name(status));
    if (utf16_equal(at->name.text, kept->name.text) &&
        efi_guid_equal(&at->vendor, &kept->vendor))
        return fail(STATUS_FAILED, "a name that had come before");
    if (all->count == VARIABLES_MAX)
        return fail(STATUS_FAILED, "a name after %u others", VARIABLES_MAX);
    if ((all->count & (all->count - 1)) == 0)
        *kept = *at;
    all->count++;
    return STATUS_OK;
}

status_t efi_name_of(const char *text, struct efi_name *name) {
    *name = (struct efi_name){0};
    size_t length = utf16_from_ascii(name->text, EFI_NAME_UNITS, text);
    name->words = (length + 4) / 4;
    if (text[length])
        return fail(STATUS_INVALID,
                    "the name has byte %#x at %zu: it must be ASCII, of %d "
                    "characters at most",
                    (uint8_t)text[length], length, EFI_NAME_UNITS - 1);
    return STATUS_OK;
}
