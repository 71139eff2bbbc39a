// The word by which Takao Indoh's kernel of 2010 left physical mode. It changes
// what efi= has set, whose row is read first.

#include "kernel/options.h"
#include "lib/options.h"

static status_t read_virtefi(const char *word, uint32_t generation) {
    (void)word, (void)generation;
    if (options.mode == efi_mode_find("physical"))
        options.mode = efi_mode_find("fixed");
    return STATUS_OK;
}

ROW(options, virtefi) = {"virtefi", "use efi=fixed instead of efi=physical",
                         .read = read_virtefi};
