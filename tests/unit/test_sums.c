// The list of digests: found by name, truncated anywhere, and invalid lines.

#include "kexec/digest/sums.h"

#include <stdio.h>

#include "tests/unit/unit.h"

// 64 digits each, of the bytes 0x0a, 0x1a, 0x2a … and 0x0b, 0x1b, 0x2b ….
#define DIGITS(x)                                                              \
    "0" x "1" x "2" x "3" x "4" x "5" x "6" x "7" x "8" x "9" x "a" x "b" x    \
    "c" x "d" x "e" x "f" x
#define A DIGITS("a") DIGITS("a")
#define B DIGITS("b") DIGITS("b")

#define LINE_BYTES(name) (64 + 2 + sizeof(name) - 1)

static const char *find_in(const char *list, size_t bytes, const char *name) {
    static uint8_t digest[SHA256_BYTES];
    static char text[SHA256_TEXT];
    void *exact = exact_copy(list, bytes);
    status_t status = sums_find(exact, bytes, name, digest);
    free(exact);
    if (status == STATUS_OK) {
        sha256_hex(digest, text);
        return text;
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    assert_contains(why(), name);
    assert_contains(why(), "no line of 64 digits, two blanks and that name");
    return NULL;
}

static const char *find(const char *list, const char *name) {
    return find_in(list, strlen(list), name);
}

static void digests_by_name(void **state) {
    (void)state;
    const char list[] = A "  baton\n" B " *linux\n";
    assert_string_equal(find(list, "baton"), A);
    assert_string_equal(find(list, "linux"), B);
    assert_null(find(list, "batons"));
    assert_null(find(list, "bato"));
    assert_null(find(list, "aton"));
    assert_null(find(list, ""));
}

static void names_with_a_common_prefix(void **state) {
    (void)state;
    const char list[] = A "  baton.elf\n" A "  a/baton\n" B "  baton\n";
    assert_string_equal(find(list, "baton"), B);
}

static void large_digits_are_digits(void **state) {
    (void)state;
    assert_string_equal(find(DIGITS("A") DIGITS("a") "  baton\n", "baton"), A);
}

static void the_first_digest_of_a_name(void **state) {
    (void)state;
    assert_string_equal(find(A "  baton\n" B "  baton\n", "baton"), A);
}

// A name is found if its line is complete, with or without a newline.
static void lists_cut_everywhere(void **state) {
    (void)state;
    const char list[] = A "  baton\n" B " *baton.elf\n";
    const size_t first = LINE_BYTES("baton");
    const size_t second = first + 1 + LINE_BYTES("baton.elf");
    for (size_t bytes = 0; bytes < sizeof(list); bytes++) {
        assert_int_equal(find_in(list, bytes, "baton") != NULL, bytes >= first);
        assert_int_equal(find_in(list, bytes, "baton.elf") != NULL,
                         bytes >= second);
    }
}

static const char *const bad_lines[] = {
    "",
    "\n\n\n",
    "baton",
    "  baton",
    A,
    A "baton",
    A " baton",
    A "   baton",
    A "**baton",
    A "\t baton",
    A " \tbaton",
    A "00baton",
    A "  baton\r",
    A "  baton ",
    A "  ./baton",
    " " A "  baton",
    "\\" A "  baton",
    A "\n  baton",
    DIGITS("a") DIGITS("g") "  baton",
    DIGITS("a") DIGITS(" ") "  baton",
    DIGITS("a") DIGITS("\xff") "  baton",
    DIGITS("a") "  baton",
};

// Nothing is found in them, and the valid line after them still is.
static void bad_lines_are_passed_over(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_lines); i++) {
        char list[512];
        assert_null(find(bad_lines[i], "baton"));
        snprintf(list, sizeof(list), "%s\n%s  baton\n", bad_lines[i], B);
        assert_string_equal(find(list, "baton"), B);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_by_name),
        cmocka_unit_test(names_with_a_common_prefix),
        cmocka_unit_test(the_first_digest_of_a_name),
        cmocka_unit_test(lists_cut_everywhere),
        cmocka_unit_test(large_digits_are_digits),
        cmocka_unit_test(bad_lines_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
