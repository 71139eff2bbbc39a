// All variables, one after the other, from a firmware that may never come to an
// end:
//
//     struct efi_variables all = {0};
//     while ((status = efi_variables_next(&all)) == STATUS_OK)
//         … all.at …

#pragma once

#include "efi/services.h"

struct efi_variable {
    struct efi_name name;
    struct efi_guid vendor;
};

struct efi_variables {
    struct efi_variable at;
    uint64_t count;           // of those that came, `at` among them
    struct efi_variable kept; // of those before: see efi/services/variables.c
};

// Steps to the next one (UEFI 2.10 §8.2), by way of the name of this one: who
// wants to delete it has to step on first. NOT_FOUND: there are no more.
// FAILED: the list is no list. why() says what it ended with.
status_t efi_variables_next(struct efi_variables *all);

// Makes a name of printable ASCII. INVALID: there is something else in it, or
// it is too long.
status_t efi_name_of(const char *text, struct efi_name *name);
