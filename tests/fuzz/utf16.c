// Names of variables from the firmware: any units become UTF-8 that a strict
// reader accepts, whole characters, never more than the buffer holds.

#include "efi/services/utf16.h"

#include "tests/fuzz/fuzz.h"

// The length of the character at `text` (RFC 3629 §4); 0: invalid.
static size_t character(const uint8_t *text) {
    static const struct {
        uint8_t first, last, second_low, second_high, length;
    } rows[] = {{0x20, 0x7e, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
                {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
                {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (text[0] < rows[i].first || text[0] > rows[i].last)
            continue;
        size_t length = rows[i].length;
        bool good = length == 1 || (text[1] >= rows[i].second_low &&
                                    text[1] <= rows[i].second_high);
        for (size_t k = 2; good && k < length; k++)
            good = text[k] >= 0x80 && text[k] <= 0xbf;
        return good ? length : 0;
    }
    return 0;
}

static size_t slow_length(const uint16_t *units, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (units[i] == 0)
            return i;
    return count;
}

static void fuzz(struct input in) {
    size_t size = take(&in, 1), units = in.left / 2;
    uint16_t *from = exact_copy(in.at, units * 2);
    char *to = malloc(size + !size);
    size_t length = slow_length(from, units);
    size_t written = utf16_to_utf8(to, size, from, units);
    if (size == 0) {
        assert_int_equal(written, 0);
    } else {
        assert_true(written < size && to[written] == '\0');
        size_t characters = 0;
        for (size_t at = 0, step; at < written; at += step, characters++)
            assert_true((step = character((uint8_t *)to + at)) > 0);
        assert_true(characters <= length + strlen("..."));
        assert_true(written + 8 > size || 2 * characters >= length);
    }
    free(to);
    free(from);
}
