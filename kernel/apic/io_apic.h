// The first I/O APIC (82093AA data sheet): which interrupt of a device goes to
// which processor, and how.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Its registers. Each pin has two: what it sends, and to whom. What it sends
// has the fields of an entry of the local APIC (kernel/apic/apic.h).
#define IOAPIC_VERSION      0x01
#define IOAPIC_PIN(n)       (0x10 + 2 * (n))
#define IOAPIC_PIN_WHERE(n) (IOAPIC_PIN(n) + 1)

// Maps it. NO_MEMORY. Before the functions below.
status_t io_apic_open(void);

uint32_t io_apic_read(uint32_t reg);
void io_apic_write(uint32_t reg, uint32_t value);
