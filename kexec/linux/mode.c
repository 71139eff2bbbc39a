// A Linux hands over addresses, but no mode: the addresses show which it is.

#include "kexec/linux/linux.h"

const struct efi_mode *linux_mode_of(const struct efi_regions *given) {
    static struct efi_regions regions;
    FOR_EACH_ROW(modes, mode) {
        regions = *given;
        if (mode->hands_on && mode->adopt(mode, &regions) == STATUS_OK)
            return mode;
    }
    return NULL;
}
