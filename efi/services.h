// All fourteen runtime services, typed, as functions (UEFI 2.10 ch. 8).
//
// Arguments and results are ordinary kernel memory: a service that runs on a
// table of its own gets copies, in pages which that table maps, so it never
// sees an address that its mode does not give it. Every function returns the
// firmware's own status, or EFI_ABORTED if it faulted, EFI_NOT_READY if a call
// is under way, and EFI_UNSUPPORTED where there is no firmware to call.

#pragma once

#include "efi/types.h"
#include "lib/status.h"
#include "mm/page_table.h"

#define EFI_NAME_UNITS 512        // CHAR16, with the NUL
#define EFI_DATA_BYTES (36 * KIB) // the largest variable: OVMF takes 33 KiB

// Allocates the firmware's stack and the pages for arguments. NO_MEMORY.
status_t efi_services_init(void);

// Is that address behind the end of the arguments, as the services see it?
bool efi_services_guard(uint64_t address);

// The firmware's stack; and whether a page of its private table is of what was
// lent to it: that, or arguments.
#define EFI_STACK_BYTES (64 * KIB) // UEFI 2.10 §2.3.4: 4; OpenSSL wants more
pa_t efi_stack_pa(void);
bool efi_is_lent(pa_t pa);

// Maps both at VA = PA into the firmware's private table.
status_t efi_services_map(struct page_table *private_table);

efi_status_t efi_get_time(struct efi_time *time,
                          struct efi_time_capabilities *capabilities);
efi_status_t efi_set_time(const struct efi_time *time);
efi_status_t efi_get_wakeup_time(bool *enabled, bool *pending,
                                 struct efi_time *time);
efi_status_t efi_set_wakeup_time(bool enable, const struct efi_time *time);

// `map`: descriptors of `descriptor_bytes` each, `bytes` in all.
efi_status_t efi_set_virtual_address_map(const void *map, uint64_t bytes,
                                         uint64_t descriptor_bytes,
                                         uint32_t descriptor_version);
efi_status_t efi_convert_pointer(uint64_t disposition, uint64_t *address);

// A `name` is NUL-terminated within EFI_NAME_UNITS.
// *bytes: the room at `data`, and then what the variable takes.
efi_status_t efi_get_variable(const uint16_t *name, const struct efi_guid *guid,
                              uint32_t *attributes, void *data,
                              uint64_t *bytes);
// `name` has EFI_NAME_UNITS; the empty name asks for the first one.
efi_status_t efi_get_next_variable_name(uint16_t *name, struct efi_guid *guid);
efi_status_t efi_set_variable(const uint16_t *name, const struct efi_guid *guid,
                              uint32_t attributes, const void *data,
                              uint64_t bytes);
efi_status_t efi_query_variable_info(uint32_t attributes, uint64_t *maximum,
                                     uint64_t *remaining,
                                     uint64_t *largest_variable);

efi_status_t efi_get_next_high_monotonic_count(uint32_t *count);
efi_status_t efi_update_capsule(const struct efi_capsule_header *capsule,
                                uint64_t count);
efi_status_t
efi_query_capsule_capabilities(const struct efi_capsule_header *capsule,
                               uint64_t count, uint64_t *largest_bytes,
                               enum efi_reset_type *reset);

// Does not return where it works.
efi_status_t efi_reset_system(enum efi_reset_type type);

// For who wants to get wrong what the functions above get right: a call with
// any arguments, and EFI_DATA_BYTES that they may point to. Gives where the
// kernel has these; *seen_at is where `service` does.
void *efi_room(enum efi_service service, uint64_t *seen_at);
efi_status_t efi_call(enum efi_service service, const uint64_t argument[5]);
