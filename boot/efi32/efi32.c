// The system table of a 32-bit firmware, which GRUB's i386-efi passes on by a
// tag of its own. Who calls such a firmware: efi/width32/.

#include "boot/multiboot2.h"

#define TAG_EFI32_SYSTEM_TABLE 11

struct tag_efi32_system_table {
    struct tag tag;
    uint32_t pa;
};

static status_t read_system_table(const struct tag *tag,
                                  struct boot_info *boot) {
    boot->efi.system_table_pa =
        ((const struct tag_efi32_system_table *)tag)->pa;
    boot->efi.word_bytes = 4;
    return STATUS_OK;
}

ROW(tags, efi32) = {TAG_EFI32_SYSTEM_TABLE,
                    sizeof(struct tag_efi32_system_table), read_system_table};
