// A keyboard controller with a constant status does not block the kernel.

#include "kernel/screen/keyboard.h"

#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/unit.h"

static uint8_t status, data;

uint8_t in8(uint16_t port) {
    return port == 0x64 ? status : data;
}

void out8(uint16_t port, uint8_t value) {
    (void)port, (void)value;
}

void spin_hint(void) {
}

static void test_stuck(void **state) {
    (void)state;
    char byte;
    for (unsigned i = 0; i < 0x10000; i++) {
        status = (uint8_t)i;
        data = (uint8_t)(i >> 8);
        keyboard_read(&byte); // returns
    }
    status = 1;
    data = 0x80; // a key is released, repeatedly
    while (keyboard_read(&byte)) {
    }
    data = 0x1e;
    assert_true(keyboard_read(&byte));
    assert_int_equal(byte | 0x20, 'a');
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stuck)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
