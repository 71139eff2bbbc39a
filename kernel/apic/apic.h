// The processor's local APIC (SDM vol. 3 ch. 11), in either of its two modes.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Registers of the local APIC, by their offset in the xAPIC's page; in x2APIC
// mode each is an MSR (SDM vol. 3 table 11-6).
#define APIC_ID            0x020
#define APIC_VERSION       0x030
#define APIC_EOI           0x0b0
#define APIC_SPURIOUS      0x0f0
#define APIC_IN_SERVICE    0x100 // eight words, 16 bytes apart
#define APIC_ERROR_STATUS  0x280
#define APIC_CMCI          0x2f0
#define APIC_COMMAND       0x300 // the lower word; the MSR has both
#define APIC_TIMER         0x320
#define APIC_THERMAL       0x330
#define APIC_COUNTERS      0x340
#define APIC_LINT0         0x350
#define APIC_LINT1         0x360
#define APIC_ERROR         0x370
#define APIC_INITIAL_COUNT 0x380
#define APIC_CURRENT_COUNT 0x390
#define APIC_DIVIDE        0x3e0

// Fields of its entries; those of an I/O APIC have the same.
#define DELIVERY_MODE  (7u << 8)
#define DELIVER_SMI    (2u << 8)
#define DELIVER_NMI    (4u << 8)
#define DELIVER_INIT   (5u << 8)
#define ENTRY_MASKED   (1u << 16)
#define TIMER_PERIODIC (1u << 17)

// Makes device registers visible: early_device() or, later, space_device().
typedef volatile void *(*device_mapper)(pa_t pa, uint64_t bytes);

// Switches the local APIC on, in the mode that it is in; before the functions
// below. Called again with the same `map`, it has nothing to do. UNSUPPORTED:
// it stays off; NO_MEMORY: it cannot be mapped.
status_t apic_open(device_mapper map);

uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t value);

// Is the local APIC in xAPIC mode, where an ID is the upper 8 bits of a word?
bool apic_is_xapic(void);
