// The clock that is used on machines with missing or broken ones.

#include "kernel/timer/clock.h"

#include "kernel/acpi/acpi.h"
#include "mm/space.h"
#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/unit.h"

#define TSC_HZ  2000000000UL
#define APIC_HZ 62500000UL
#define PIT_HZ  1193182UL
#define ACPI_HZ 3579545UL

// The HPET never works here: accesses to memory cannot be simulated.
enum { WORKS, ABSENT, ZERO, STILL }; // states of a clock

static uint64_t now; // TSC
static unsigned pit, hpet, acpi, cpuid_says, accesses, stop_at;
static uint64_t pit_loaded, stop;
static uint16_t latch;
static uint32_t hpet_block[256], last_leaf, leaf_16;

static uint64_t counted(uint64_t hz) {
    return (uint64_t)((unsigned __int128)now * hz / TSC_HZ);
}

static void go_on(void) {
    now += TSC_HZ / 1000000;
    if (++accesses == stop_at)
        now += stop;
}

uint64_t read_tsc(void) {
    go_on();
    return now;
}

void out8(uint16_t port, uint8_t value) {
    go_on();
    uint64_t passed = counted(PIT_HZ) - pit_loaded;
    if (port == 0x43 && value == 0x80)
        latch = pit == STILL ? 0xffff : (uint16_t)(0xffff - passed);
    else if (port == 0x42)
        pit_loaded = counted(PIT_HZ);
}

uint8_t in8(uint16_t port) {
    go_on();
    if (pit == ABSENT || pit == ZERO)
        return pit == ABSENT ? 0xff : 0;
    if (port == 0x61)
        return counted(PIT_HZ) - pit_loaded > 0xffff ? 0x20 : 0;
    uint8_t low = (uint8_t)latch;
    latch >>= 8;
    return low;
}

uint32_t in32(uint16_t port) {
    (void)port;
    go_on();
    return acpi == ABSENT ? UINT32_MAX
           : acpi         ? 0
                          : (uint32_t)counted(ACPI_HZ) & 0xffffff;
}

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf) {
    (void)subleaf;
    if (leaf == 0)
        return (struct cpuid){.eax = last_leaf};
    if (leaf == 0x15 && cpuid_says == WORKS)
        return (struct cpuid){2, 160, 25000000, 0};
    if (leaf == 0x16)
        return (struct cpuid){.eax = leaf_16};
    return (struct cpuid){0};
}

pa_t acpi_find_rsdp(const struct boot_info *boot) {
    (void)boot;
    return 0;
}

status_t acpi_find_hpet(pa_t rsdp_pa, memory_reader read, pa_t *hpet_pa) {
    (void)rsdp_pa, (void)read;
    *hpet_pa = 0xfed00000;
    return hpet == ABSENT ? STATUS_NOT_FOUND : STATUS_OK;
}

status_t acpi_find_timer(pa_t rsdp_pa, memory_reader read, uint16_t *port) {
    (void)rsdp_pa, (void)read;
    *port = 0x608;
    return STATUS_OK;
}

const void *physical_read(pa_t pa, uint64_t bytes) {
    (void)pa, (void)bytes;
    return NULL;
}

volatile void *space_device(pa_t pa, uint64_t bytes) {
    (void)pa, (void)bytes;
    hpet_block[1] = hpet == ZERO ? 0 : 10000000; // 100 MHz
    return hpet_block;
}

// A clock of this test, of 100 MHz, on a machine whose TSC counts 20 GHz: only
// there when it is asked for, and not for long.
static bool is_fast;

static uint64_t fast_start(const struct boot_info *boot) {
    (void)boot;
    return is_fast ? 100000000 : 0;
}

static bool fast_read(uint64_t *count) {
    go_on();
    *count = now / 200;
    return accesses < 100;
}

ROW(clocks, 05_fast) = {"fast", UINT64_MAX, fast_start, fast_read};

static uint32_t apic_count(void) {
    go_on();
    return (uint32_t)counted(APIC_HZ);
}

static int start(void **state) {
    (void)state;
    pit = acpi = cpuid_says = WORKS;
    hpet = STILL;
    last_leaf = 0x16;
    leaf_16 = 0;
    accesses = stop_at = 0;
    return 0;
}

static struct handoff_clock clock_found;

static const char *measure(void) {
    clock_found = (struct handoff_clock){0};
    return clock_measure(NULL, apic_count, &clock_found);
}

static void assert_exact(uint64_t found, uint64_t right) {
    assert_between(found, right - right / 50, right + right / 50);
}

static void test_the_first_that_works(void **state) {
    (void)state;
    for (unsigned fault = ABSENT; fault <= STILL; fault++) {
        start(state);
        assert_string_equal(measure(), "pit");
        pit = hpet = fault;
        assert_string_equal(measure(), "acpi-timer");
        acpi = fault;
        assert_string_equal(measure(), "cpuid");
        assert_exact(clock_found.tsc_hz, TSC_HZ);
        assert_exact(clock_found.apic_hz, APIC_HZ);
        cpuid_says = ABSENT;
        assert_string_equal(measure(), "guess");
        assert_true(clock_is_plausible(&clock_found));
    }
}

// In MHz, below reserved bits. A leaf after the last one says nothing of use.
static void test_the_frequency_of_leaf_16(void **state) {
    (void)state;
    pit = hpet = acpi = cpuid_says = ABSENT;
    leaf_16 = 0xabc00000 | TSC_HZ / 1000000;
    assert_string_equal(measure(), "cpuid");
    assert_exact(clock_found.tsc_hz, TSC_HZ);
    last_leaf = 0x15;
    assert_string_equal(measure(), "guess");
    cpuid_says = WORKS;
    assert_string_equal(measure(), "cpuid");
    last_leaf = 0x14;
    assert_string_equal(measure(), "guess");
}

// For 1 ms to 90 s, at any access.
static void test_a_host_that_stands_still(void **state) {
    for (stop = TSC_HZ / 1000; stop < 90 * TSC_HZ; stop = stop * 3 + 1)
        for (unsigned at = 1; at < 120; at++)
            for (pit = WORKS; pit <= ABSENT; pit++) {
                unsigned kind = pit;
                start(state);
                pit = kind;
                stop_at = at;
                assert_string_equal(measure(), pit ? "acpi-timer" : "pit");
                assert_exact(clock_found.tsc_hz, TSC_HZ);
                assert_exact(clock_found.apic_hz, APIC_HZ);
            }
}

// The fastest TSC, and a host that stands still: for a second in all, and for a
// little more. 18 accesses are between the samples, and this is the last one.
static void test_a_measurement_of_a_second(void **state) {
    for (unsigned more = 0; more < 2; more++) {
        start(state);
        is_fast = true;
        stop_at = 20;
        stop = 20000000000UL - (18 - more) * TSC_HZ / 1000000;
        assert_string_equal(measure(), more ? "pit" : "fast");
        is_fast = false;
    }
}

static void test_impossible_values(void **state) {
    (void)state;
    const struct handoff_clock bad[] = {
        {0, 0, 0},       {TSC_HZ, 0, 0}, {0, APIC_HZ, 0},
        {1, APIC_HZ, 0}, {TSC_HZ, 1, 0}, {UINT64_MAX, APIC_HZ, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(clock_is_plausible(&bad[i]));
    assert_true(
        clock_is_plausible(&(struct handoff_clock){TSC_HZ, APIC_HZ, 0}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_first_that_works, start),
        cmocka_unit_test_setup(test_the_frequency_of_leaf_16, start),
        cmocka_unit_test_setup(test_a_host_that_stands_still, start),
        cmocka_unit_test_setup(test_a_measurement_of_a_second, start),
        cmocka_unit_test_setup(test_impossible_values, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
