// The timer of the local APIC, which is an array: how it is measured, started,
// and stopped. No register that is reserved is written (SDM vol. 3 table 11-6):
// in x2APIC mode that is a fault.

#include "kernel/timer/timer.h"

#include "kernel/apic/apic.h"
#include "kernel/stage.h"
#include "kernel/time.h"
#include "kernel/timer/clock.h"
#include "lib/trap.h"
#include "mm/vmap/vmap.h"
#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/said.h"

#define APIC_HZ    62500000UL
#define EVERY_10MS 625000
#define BY_16      3

struct handoff_clock kernel_clock;

static uint32_t local[0x400];
static bool is_plausible, interrupts, opened;
static unsigned measured, acknowledged;
static const char *source;

uint32_t apic_read(uint32_t reg) {
    return local[reg];
}

// It starts to count when the initial count is written: by then the rest is
// right, and it stands still while its entry changes.
void apic_write(uint32_t reg, uint32_t value) {
    assert_true(opened);
    if (reg == APIC_EOI) {
        assert_int_equal(value, 0);
        acknowledged++;
    } else if (reg == APIC_INITIAL_COUNT && value) {
        assert_int_equal(local[APIC_DIVIDE], BY_16);
    } else if (reg == APIC_TIMER && value != ENTRY_MASKED) {
        assert_int_equal(local[APIC_INITIAL_COUNT], 0);
    } else {
        assert_true(reg == APIC_DIVIDE || reg == APIC_TIMER ||
                    reg == APIC_INITIAL_COUNT);
    }
    local[reg] = value;
}

status_t apic_open(device_mapper map) {
    assert_ptr_equal(map, space_device);
    opened = true;
    return STATUS_OK;
}

volatile void *space_device(pa_t pa, uint64_t bytes) {
    (void)pa, (void)bytes;
    return NULL;
}

void interrupts_on(void) {
    assert_int_equal(local[APIC_INITIAL_COUNT], EVERY_10MS);
    interrupts = true;
}

uint64_t time_microseconds(void) {
    return 0;
}

bool clock_is_plausible(const struct handoff_clock *clock) {
    assert_ptr_equal(clock, &kernel_clock);
    return is_plausible;
}

// While the timer counts down from the largest count, with its interrupt
// masked.
const char *clock_measure(const struct boot_info *boot,
                          uint32_t (*apic_count)(void),
                          struct handoff_clock *clock) {
    (void)boot;
    assert_false(interrupts);
    assert_int_equal(local[APIC_TIMER], ENTRY_MASKED);
    assert_int_equal(local[APIC_INITIAL_COUNT], UINT32_MAX);
    local[APIC_CURRENT_COUNT] = UINT32_MAX - 1000;
    assert_int_equal(apic_count(), 1000);
    measured++;
    *clock = (struct handoff_clock){2000000000, APIC_HZ, 0};
    return source;
}

static int set_up(void **state) {
    (void)state;
    memset(local, 0, sizeof(local));
    interrupts = opened = is_plausible = false;
    measured = acknowledged = 0;
    kernel_clock = (struct handoff_clock){0};
    source = "pit";
    said[0] = '\0';
    return 0;
}

static void run(enum stage when) {
    static struct kernel kernel;
    FOR_EACH_ROW(stages, row)
        if (row->when == when)
            assert_int_equal(row->run(&kernel), STATUS_OK);
}

static void expect_ticks(void) {
    assert_int_equal(local[APIC_TIMER], TIMER_PERIODIC | VECTOR_TIMER);
    assert_int_equal(local[APIC_INITIAL_COUNT], EVERY_10MS);
    assert_true(interrupts);
}

static void it_is_measured(void **state) {
    (void)state;
    run(STAGE_MACHINE);
    expect_ticks();
    assert_int_equal(measured, 1);
    assert_contains(said, "source=pit tsc_hz=2000000000 apic_hz=62500000\n");
    assert_null(strstr(said, "guess"));
}

static void a_guess_is_explained(void **state) {
    (void)state;
    source = "guess";
    run(STAGE_MACHINE);
    assert_contains(said, "a TSC of 2000000000 Hz is a guess\n");
}

// What a former kernel hands on is not measured again.
static void it_is_handed_on(void **state) {
    (void)state;
    is_plausible = true;
    kernel_clock = (struct handoff_clock){3000000000, APIC_HZ, 0};
    run(STAGE_MACHINE);
    expect_ticks();
    assert_int_equal(measured, 0);
    assert_contains(said, "source=handoff tsc_hz=3000000000 apic_hz=62500000");
}

static void it_is_stopped(void **state) {
    (void)state;
    run(STAGE_MACHINE);
    opened = false;
    run(STAGE_LEAVE);
    assert_int_equal(local[APIC_TIMER], ENTRY_MASKED);
    assert_int_equal(local[APIC_INITIAL_COUNT], 0);
}

// Its own are counted; all but a spurious one are acknowledged.
static void interrupts_are_acknowledged(void **state) {
    (void)state;
    opened = true;
    uint64_t before = timer_ticks;
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        struct trap_frame frame = {.vector = vector};
        unsigned handled = 0, had = acknowledged;
        FOR_EACH_ROW(traps, row)
            if (vector >= row->first && vector <= row->last)
                handled += row->handle(&frame);
        assert_int_equal(handled, vector >= VECTOR_TIMER);
        assert_int_equal(acknowledged - had,
                         vector >= VECTOR_TIMER && vector != VECTOR_SPURIOUS);
        assert_int_equal(timer_ticks - before, vector >= VECTOR_TIMER);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_measured, set_up),
        cmocka_unit_test_setup(a_guess_is_explained, set_up),
        cmocka_unit_test_setup(it_is_handed_on, set_up),
        cmocka_unit_test_setup(it_is_stopped, set_up),
        cmocka_unit_test_setup(interrupts_are_acknowledged, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
