// Other processors: firmware or Linux left them halted, in memory that is free
// from now on. After INIT each waits for a start-up IPI, which needs no memory.
//
// They are sent INIT before the first free frame is used, and again before a
// jump, for a firmware may have started them in between.

#include "kernel/apic/apic.h"
#include "kernel/stage.h"
#include "lib/x86.h"
#include "mm/vmap/vmap.h"

// The interrupt command register (SDM vol. 3 §11.6.1).
#define SEND_ASSERT     (1u << 14)
#define SEND_ALL_OTHERS (3u << 18)
#define SEND_PENDING    (1u << 12)

#define BOOT_PROCESSOR (1u << 8) // in MSR_APIC_BASE

#define WAIT_PORT  0x64 // any: reading one takes about 1 us
#define WAIT_READS 1000

// No register shows that the others have received it. An xAPIC shows that it
// has sent it; the rest is a wait that is long against any instruction. INIT
// makes the boot processor run the firmware from its start (SDM vol. 3 §9.4).
static status_t processors_stop(void) {
    uint64_t base = read_msr(MSR_APIC_BASE);
    if (!(base & BOOT_PROCESSOR))
        return fail(STATUS_REFUSED,
                    "this is not the boot processor (IA32_APIC_BASE %#lx): the "
                    "others are not changed, because an INIT would make the "
                    "boot processor restart the firmware",
                    base);
    apic_write(APIC_COMMAND, DELIVER_INIT | SEND_ASSERT | SEND_ALL_OTHERS);
    for (unsigned i = 0; i < WAIT_READS; i++)
        in8(WAIT_PORT);
    if (apic_read(APIC_COMMAND) & SEND_PENDING)
        return fail(STATUS_FAILED,
                    "the local APIC has not sent INIT to the other processors "
                    "after %d reads of port %#x",
                    WAIT_READS, WAIT_PORT);
    return STATUS_OK;
}

STAGE(EARLY, 10_processors, "processors") {
    TRY(apic_open(early_device));
    return processors_stop();
}

STAGE(LEAVE, 50_processors, "processors") {
    TRY(apic_open(space_device));
    return processors_stop();
}
