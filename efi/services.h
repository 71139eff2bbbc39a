// The runtime services that the kernel itself needs, as functions (UEFI 2.10
// ch. 8); efi/services/rest.h has the others.
//
// Arguments and results are ordinary memory of the kernel: the firmware gets
// copies, in a bounce buffer (efi/call.h). Every function returns the status
// of the firmware where that is one which the service may return, else
// EFI_DEVICE_ERROR; EFI_ABORTED if the firmware faulted; EFI_NOT_READY if a
// call is under way; and EFI_UNSUPPORTED where there is no firmware to call.
// Not from interrupt handlers, unless `gate_current` is NULL.

#pragma once

#include "efi/types.h"
#include "lib/status.h"
#include "mm/page_table.h"

#define EFI_NAME_UNITS  512        // CHAR16, with the NUL
#define EFI_DATA_BYTES  (36 * KIB) // the largest variable: OVMF takes 33 KiB
#define EFI_STACK_BYTES (64 * KIB) // UEFI 2.10 §2.3.4: 4; OpenSSL uses more

// A variable's name, with its size: so a call does not search for the end.
struct efi_name {
    uint64_t words; // of eight bytes, with the NUL
    uint16_t text[EFI_NAME_UNITS];
};

#define EFI_NAME(literal) /* u"Name" */                                        \
    { (sizeof(literal) + 7) / 8, literal }

// Unmaps the guard pages of the bounce buffer. NO_MEMORY.
status_t efi_services_init(void);

// Maps the bounce buffer at VA = PA into the firmware's private table.
// NO_MEMORY.
status_t efi_services_map(struct page_table *private_table);

efi_status_t efi_get_time(struct efi_time *time);

// `map`: descriptors of `descriptor_bytes` each, `bytes` in all.
efi_status_t efi_set_virtual_address_map(const void *map, uint64_t bytes,
                                         uint64_t descriptor_bytes,
                                         uint32_t descriptor_version);

// *bytes: the size of `data`, and afterwards that of the variable.
efi_status_t efi_get_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t *attributes,
                              void *data, uint64_t *bytes);
efi_status_t efi_set_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t attributes,
                              const void *data, uint64_t bytes);

// For a result that cannot be right: logs the reason, once for each service.
// Returns what the caller gets instead of EFI_SUCCESS, EFI_DEVICE_ERROR.
efi_status_t efi_reject(enum efi_service service, const char *reason, ...)
    __attribute__((format(printf, 2, 3)));
