// The observers of a call, and traps while a call is under way.

#include "efi/gate.h"

#include "efi/observe.h"
#include "lib/x86.h"
#include "mm/layout.h"

// gate.asm; from C only their addresses are taken.
void gate_plain(void);
void gate_recover(void);
extern void (*gate_around)(void);

struct gate_call *gate_current;
struct gate_statistics gate_statistics;
void (*gate_around)(void) = gate_plain;
static void (*recover)(void) = gate_recover;

status_t gate_begin(void) {
    FOR_EACH_ROW(observers, row) {
        gate_around = row->around ? row->around : gate_around;
        recover = row->recover ? row->recover : recover;
        if (row->begin)
            TRY(row->begin());
    }
    return STATUS_OK;
}

static bool goes_on(struct gate_call *call, const struct gate_fault *fault) {
    FOR_EACH_ROW(observers, row)
        if (row->fault && row->fault(call, fault))
            return true;
    return false;
}

bool gate_contain(struct trap_frame *frame) {
    struct gate_call *call = gate_current;
    bool is_page_fault = frame->vector == VECTOR_PAGE_FAULT;
    struct gate_fault fault = {.vector = frame->vector,
                               .error = frame->error,
                               .rip = frame->rip,
                               .is_page_fault = is_page_fault,
                               .address_va = is_page_fault ? read_cr2() : 0};
    if (!call || call->outcome == GATE_FAULTED)
        return false;
    if (goes_on(call, &fault))
        return true;
    call->fault = fault;
    call->outcome = GATE_FAULTED;
    call->status = EFI_ABORTED;
    call->expected = GATE_LOOK;
    gate_statistics.faults++;
    frame->rip = (va_t)recover;
    frame->rflags &=
        ~(RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
    frame->cs = KERNEL_CS; // not those of the firmware
    frame->ss = KERNEL_DS;
    return true;
}

// During a call every exception is taken as the firmware's, also one in the
// gate's own code, which may run with state that the firmware left. One in an
// interrupt handler is not: that is a bug of the kernel, and does not come
// here.
ROW(traps, 70_gate) = {0, VECTOR_LAST_EXCEPTION, .handle = gate_contain};
