// What a function that wraps a service needs: the bounce buffer, to copy
// arguments in and results out, and the call itself.
//
// The bounce buffer is all memory of the kernel that the firmware may use in a
// call. It is one object of the image. Modes with a page table of the
// firmware's own map it at VA = PA, others leave it where the kernel has it:
// efi_at() gives the address that a service has to be given. Behind each piece
// is a guard page, which is not mapped: a firmware that reads or writes too
// far, or calls too deep, faults there.

#pragma once

#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/services.h"
#include "mm/page_table.h"

// What pointers among a call's arguments point to.
struct efi_arguments {
    struct efi_guid guid;
    struct efi_time time;
    struct efi_time_capabilities capabilities;
    uint64_t number[3];
    uint32_t attributes, reset;
    uint8_t flag[2];
};

// Names and data that are shorter than their field are put at its end, where
// the guard page begins.
extern struct efi_bounce {
    uint8_t
        unused[PAGE_SIZE - 2 * EFI_NAME_UNITS - sizeof(struct efi_arguments)];
    struct efi_arguments args;
    uint16_t name[EFI_NAME_UNITS];
    uint8_t name_guard[PAGE_SIZE];
    uint8_t data[EFI_DATA_BYTES];
    uint8_t data_guard[PAGE_SIZE];
    uint8_t stack[EFI_STACK_BYTES];
    uint8_t stack_guard[PAGE_SIZE];
} efi_bounce;

// From the kernel's address of it to that of the mode's services.
extern uint64_t efi_bounce_shift;

// The address of one of its fields for the services of this mode. Those of
// efi_stays_physical() get image_pa_of() instead.
static inline uint64_t efi_at(const void *field) {
    return (va_t)field + efi_bounce_shift;
}

// What a result holds before a call. A service that returns EFI_SUCCESS and
// leaves it there has done nothing.
#define EFI_UNWRITTEN 0xa5a5a5a5a5a5a5a5

// A record for each service: the table and the stack of its calls stay the
// same.
extern struct gate_call efi_calls[EFI_SERVICES];

// The status where a service is missing, or the gate is taken. Not inline, as
// calls rarely come here.
efi_status_t efi_not_called(enum efi_service service);

// Shows a call that is over to the observers, and returns the status for its
// caller. Then the record can be used for the next call.
efi_status_t efi_look_at(struct gate_call *call);

// Each service has its own record, all zero at first: so an argument that is
// always 0 need not be written.
#define ARGUMENT(n, value)                                                     \
    if (!__builtin_constant_p(value) || (value))                               \
    call->argument[n] = (value)

// Calls a service with these arguments, as they are. Returns its validated
// status; or EFI_ABORTED, EFI_NOT_READY, EFI_UNSUPPORTED: see efi/services.h.
// Inline, so that which service it is costs nothing at runtime.
static inline __attribute__((always_inline)) efi_status_t
efi_call(enum efi_service service, uint64_t a, uint64_t b, uint64_t c,
         uint64_t d, uint64_t e) {
    struct gate_call *call = &efi_calls[service];
    if (firmware->entry[service] == 0 || !gate_take(call))
        return efi_not_called(service);
    call->function = firmware->entry[service];
    ARGUMENT(0, a);
    ARGUMENT(1, b);
    ARGUMENT(2, c);
    ARGUMENT(3, d);
    ARGUMENT(4, e);
    return gate_run(call) ? call->status : efi_look_at(call);
}

#undef ARGUMENT
