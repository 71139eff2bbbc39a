// Known answers of CRC-32 (the check value of the catalogue, zlib's results),
// and chaining.

#include "lib/crc32.h"

#include "tests/unit/unit.h"

static void known_answers(void **state) {
    (void)state;
    const uint8_t zeros[4] = {0}, ones[4] = {255, 255, 255, 255};
    assert_int_equal(crc32(0, "", 0), 0);
    assert_int_equal(crc32(0, "a", 1), 0xE8B7BE43);
    assert_int_equal(crc32(0, "123456789", 9), 0xCBF43926);
    assert_int_equal(crc32(0, zeros, 4), 0x2144DF1C);
    assert_int_equal(crc32(0, ones, 4), 0xFFFFFFFF);
}

static void pieces_make_the_whole(void **state) {
    (void)state;
    const char text[] = "The quick brown fox jumps over the lazy dog";
    size_t length = strlen(text);
    for (size_t cut = 0; cut <= length; cut++) {
        uint32_t first = crc32(0, text, cut);
        assert_int_equal(crc32(first, text + cut, length - cut), 0x414FA339);
    }
}

// The table against the definition: one bit of division at a time.
static void every_byte_value(void **state) {
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        uint8_t byte = (uint8_t)value;
        uint32_t crc = 0xFFFFFFFF ^ value;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
        assert_int_equal(crc32(0, &byte, 1), ~crc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(every_byte_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
