// Clocks to measure with where there is no PIT, as on some virtual machines, or
// one that is broken: the HPET, the timer of ACPI, and what the processor
// reports.

#include "kernel/acpi/acpi.h"
#include "kernel/timer/clock.h"
#include "lib/x86.h"
#include "mm/space.h"
#include "mm/vmap/vmap.h"

// IA-PC HPET specification 1.0a, §2.3: registers, as offsets.
#define HPET_PERIOD     0x004 // of its count, in femtoseconds
#define HPET_PERIOD_MAX 100000000
#define HPET_CONFIG     0x010
#define HPET_ENABLE     0x01
#define HPET_COUNT      0x0f0
#define HPET_BYTES      0x400

#define TIMER_HZ 3579545 // ACPI 6.4 §4.8.2.1; 24 bits at least

static volatile uint32_t *hpet;

static uint64_t hpet_start(const struct boot_info *boot) {
    pa_t pa;
    if (acpi_find_hpet(acpi_find_rsdp(boot), physical_read, &pa) ||
        !(hpet = space_device(pa, HPET_BYTES)))
        return 0;
    uint32_t period_fs = hpet[HPET_PERIOD / 4];
    if (period_fs == 0 || period_fs > HPET_PERIOD_MAX)
        return 0;
    hpet[HPET_CONFIG / 4] |= HPET_ENABLE;
    return 1000000000000000 / period_fs;
}

static bool hpet_read(uint64_t *count) {
    *count = hpet[HPET_COUNT / 4];
    return true;
}

static uint16_t timer_port;

static uint64_t timer_start(const struct boot_info *boot) {
    pa_t rsdp_pa = acpi_find_rsdp(boot);
    return acpi_find_timer(rsdp_pa, physical_read, &timer_port) ? 0 : TIMER_HZ;
}

static bool timer_read(uint64_t *count) {
    *count = in32(timer_port);
    return true;
}

// ---- the TSC itself

static bool tsc_read(uint64_t *count) {
    *count = read_tsc();
    return true;
}

// The frequency of the TSC that the processor reports (SDM vol. 3 §19.7.3).
static uint64_t cpuid_start(const struct boot_info *boot
                            __attribute__((unused))) {
    uint32_t last = cpuid(0, 0).eax;
    struct cpuid tsc = last >= 0x15 ? cpuid(0x15, 0) : (struct cpuid){0};
    if (tsc.eax && tsc.ebx && tsc.ecx)
        return (uint64_t)tsc.ecx * tsc.ebx / tsc.eax;
    return last >= 0x16 ? (uint64_t)(uint16_t)cpuid(0x16, 0).eax * 1000000 : 0;
}

// A guess, of which only the ratio to the local APIC's timer is right.
static uint64_t guess(const struct boot_info *boot __attribute__((unused))) {
    return 1000000000;
}

ROW(clocks, 20_hpet) = {"hpet", UINT32_MAX, hpet_start, hpet_read};
ROW(clocks, 30_acpi) = {"acpi-timer", 0xffffff, timer_start, timer_read};
ROW(clocks, 40_cpuid) = {"cpuid", UINT64_MAX, cpuid_start, tsc_read};
ROW(clocks, 90_guess) = {"guess", UINT64_MAX, guess, tsc_read};
