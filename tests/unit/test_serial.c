// A stuck serial port does not block the kernel, and is used again afterwards.

#include "kernel/serial.h"

#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/unit.h"

#define LINE_STATUS 0x3fd

static uint8_t line_status;
static uint64_t polls, sent;

uint8_t in8(uint16_t port) {
    polls += port == LINE_STATUS;
    return port == LINE_STATUS ? line_status : 0;
}

void out8(uint16_t port, uint8_t value) {
    (void)value;
    sent += port == 0x3f8;
}

void spin_hint(void) {
}

static void test_stuck(void **state) {
    (void)state;
    line_status = 0;
    for (unsigned i = 0; i < 1000; i++)
        serial_write("0123456789", 10);
    assert_true(polls < 3000000);
    assert_int_equal(sent, 0);
    line_status = 0x20;
    serial_write("0123456789", 10);
    assert_int_equal(sent, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stuck)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
