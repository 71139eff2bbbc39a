// Is a call overdue? The rest of the gate needs a firmware.

#include "efi/gate.h"

#include "tests/unit/unit.h"

#define LIMIT_US 1000

// gate.asm's.
const char gate_recover[1];
void gate_note_machine(void);

void gate_note_machine(void) {
}

static struct gate_call one_call = {.limit_us = LIMIT_US};

static int begin(void **state) {
    (void)state;
    gate_current = NULL;
    gate_overdue(0);
    gate_statistics.calls++; // the one before is over
    gate_current = &one_call;
    return 0;
}

static void time_begins_with_the_first_look(void **state) {
    (void)state;
    assert_false(gate_overdue(5000000));
    assert_false(gate_overdue(5000000 + LIMIT_US));
    assert_true(gate_overdue(5000001 + LIMIT_US));
}

static void the_next_call_has_all_its_time(void **state) {
    (void)state;
    assert_false(gate_overdue(1000));
    gate_statistics.calls++;
    assert_false(gate_overdue(9000));
    assert_false(gate_overdue(9000 + LIMIT_US));
}

static void without_a_call_nothing_is(void **state) {
    (void)state;
    gate_current = NULL;
    assert_false(gate_overdue(1000));
    assert_false(gate_overdue(UINT64_MAX));
}

// The timer's handler has read the clock when the watchdog's NMI comes, which
// looks first.
static void a_clock_read_before_the_first_look(void **state) {
    (void)state;
    assert_false(gate_overdue(2000));
    assert_false(gate_overdue(1999));
    assert_true(gate_overdue(2001 + LIMIT_US));
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
