// efi=user: the firmware at VA = PA in the kernel's own table, in its lower
// half, which is empty between calls.
//
// The entries of the root that lead to the firmware are kept aside. The
// firmware's first instruction faults, for nothing is mapped there: then they
// are put in. After the call they are taken out again.

#include "efi/firmware.h"
#include "efi/mode.h"
#include "efi/observe.h"
#include "efi/open.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

#define LOWER_HALF (TABLE_ENTRIES / 2)

static uint64_t aside[LOWER_HALF];
static bool is_out; // the entries are aside, and zero in the table

static status_t place(struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++)
        regions->region[i].va = regions->region[i].pa;
    return STATUS_OK;
}

ROW(modes, 21_user) = {.name = "user",
                       .proposal = "option 1 of 2013, on the kernel's table",
                       .table = PAGE_TABLE_KERNEL,
                       .calls_svam = true,
                       .hands_on = true,
                       .place = place,
                       .adopt = efi_adopt_by_rule};

static bool is_ours(void) {
    return firmware->mode && firmware->mode->place == place;
}

static void take_out(void) {
    uint64_t *root = pa_to_va(kernel_table.root_pa);
    for (unsigned i = 0; i < LOWER_HALF; i++) {
        aside[i] = root[i];
        root[i] = 0;
    }
    write_cr3(kernel_table.root_pa);
    is_out = true;
}

static bool put_in(struct gate_call *call, const struct gate_fault *fault) {
    uint64_t *root = pa_to_va(kernel_table.root_pa);
    if (!is_out || fault->address_va != call->function)
        return false;
    for (unsigned i = 0; i < LOWER_HALF; i++)
        root[i] = aside[i];
    is_out = false;
    return true;
}

static bool after(struct gate_call *call) {
    (void)call;
    if (is_ours() && firmware->ready && !is_out)
        take_out();
    return is_ours();
}

static status_t opened(struct boot_info *boot) {
    (void)boot;
    if (is_ours())
        take_out();
    return STATUS_OK;
}

ROW(observers, 11_user) = {.fault = put_in, .after = after};
ROW(openings, 99_user) = {OPENING_MAPPED, opened};
