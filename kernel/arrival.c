// Nothing is taken for right because it was found. Linux, for one, hands over
// with CR8 at 1, with its own entries in the interrupt controllers, and with
// other processors halted in memory that is free now. So each register that the
// kernel or the firmware depends on is set here, once.
//
// What is not here: CR0 and CR4 are set whole by boot/entry.asm; flags and
// segments with the GDT (trap_init()); XMM, x87 and MXCSR by the call gate; CR3
// and the number of levels with the page table. Left to the platform: MTRRs,
// xAPIC or x2APIC mode, and whatever interrupts system management mode.

#include "kernel/arrival.h"

#include "kernel/apic.h"
#include "lib/x86.h"
#include "mm/early.h"
#include "mm/space.h"

#define CPUID_EXTENDED 0x80000001
#define CPUID_NX       (1u << 20)

// Entry 3 (PCD and PWT set) is uncached: the value after reset (SDM vol. 3
// §12.12.4).
#define PAT_AFTER_RESET 0x0007040600070406
#define DR7_AFTER_RESET 0x400 // no breakpoint is on

// The HPET where every chipset has it, and its registers as words (IA-PC HPET
// Specification 1.0a §2.3).
#define HPET_PA           0xfed00000
#define HPET_PERIOD       1         // in femtoseconds
#define HPET_PERIOD_MAX   100000000 // that the specification allows
#define HPET_CONFIG       4
#define HPET_LEGACY_ROUTE (1u << 1)
#define HPET_TIMER(n)     (0x40 + 8 * (n))
#define HPET_INTERRUPTS   (1u << 2)

status_t arrival_stop_others(pa_t image_pa) {
    early_start(image_pa);
    TRY(apic_open(early_device));
    return apic_stop_others();
}

static const struct {
    uint32_t msr;
    uint64_t value;
} registers[] = {
    {MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE},
    {MSR_PAT, PAT_AFTER_RESET},
    {MSR_FS_BASE, 0}, // a null selector does not clear it on all processors
    {MSR_GS_BASE, 0},
    {MSR_KERNEL_GS_BASE, 0},
    {MSR_SYSENTER_CS, 0}, // SYSENTER faults, rather than enter a dead kernel
    {MSR_DEBUGCTL, 0},    // a trap is one instruction, and no branch is traced
};

status_t arrival_set_registers(void) {
    if (!(cpuid(CPUID_EXTENDED, 0).edx & CPUID_NX))
        return fail(STATUS_UNSUPPORTED,
                    "this CPU has no NX bit, or the firmware hides it (CPUID "
                    "80000001h, EDX %#x: bit 20)",
                    cpuid(CPUID_EXTENDED, 0).edx);
    for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
        write_msr(registers[i].msr, registers[i].value);
    uint32_t features = cpuid_features();
    write_cr4(read_cr4() | (features & CPUID_SMEP ? CR4_SMEP : 0) |
              (features & CPUID_SMAP ? CR4_SMAP : 0));
    write_cr0(read_cr0() | CR0_WP | CR0_MP);
    write_cr8(0); // every interrupt passes
    write_dr7(DR7_AFTER_RESET);
    load_ldt(0);
    return STATUS_OK;
}

// ---- sources of interrupts

// Entries of the local vector table, and from which number of entries (less
// one) on a processor has them. Its NMI line tells of broken hardware.
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

// What sends SMIs is the firmware's.
static void silence_local_apic(void) {
    unsigned last = apic_read(APIC_VERSION) >> 16 & 0xff;
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
        if (entries[i].last <= last &&
            (apic_read(entries[i].reg) & DELIVERY_MODE) != DELIVER_SMI)
            apic_write(entries[i].reg, entries[i].value);
    apic_write(APIC_INITIAL_COUNT, 0);
    apic_write(APIC_ERROR_STATUS, 0);
}

// An interrupt whose handler died with the kernel before us keeps all of its
// priority and below out, until it is acknowledged: each one once.
static void acknowledge_all(void) {
    for (unsigned word = 0; word < 8; word++)
        for (uint32_t bits = apic_read(APIC_IN_SERVICE + 16 * word); bits;
             bits &= bits - 1)
            apic_write(APIC_EOI, 0);
}

static void silence_io_apic(void) {
    unsigned last = io_apic_read(IOAPIC_VERSION) >> 16 & 0xff;
    for (unsigned pin = 0; pin <= last; pin++)
        if ((io_apic_read(IOAPIC_PIN(pin)) & DELIVERY_MODE) != DELIVER_SMI)
            io_apic_write(IOAPIC_PIN(pin), ENTRY_MASKED);
}

// The old interrupt controllers have nothing to say. Should one speak all the
// same, it must not sound like an exception: so their vectors are 40 and 48 on
// (Intel 8259A: ICW1 to ICW4, then the mask).
static void silence_pics(void) {
    static const uint16_t words[][2] = {
        {0x20, 0x11}, {0x21, 40}, {0x21, 4}, {0x21, 1}, {0x21, 0xff},
        {0xa0, 0x11}, {0xa1, 48}, {0xa1, 2}, {0xa1, 1}, {0xa1, 0xff}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        out8(words[i][0], (uint8_t)words[i][1]);
}

// Its legacy route takes the PIT's place at the interrupt controllers. Counting
// goes on, for the firmware may look at that. No device answers with all ones.
static status_t silence_hpet(void) {
    volatile uint32_t *hpet = space_device(HPET_PA, PAGE_SIZE);
    if (!hpet)
        return STATUS_NO_MEMORY; // space_device() says why
    if (hpet[HPET_PERIOD] == 0 || hpet[HPET_PERIOD] > HPET_PERIOD_MAX)
        return STATUS_OK;
    unsigned last = hpet[0] >> 8 & 0x1f;
    hpet[HPET_CONFIG] &= ~HPET_LEGACY_ROUTE;
    for (unsigned timer = 0; timer <= last; timer++)
        hpet[HPET_TIMER(timer)] &= ~HPET_INTERRUPTS;
    return STATUS_OK;
}

status_t arrival_silence(void) {
    TRY(apic_open(space_device));
    TRY(io_apic_open());
    TRY(silence_hpet());
    silence_pics();
    silence_io_apic();
    silence_local_apic();
    acknowledge_all();
    return STATUS_OK;
}
