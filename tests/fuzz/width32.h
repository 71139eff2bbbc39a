// 32-bit firmware (efi/width32/) in a target: what its row refers to, of the
// gate and of the machine. No service is called.

#pragma once

#include "efi/gate.h"
#include "kernel/trap.h"
#include "mm/space.h"

// As in thunk.asm.
const va_t thunk_entry[EFI_SERVICES] = {1, 2, 3,  4,  5,  6,  7,
                                        8, 9, 10, 11, 12, 13, 14};
struct thunk_target {
    uint32_t function, landing_va;
} thunk_target[EFI_SERVICES];
void thunk_back(void);

void thunk_back(void) {
}

struct gate_call efi_calls[EFI_SERVICES];
struct gate_call *gate_current;
struct page_table kernel_table;
struct idt_entry trap_idt[VECTORS];
uint64_t trap_gdt[8];

pa_t image_pa_of(const void *in_image) {
    return (pa_t)in_image;
}
