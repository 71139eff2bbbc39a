// Sources of interrupts as another kernel left them: its entries in the
// interrupt controllers, a HPET in the place of the PIT, an interrupt that was
// never acknowledged. All are masked, but for the NMI line of the local APIC.
// Entries that send SMIs belong to the firmware and stay.

#include "kernel/apic/apic.h"
#include "kernel/apic/io_apic.h"
#include "kernel/stage.h"
#include "lib/x86.h"
#include "mm/vmap/vmap.h"

// The HPET where every chipset has it, and its registers as words (IA-PC HPET
// Specification 1.0a §2.3).
#define HPET_PA           0xfed00000
#define HPET_PERIOD       1         // in femtoseconds
#define HPET_PERIOD_MAX   100000000 // that the specification allows
#define HPET_CONFIG       4
#define HPET_LEGACY_ROUTE (1u << 1)
#define HPET_TIMER(n)     (0x40 + 8 * (n))
#define HPET_INTERRUPTS   (1u << 2)

// Entries of the local vector table. A processor has those whose `last` is not
// above the number in its version register. The NMI line reports broken
// hardware.
static const struct {
    uint16_t reg;
    uint8_t last;
    uint32_t value;
} entries[] = {
    {APIC_TIMER, 0, ENTRY_MASKED},    {APIC_LINT0, 0, ENTRY_MASKED},
    {APIC_LINT1, 0, DELIVER_NMI},     {APIC_ERROR, 3, ENTRY_MASKED},
    {APIC_COUNTERS, 4, ENTRY_MASKED}, {APIC_THERMAL, 5, ENTRY_MASKED},
    {APIC_CMCI, 6, ENTRY_MASKED},
};

static void mask_local_apic(void) {
    unsigned last = apic_read(APIC_VERSION) >> 16 & 0xff;
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
        if (entries[i].last <= last &&
            (apic_read(entries[i].reg) & DELIVERY_MODE) != DELIVER_SMI)
            apic_write(entries[i].reg, entries[i].value);
    apic_write(APIC_INITIAL_COUNT, 0);
    apic_write(APIC_ERROR_STATUS, 0);
}

// An interrupt whose handler never returned blocks all of its priority and
// below until it is acknowledged: each one once. An acknowledgement is of the
// highest in service (SDM vol. 3 §11.8.5), so they are counted from there.
static void acknowledge_all(void) {
    for (unsigned word = 8; word-- > 0;)
        for (uint32_t bits = apic_read(APIC_IN_SERVICE + 16 * word); bits;
             bits &= bits - 1)
            apic_write(APIC_EOI, 0);
}

static void mask_io_apic(void) {
    unsigned last = io_apic_read(IOAPIC_VERSION) >> 16 & 0xff;
    for (unsigned pin = 0; pin <= last; pin++)
        if ((io_apic_read(IOAPIC_PIN(pin)) & DELIVERY_MODE) != DELIVER_SMI)
            io_apic_write(IOAPIC_PIN(pin), ENTRY_MASKED);
}

// A spurious interrupt of these comes even if all are masked, and must not look
// like an exception: so their vectors are 40 and 48 on (Intel 8259A: ICW1 to
// ICW4, then the mask).
static void mask_pics(void) {
    static const uint16_t words[][2] = {
        {0x20, 0x11}, {0x21, 40}, {0x21, 4}, {0x21, 1}, {0x21, 0xff},
        {0xa0, 0x11}, {0xa1, 48}, {0xa1, 2}, {0xa1, 1}, {0xa1, 0xff}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        out8(words[i][0], (uint8_t)words[i][1]);
}

// Its legacy route takes the PIT's place at the interrupt controllers. Counting
// goes on, for the firmware may look at that. No device answers with all ones.
static status_t mask_hpet(void) {
    volatile uint32_t *hpet = space_device(HPET_PA, PAGE_SIZE);
    if (!hpet)
        return STATUS_NO_MEMORY; // space_device() gives the reason
    if (hpet[HPET_PERIOD] == 0 || hpet[HPET_PERIOD] > HPET_PERIOD_MAX)
        return STATUS_OK;
    unsigned last = hpet[0] >> 8 & 0x1f;
    hpet[HPET_CONFIG] &= ~HPET_LEGACY_ROUTE;
    for (unsigned timer = 0; timer <= last; timer++)
        hpet[HPET_TIMER(timer)] &= ~HPET_INTERRUPTS;
    return STATUS_OK;
}

STAGE(SPACE, 20_interrupts, "interrupts") {
    TRY(apic_open(space_device));
    TRY(io_apic_open());
    TRY(mask_hpet());
    mask_pics();
    mask_io_apic();
    mask_local_apic();
    acknowledge_all();
    return STATUS_OK;
}
