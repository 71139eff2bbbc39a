// The local APIC: a page of registers, or in x2APIC mode, MSRs.

#include "kernel/apic/apic.h"

#include "lib/trap.h"
#include "lib/x86.h"

#define APIC_X2APIC     (1u << 10) // in MSR_APIC_BASE
#define APIC_ENABLED    (1u << 11)
#define APIC_BASE       0x000ffffffffff000UL
#define X2APIC_MSR      0x800
#define SOFTWARE_ENABLE 0x100

static volatile uint32_t *apic; // NULL: x2APIC, through MSRs
static device_mapper opened_by; // NULL: not open

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

status_t apic_open(device_mapper map) {
    if (opened_by == map)
        return STATUS_OK;
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
            return STATUS_NO_MEMORY; // map() gives the reason
    }
    opened_by = map;
    apic_write(APIC_SPURIOUS, SOFTWARE_ENABLE | VECTOR_SPURIOUS);
    return STATUS_OK;
}
