// The interrupt controllers: see the header.

#include "kernel/apic.h"

#include "kernel/trap.h"
#include "lib/x86.h"
#include "mm/space.h"

#define APIC_BOOT_PROCESSOR (1u << 8) // in MSR_APIC_BASE
#define APIC_X2APIC         (1u << 10)
#define APIC_ENABLED        (1u << 11)
#define APIC_BASE           0x000ffffffffff000UL
#define X2APIC_MSR          0x800
#define SOFTWARE_ENABLE     0x100

// The interrupt command register (SDM vol. 3 §11.6.1).
#define SEND_ASSERT     (1u << 14)
#define SEND_ALL_OTHERS (3u << 18)

#define WAIT_PORT  0x64 // any: reading one takes about 1 us
#define WAIT_READS 1000

// The I/O APIC where every chipset has the first one.
#define IOAPIC_PA   0xfec00000
#define IOAPIC_DATA (0x10 / 4)

static volatile uint32_t *apic; // NULL: x2APIC, through MSRs
static volatile uint32_t *io_apic;

void apic_write(uint32_t reg, uint32_t value) {
    if (apic)
        apic[reg / 4] = value;
    else
        write_msr(X2APIC_MSR + reg / 16, value);
}

uint32_t apic_read(uint32_t reg) {
    return apic ? apic[reg / 4] : (uint32_t)read_msr(X2APIC_MSR + reg / 16);
}

bool apic_is_xapic(void) {
    return apic;
}

status_t apic_open(volatile void *(*map)(pa_t pa, uint64_t bytes)) {
    write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_ENABLED);
    uint64_t base = read_msr(MSR_APIC_BASE);
    if (!(base & APIC_ENABLED))
        return fail(STATUS_UNSUPPORTED,
                    "the local APIC was switched off and cannot be switched on "
                    "again (IA32_APIC_BASE %#lx)",
                    base);
    apic = NULL;
    if (!(base & APIC_X2APIC)) {
        apic = map(base & APIC_BASE, PAGE_SIZE);
        if (!apic)
            return STATUS_NO_MEMORY; // map() says why
    }
    apic_write(APIC_SPURIOUS, SOFTWARE_ENABLE | VECTOR_SPURIOUS);
    return STATUS_OK;
}

// No register tells that the others have taken it. An xAPIC tells that it has
// sent it; the rest is a wait that is long against any instruction.
status_t apic_stop_others(void) {
    uint64_t base = read_msr(MSR_APIC_BASE);
    if (!(base & APIC_BOOT_PROCESSOR))
        return fail(STATUS_REFUSED,
                    "this is not the boot processor (IA32_APIC_BASE %#lx): the "
                    "others stay as they are, for an INIT would have that one "
                    "start the firmware again",
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

status_t io_apic_open(void) {
    io_apic = space_device(IOAPIC_PA, PAGE_SIZE);
    return io_apic ? STATUS_OK : STATUS_NO_MEMORY;
}

uint32_t io_apic_read(uint32_t reg) {
    io_apic[0] = reg;
    return io_apic[IOAPIC_DATA];
}

void io_apic_write(uint32_t reg, uint32_t value) {
    io_apic[0] = reg;
    io_apic[IOAPIC_DATA] = value;
}
