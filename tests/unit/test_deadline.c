// Has a call exceeded its time?

#include "efi/gate.h"
#include "efi/guard/deadline.h"

#include "tests/unit/unit.h"

#define LIMIT_US 120000000 // efi.timeout= is 120 s by default

// The gate's, and the clock.
struct gate_call *gate_current;
struct gate_statistics gate_statistics;

uint64_t time_ran(void) {
    return 0;
}

bool gate_contain(struct trap_frame *frame) {
    return frame != NULL;
}

static struct gate_call one_call = {.service = EFI_GET_TIME};

static int begin(void **state) {
    (void)state;
    gate_current = NULL;
    deadline_is_over(0);
    gate_statistics.calls++; // the previous one has ended
    gate_current = &one_call;
    return 0;
}

static void time_begins_with_the_first_look(void **state) {
    (void)state;
    assert_false(deadline_is_over(5000000));
    assert_false(deadline_is_over(5000000 + LIMIT_US));
    assert_true(deadline_is_over(5000001 + LIMIT_US));
}

static void the_next_call_has_all_its_time(void **state) {
    (void)state;
    assert_false(deadline_is_over(1000));
    gate_statistics.calls++;
    assert_false(deadline_is_over(9000));
    assert_false(deadline_is_over(9000 + LIMIT_US));
}

static void without_a_call_nothing_is(void **state) {
    (void)state;
    gate_current = NULL;
    assert_false(deadline_is_over(1000));
    assert_false(deadline_is_over(UINT64_MAX));
}

// The watchdog's NMI comes after the timer's handler has read the clock, and is
// handled first.
static void a_clock_read_before_the_first_look(void **state) {
    (void)state;
    assert_false(deadline_is_over(2000));
    assert_false(deadline_is_over(1999));
    assert_true(deadline_is_over(2001 + LIMIT_US));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(time_begins_with_the_first_look, begin),
        cmocka_unit_test_setup(the_next_call_has_all_its_time, begin),
        cmocka_unit_test_setup(without_a_call_nothing_is, begin),
        cmocka_unit_test_setup(a_clock_read_before_the_first_look, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
