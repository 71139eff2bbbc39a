// The runtime services that the kernel itself does not need, as functions, with
// the rules of efi/services.h. Results are undefined unless the status is
// EFI_SUCCESS.

#pragma once

#include "efi/services.h"

enum efi_reset_type { // §8.5.1
    EFI_RESET_COLD,
    EFI_RESET_WARM,
    EFI_RESET_SHUTDOWN,
    EFI_RESET_PLATFORM_SPECIFIC,
};

struct efi_capsule_header { // §8.5.3
    struct efi_guid guid;
    uint32_t header_bytes, flags, image_bytes;
};

// Sets the clock of the machine.
efi_status_t efi_set_time(const struct efi_time *time);

// The alarm that switches the machine on. *pending: it went off, and was not
// acknowledged yet.
efi_status_t efi_get_wakeup_time(bool *enabled, bool *pending,
                                 struct efi_time *time);
// `time` may be NULL where `enable` is false.
efi_status_t efi_set_wakeup_time(bool enable, const struct efi_time *time);

// Only during SetVirtualAddressMap has this an effect (UEFI 2.10 §8.4).
efi_status_t efi_convert_pointer(uint64_t disposition, uint64_t *address);

// Replaces a variable's name and vendor by those of the next one. A name of no
// words asks for the first one. EFI_NOT_FOUND: there are no more.
efi_status_t efi_get_next_variable_name(struct efi_name *name,
                                        struct efi_guid *guid);

// Bytes of the store for variables with these attributes: in all, free, and the
// largest size of one variable.
efi_status_t efi_query_variable_info(uint32_t attributes, uint64_t *maximum,
                                     uint64_t *remaining,
                                     uint64_t *largest_variable);

// The upper half of a counter that grows with each reset and with each call.
efi_status_t efi_get_next_high_monotonic_count(uint32_t *count);

// A list of one capsule, of which the first `count` are passed: 0 or 1.
efi_status_t efi_update_capsule(const struct efi_capsule_header *capsule,
                                uint64_t count);
efi_status_t
efi_query_capsule_capabilities(const struct efi_capsule_header *capsule,
                               uint64_t count, uint64_t *largest_bytes,
                               enum efi_reset_type *reset);

// Does not return, unless it fails.
efi_status_t efi_reset_system(enum efi_reset_type type);
