// The I/O APIC, where every chipset has the first one: two registers, of which
// one selects what the other one shows.

#include "kernel/apic/io_apic.h"

#include "mm/vmap/vmap.h"

#define IOAPIC_PA   0xfec00000
#define IOAPIC_DATA (0x10 / 4)

static volatile uint32_t *io_apic;

status_t io_apic_open(void) {
    if (!io_apic)
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
