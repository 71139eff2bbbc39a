// Invariants of a boot_info, from any source and any bytes.

#pragma once

#include "boot/boot_info.h"
#include "efi/region.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/overlay.h"

static inline void check_texts(const struct boot_info *boot) {
    assert_true(strnlen(boot->command_line, COMMAND_LINE_MAX) <
                COMMAND_LINE_MAX);
    assert_true(strnlen(boot->loader, sizeof(boot->loader)) <
                sizeof(boot->loader));
    assert_true(strnlen(boot->handoff_why, sizeof(boot->handoff_why)) <
                sizeof(boot->handoff_why));
    say("command line: %s", boot->command_line);
}

static inline void check_handoff(const struct boot_info *boot) {
    const struct handoff *handoff = &boot->handoff;
    if (!boot->has_handoff)
        return;
    assert_int_equal(boot->handoff_status, STATUS_OK);
    assert_true(strnlen(handoff->mode, sizeof(handoff->mode)) <
                sizeof(handoff->mode));
}

// The firmware's part may still be invalid, but it can be read safely.
static inline void check_efi(const struct boot_info *boot) {
    static struct memory_map memory;
    static struct efi_regions regions;
    assert_true(boot->efi.map_bytes <= EFI_MAP_BYTES);
    memory = boot->memory;
    check_why(efi_map_merge(&boot->efi, &memory));
    check_shape(&memory);
    check_why(efi_regions_read(&boot->efi, &regions));
}

static inline void check_boot_info(const struct boot_info *boot) {
    check_shape(&boot->memory);
    check_texts(boot);
    check_handoff(boot);
    check_efi(boot);
}
