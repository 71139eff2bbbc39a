// A 32-bit firmware is named as the reason why no services are called. Without
// this, the kernel finds no firmware at all: GRUB hands on its system table by
// a tag that core does not read.

#include "boot/multiboot2.h"
#include "boot/node.h"

#define TAG_EFI32_SYSTEM_TABLE 11

static status_t refuse(const struct tag *tag, struct boot_info *boot) {
    firmware_refuse(boot,
                    fail(STATUS_REFUSED,
                         "multiboot2: the firmware is 32-bit (tag %u), and "
                         "this kernel calls 64-bit services only",
                         tag->type));
    return STATUS_OK;
}

ROW(tags, efi32) = {TAG_EFI32_SYSTEM_TABLE, sizeof(struct tag), refuse};
