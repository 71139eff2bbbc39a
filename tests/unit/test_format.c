// The formatter compared with the C library's: same text, same length, for any
// buffer size.

#include "lib/format.h"

#include <limits.h>
#include <stdio.h>

#include "tests/unit/unit.h"

// Prints with both into every size from zero to more than enough.
static void check(const char *fmt, ...) {
    char expected[256];
    va_list args;

    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    size_t length = (size_t)vsnprintf(expected, sizeof(expected), fmt, again);
    va_end(again);
    assert_true(length < sizeof(expected));

    for (size_t size = 0; size <= length + 2; size++) {
        char *buffer = exact_copy(expected, size);
        va_copy(again, args);
        assert_int_equal(vformat(buffer, size, fmt, again), length);
        va_end(again);
        if (size > 0) {
            size_t kept = size <= length ? size - 1 : length;
            assert_int_equal(strlen(buffer), kept);
            assert_memory_equal(buffer, expected, kept);
        }
        free(buffer);
    }
    va_end(args);
}

static void plain_text(void **state) {
    (void)state;
    check("");
    check("text");
    check("100%% of %c", 'x');
}

static void decimals(void **state) {
    (void)state;
    check("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
    check("%u %u", 0u, UINT_MAX);
    check("%ld %ld %lld", LONG_MAX, LONG_MIN, LLONG_MIN);
    check("%lu %llu %zu", ULONG_MAX, ULLONG_MAX, SIZE_MAX);
}

static void hexadecimals(void **state) {
    (void)state;
    check("%x %#x %#x", 0xBEEFu, 0xBEEFu, 0u);
    check("%lx %#llx %zx", ULONG_MAX, 0xFFFFFFFF80000000ull, (size_t)0x1000);
}

static void widths(void **state) {
    (void)state;
    check("[%5d][%-5d][%05d][%-05d]", 42, 42, 42, 42);
    check("[%5d][%-5d][%05d]", -42, -42, -42);
    check("[%2d][%02d][%1x]", 12345, -12345, 0xABCDEu);
    check("[%#10x][%#010x][%-#10x]", 0x1Fu, 0x1Fu, 0x1Fu);
    check("[%*d][%*d][%0*d]", 6, 7, -6, 7, 6, 7);
    check("[%016lx]", 0xFFFF800000000000ul);
    check("[%3c][%-3c]", 'a', 'b');
}

static void strings(void **state) {
    (void)state;
    check("[%s][%10s][%-10s][%2s]", "", "right", "left", "longer");
    check("[%.3s][%10.3s][%-10.3s][%.0s]", "abcdef", "abcdef", "abcdef", "x");
    check("[%.*s][%.*s]", 2, "abc", -1, "abc");
    check("[%*.*s]", 5, 1, "abc");
}

static void precision_needs_no_nul(void **state) {
    (void)state;
    char *text = exact_copy("abc", 3);
    check("%.3s", text);
    free(text);
}

// Differences from the C library, and cases that C leaves undefined.
static void shows(const char *expected, const char *fmt, ...) {
    char buffer[32];
    va_list args;
    va_start(args, fmt);
    vformat(buffer, sizeof(buffer), fmt, args);
    va_end(args);
    assert_string_equal(buffer, expected);
}

static void null_is_no_crash(void **state) {
    (void)state;
    shows("(null)", "%s", NULL);
}

static void unknown_conversions_show(void **state) {
    (void)state;
    const char *formats[] = {"%y", "%i",   "%p", "%",  "%5",
                             "%-", "50% ", "%l", "%.", "a%"};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        shows(formats[i], formats[i]);
}

static void through_the_dots(void **state) {
    (void)state;
    char buffer[8];
    assert_int_equal(format(buffer, sizeof(buffer), "%d-%s", 12, "34567"), 8);
    assert_string_equal(buffer, "12-3456");
}

// Into every buffer size from the smallest, which holds an empty text.
static void going_on(void **state) {
    (void)state;
    static const char whole[] = "one, two, 3";
    for (size_t size = 1; size <= sizeof(whole) + 1; size++) {
        char *buffer = malloc(size);
        *buffer = '\0';
        append(buffer, size, "one");
        append(buffer, size, "%s%s", ", ", "two");
        append(buffer, size, "%s", "");
        append(buffer, size, ", %d", 3);
        bool is_cut = size < sizeof(whole);
        size_t kept = is_cut ? size - 1 : sizeof(whole) - 1;
        size_t marked = is_cut && kept >= 3 ? 3 : 0;
        assert_int_equal(strlen(buffer), kept);
        assert_memory_equal(buffer, whole, kept - marked);
        assert_memory_equal(buffer + kept - marked, "...", marked);
        free(buffer);
    }
}

// The mark replaces whole characters.
static void a_cut_is_marked(void **state) {
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {{"1234567", "1234567"},
                {"12345678", "1234..."},
                {"123ä5678", "123..."},
                {"1234\u20ac78", "1234..."}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char buffer[8];
        size_t length = format(buffer, sizeof(buffer), "%s", rows[i].text);
        mark_cut(buffer, sizeof(buffer), length);
        assert_string_equal(buffer, rows[i].shown);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text),
        cmocka_unit_test(a_cut_is_marked),
        cmocka_unit_test(decimals),
        cmocka_unit_test(hexadecimals),
        cmocka_unit_test(widths),
        cmocka_unit_test(strings),
        cmocka_unit_test(precision_needs_no_nul),
        cmocka_unit_test(null_is_no_crash),
        cmocka_unit_test(unknown_conversions_show),
        cmocka_unit_test(through_the_dots),
        cmocka_unit_test(going_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
