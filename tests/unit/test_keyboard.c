// A keyboard controller with a constant status does not block the kernel.

#include "kernel/screen/keyboard.h"

#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/unit.h"

static uint8_t status, data;
static bool once; // a byte is gone when it was read

uint8_t in8(uint16_t port) {
    if (port == 0x64)
        return status;
    status = once ? 0 : status;
    return data;
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

// What a byte from the keyboard gives; 0: nothing.
static char send(uint8_t scan_code) {
    char byte;
    status = 1;
    data = scan_code;
    return keyboard_read(&byte) ? byte : 0;
}

// A key goes down and comes up again.
static char press(uint8_t scan_code) {
    char found = send(scan_code);
    assert_int_equal(send(scan_code | 0x80), 0);
    return found;
}

// Caps Lock concerns the letters alone, and Shift reverses it (scan codes of
// set 1: https://en.wikipedia.org/wiki/Scancode).
static void test_letters(void **state) {
    (void)state;
    static const struct {
        uint8_t first;
        const char *keys;
    } rows[] = {{0x02, "1234567890"},
                {0x10, "qwertyuiop"},
                {0x1e, "asdfghjkl"},
                {0x2c, "zxcvbnm"}};
    once = true;
    press(0x2a); // the test before may have left these down
    press(0x36);
    press(0x1d);
    bool caps = press(0x1e) == 'A';
    for (unsigned times = 0; times < 2; times++, caps = !caps, press(0x3a))
        for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
            for (size_t i = 0; rows[row].keys[i]; i++) {
                char key = rows[row].keys[i];
                bool letter = key >= 'a';
                char large = letter ? key - 'a' + 'A' : key;
                uint8_t code = (uint8_t)(rows[row].first + i);
                assert_int_equal(press(code), caps ? large : key);
                send(0x2a);
                if (letter)
                    assert_int_equal(press(code), caps ? key : large);
                press(0x2a);
                send(0x1d);
                assert_int_equal(press(code), letter ? key & 0x1f : key);
                press(0x1d);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stuck),
                                       cmocka_unit_test(test_letters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
