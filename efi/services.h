// All fourteen runtime services, typed, as functions (UEFI 2.10 ch. 8).
//
// Arguments and results are ordinary kernel memory. The firmware gets copies,
// in pages that are lent to it at addresses of its mode, with nothing mapped
// behind their ends: what it reads or writes too much is seen. Every function
// returns the firmware's own status, or EFI_ABORTED if it faulted,
// EFI_NOT_READY if a call is under way, and EFI_UNSUPPORTED where there is no
// firmware to call.

#pragma once

#include "efi/types.h"
#include "lib/status.h"
#include "mm/page_table.h"

#define EFI_NAME_UNITS 512        // CHAR16, with the NUL
#define EFI_DATA_BYTES (36 * KIB) // the largest variable: OVMF takes 33 KiB

// A variable's name. It brings its size, so that nobody has to look for its end
// with each call.
struct efi_name {
    uint64_t words; // of eight bytes, that it takes with its NUL
    uint16_t text[EFI_NAME_UNITS];
};

#define EFI_NAME(literal) /* u"Name" */                                        \
    { (sizeof(literal) + 7) / 8, literal }

// Takes the pages away that lie behind each piece of what the firmware is lent:
// arguments, data, and its stack. NO_MEMORY.
status_t efi_services_init(void);

// Is that address, as the services see it, in one of these pages?
bool efi_services_guard(uint64_t address);

// Maps all that at VA = PA into the firmware's private table. NO_MEMORY.
status_t efi_services_map(struct page_table *private_table);

// Is that page of the private table of what was lent?
bool efi_is_lent(pa_t pa);

#define EFI_STACK_BYTES (64 * KIB) // UEFI 2.10 §2.3.4: 4; OpenSSL wants more
uint8_t *efi_stack(void);          // its lowest byte

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

// *bytes: the room at `data`, and then what the variable takes.
efi_status_t efi_get_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t *attributes,
                              void *data, uint64_t *bytes);
// The empty name, of no words, asks for the first one.
efi_status_t efi_get_next_variable_name(struct efi_name *name,
                                        struct efi_guid *guid);
efi_status_t efi_set_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t attributes,
                              const void *data, uint64_t bytes);
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
