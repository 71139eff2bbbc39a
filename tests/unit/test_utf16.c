// UTF-16 to UTF-8 and back: characters of all widths, every cut, invalid pairs.

#include "efi/services/utf16.h"

#include "tests/unit/unit.h"

// é € 😀 as UTF-16: two, three and four bytes of UTF-8.
static const uint16_t wide[] = {'a', 0xE9, 0x20AC, 0xD83D, 0xDE00, 'z', 0};
static const char narrow[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";

static void check(const uint16_t *from, size_t units, const char *expected) {
    char to[64];
    uint16_t *exact = exact_copy(from, units * sizeof(*from));
    assert_int_equal(utf16_to_utf8(to, sizeof(to), exact, units),
                     strlen(expected));
    assert_string_equal(to, expected);
    free(exact);
}

static void all_widths(void **state) {
    (void)state;
    check(wide, ARRAY_SIZE(wide), narrow);     // stops at the NUL
    check(wide, ARRAY_SIZE(wide) - 1, narrow); // stops at the end
    check(wide, 0, "");
}

static void edges_of_the_widths(void **state) {
    (void)state;
    check((uint16_t[]){0xA0, 0x7FF, 0x800, 0xFFFF}, 4,
          "\xC2\xA0\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
    check((uint16_t[]){0xD800, 0xDC00, 0xDBFF, 0xDFFF}, 4,
          "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
    check((uint16_t[]){0xD7FF, 0xE000}, 2, "\xED\x9F\xBF\xEE\x80\x80");
}

static void lone_surrogates(void **state) {
    (void)state;
    check((uint16_t[]){0xD800}, 1, "\xEF\xBF\xBD");
    check((uint16_t[]){0xDC00, 'x'}, 2, "\xEF\xBF\xBDx");
    check((uint16_t[]){0xD800, 'x'}, 2, "\xEF\xBF\xBDx");
    check((uint16_t[]){0xD800, 0xD83D, 0xDE00}, 3,
          "\xEF\xBF\xBD\xF0\x9F\x98\x80");
    check((uint16_t[]){0xD800, 0}, 2, "\xEF\xBF\xBD");
}

static void control_characters(void **state) {
    (void)state;
    check((uint16_t[]){'a', '\n', 0x1B, 0x7F, 0x80, 0x9F, ' '}, 7, "a????? ");
}

// Into every size: whole characters, and a mark if it fits.
static void cut_between_characters(void **state) {
    (void)state;
    static const char one[] = "a...", two[] = "a\xC3\xA9...",
                      three[] = "a\xC3\xA9\xE2\x82\xAC...";
    const char *expected[] = {"",  "a", "a", "...", one,   one,
                              two, two, two, three, three, narrow};

    for (size_t room = 0; room < ARRAY_SIZE(expected); room++) {
        char *to = malloc(room + 1);
        assert_non_null(to);
        assert_int_equal(utf16_to_utf8(to, room + 1, wide, ARRAY_SIZE(wide)),
                         strlen(expected[room]));
        assert_string_equal(to, expected[room]);
        free(to);
    }
    // An empty text is never cut, however large the buffer is.
    char empty[4] = "old";
    assert_int_equal(utf16_to_utf8(empty, sizeof(empty), wide, 0), 0);
    assert_string_equal(empty, "");
    assert_int_equal(utf16_to_utf8(NULL, 0, wide, ARRAY_SIZE(wide)), 0);
}

static void from_ascii(void **state) {
    (void)state;
    const struct {
        const char *from;
        size_t units, length;
    } rows[] = {{"", 1, 0},    {"A", 1, 0},         {"A", 2, 1},
                {"AB", 2, 1},  {" ~", 9, 2},        {"A\x7f", 9, 1},
                {"A\t", 9, 1}, {"gr\xc3\xbc", 9, 2}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint16_t *to = malloc(rows[i].units * sizeof(*to));
        size_t length = utf16_from_ascii(to, rows[i].units, rows[i].from);
        assert_int_equal(length, rows[i].length);
        for (size_t k = 0; k < length; k++)
            assert_int_equal(to[k], rows[i].from[k]);
        assert_int_equal(to[length], 0);
        free(to);
    }
}

static uint16_t *exact_units(const uint16_t *text) {
    size_t units = 1;
    while (text[units - 1])
        units++;
    return exact_copy(text, units * sizeof(*text));
}

// Both end where their memory does, so nothing after an end is read.
static void equal_up_to_the_end(void **state) {
    (void)state;
    static const uint16_t *const texts[] = {u"",       u"A",      u"AB", u"AC",
                                            u"\xff41", u"\xd800", u"Aa"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
            uint16_t *a = exact_units(texts[i]), *b = exact_units(texts[k]);
            assert_int_equal(utf16_equal(a, b), i == k);
            free(a);
            free(b);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_widths),
        cmocka_unit_test(edges_of_the_widths),
        cmocka_unit_test(lone_surrogates),
        cmocka_unit_test(control_characters),
        cmocka_unit_test(cut_between_characters),
        cmocka_unit_test(from_ascii),
        cmocka_unit_test(equal_up_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
