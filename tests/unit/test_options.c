// The command line: words, quotes, last one wins; numbers that are refused.

#include "lib/options.h"

#include "tests/unit/unit.h"

// The value of `key` in `line`; NULL if the key is not there.
static const char *get(const char *line, const char *key) {
    static char value[64];
    char *exact = exact_copy(line, strlen(line) + 1);
    bool found = option_get(exact, key, value, sizeof(value));
    free(exact);
    return found ? value : NULL;
}

static void words(void **state) {
    (void)state;
    const char *line = " efi=fixed\tlives=3  quiet\nend=exit ";
    assert_string_equal(get(line, "efi"), "fixed");
    assert_string_equal(get(line, "lives"), "3");
    assert_string_equal(get(line, "quiet"), "");
    assert_string_equal(get(line, "end"), "exit");
    assert_null(get(line, "en"));
    assert_null(get(line, "ends"));
    assert_null(get(line, "fixed"));
    assert_null(get("", "efi"));
    assert_null(get(" \t ", "efi"));
}

static void only_whole_keys(void **state) {
    (void)state;
    assert_null(get("noefi=a efix=b e=c", "efi"));
    assert_null(get("x=efi=a", "efi"));
    assert_string_equal(get("a=b=c", "a"), "b=c");
    assert_string_equal(get("a=", "a"), "");
}

static void the_last_one_wins(void **state) {
    (void)state;
    assert_string_equal(get("a=1 a=2 b=3 a=4 ab=5", "a"), "4");
    assert_string_equal(get("a=1 a", "a"), "");
}

static void quotes_keep_blanks(void **state) {
    (void)state;
    const char *line = "run=\"a b=1\" \"as=from grub\" x=p\" \"q \"flag\"";
    assert_string_equal(get(line, "run"), "a b=1");
    assert_string_equal(get(line, "as"), "from grub");
    assert_string_equal(get(line, "x"), "p q");
    assert_string_equal(get(line, "flag"), "");
    assert_null(get(line, "b"));
    assert_string_equal(get("run=\"never closed ", "run"), "never closed ");
    assert_string_equal(get("a=\"\"", "a"), "");
}

static void values_are_cut(void **state) {
    (void)state;
    char value[4] = "zzz";
    assert_true(option_get("a=abcdef", "a", value, sizeof(value)));
    assert_string_equal(value, "abc");
    assert_true(option_get("a=x", "a", value, 1));
    assert_string_equal(value, "");
    assert_true(option_get("a=x", "a", NULL, 0));
    assert_false(option_get("a=x", "b", value, sizeof(value)));
}

static void accept(const char *line, uint64_t expected) {
    uint64_t number = 77;
    assert_int_equal(option_number(line, "n", 0, UINT64_MAX, 5, &number),
                     STATUS_OK);
    assert_int_equal(number, expected);
}

static void numbers(void **state) {
    (void)state;
    accept("", 5);
    accept("m=9", 5);
    accept("n=0", 0);
    accept("n=007", 7);
    accept("n=0x1F n=0XaB", 0xAB);
    accept("n=\"12\"", 12);
    accept("n=18446744073709551615", UINT64_MAX);
    accept("n=0xFFFFFFFFFFFFFFFF", UINT64_MAX);
}

static void refuse(const char *value) {
    char line[80] = "n=";
    uint64_t number = 77;
    strcat(line, value);
    assert_int_equal(option_number(line, "n", 2, 10, 5, &number),
                     STATUS_INVALID);
    assert_int_equal(number, 77);
    assert_contains(why(), "option n=");
    assert_contains(why(), "from 2 to 10");
}

static void bad_numbers(void **state) {
    (void)state;
    const char *values[] = {
        "",
        "x",
        "0x",
        "-3",
        "+3",
        "3x",
        "a",
        "0xg",
        "\" 3\"",
        "1",
        "11",
        "18446744073709551616",
        "0x10000000000000000",
        "99999999999999999999999",
        "0000000000000000000000000000000000000003",
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        refuse(values[i]);
}

// One more than 64 bits hold, with each last digit: none may wrap to a number.
static void no_number_wraps(void **state) {
    (void)state;
    char line[] = "n=18446744073709551616";
    uint64_t number = 77;

    for (char *last = line + strlen(line) - 1; *last <= '9'; ++*last)
        assert_int_equal(option_number(line, "n", 0, UINT64_MAX, 5, &number),
                         STATUS_INVALID);
    assert_int_equal(number, 77);
}

static void limits_are_included(void **state) {
    (void)state;
    uint64_t number;
    assert_int_equal(option_number("n=2", "n", 2, 10, 5, &number), STATUS_OK);
    assert_int_equal(number, 2);
    assert_int_equal(option_number("n=0xa", "n", 2, 10, 5, &number), STATUS_OK);
    assert_int_equal(number, 10);
}

// The words of `line`, each between < and >.
static const char *split(const char *line, size_t max) {
    static char joined[64];
    const char *words[8];
    char *copy = exact_copy(line, strlen(line) + 1);
    size_t count = option_words(copy, words, max);
    joined[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(joined, "<");
        strcat(joined, words[i]);
        strcat(joined, ">");
    }
    free(copy);
    return joined;
}

static void lines_are_split_by_the_same_rules(void **state) {
    (void)state;
    assert_string_equal(split("", 8), "");
    assert_string_equal(split(" \t\n", 8), "");
    assert_string_equal(split("a", 8), "<a>");
    assert_string_equal(split("  efi vars\tread X ", 8),
                        "<efi><vars><read><X>");
    assert_string_equal(split("write A \"b  c\" d\"e f\"g", 8),
                        "<write><A><b  c><de fg>");
    assert_string_equal(split("a \"\" b", 8), "<a><><b>");
    assert_string_equal(split("a \"never closed ", 8), "<a><never closed >");
    assert_string_equal(split("a b c d", 2), "<a><b>");
}

// Place `index` of the list, and how many there are.
static void place(const char *list, uint64_t index, const char *expected,
                  uint64_t places) {
    char word[16] = "none";
    uint64_t count = 0;
    char *exact = exact_copy(list, strlen(list) + 1);
    assert_int_equal(
        option_list(exact, "l", index, 1000, word, sizeof(word), &count),
        STATUS_OK);
    assert_string_equal(word, expected);
    assert_int_equal(count, places);
    free(exact);
}

static void lists(void **state) {
    (void)state;
    place("l=one", 0, "one", 1);
    place("l=one", 1, "one", 1);
    place("l=a*3,b,c*0x2 k=1", 0, "a", 6);
    place("l=a*3,b,c*2", 2, "a", 6);
    place("l=a*3,b,c*2", 3, "b", 6);
    place("l=a*3,b,c*2", 5, "c", 6);
    place("l=a*3,b,c*2", 6, "c", 6);
    place("l=a*1000", 999, "a", 1000);
    place("l=a,,b", 1, "", 3);
    place("l=", 0, "", 1);
    place("l=a-word-that-is-too-long,b", 0, "a-word-that-is-", 2);
}

static void bad_lists(void **state) {
    (void)state;
    const char *lists[] = {"l=a*",     "l=a*0",
                           "l=a*-1",   "l=a*2*3",
                           "l=a*1001", "l=a*1000,b",
                           "l=a,b*x",  "l=a*b,c",
                           "l=*,a",    "l=a*18446744073709551615,b"};
    char word[16] = "as it was";
    uint64_t count = 77;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        assert_int_equal(
            option_list(lists[i], "l", 0, 1000, word, sizeof(word), &count),
            STATUS_INVALID);
        assert_contains(why(), "option l: ");
    }
    assert_int_equal(option_list("m=a", "l", 0, 9, word, sizeof(word), &count),
                     STATUS_NOT_FOUND);
    assert_string_equal(word, "as it was");
    assert_int_equal(count, 77);
}

static void words_one_by_one(void **state) {
    (void)state;
    char word[6] = "";
    const char *line = "  a \"b c\"=d\n\tefghijk ";
    assert_true(option_next(&line, word, sizeof(word)));
    assert_string_equal(word, "a");
    assert_true(option_next(&line, word, sizeof(word)));
    assert_string_equal(word, "b c=d");
    assert_true(option_next(&line, word, sizeof(word)));
    assert_string_equal(word, "efghi");
    assert_false(option_next(&line, word, sizeof(word)));
    assert_string_equal(word, "efghi");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(only_whole_keys),
        cmocka_unit_test(the_last_one_wins),
        cmocka_unit_test(quotes_keep_blanks),
        cmocka_unit_test(values_are_cut),
        cmocka_unit_test(numbers),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(lists),
        cmocka_unit_test(bad_lists),
        cmocka_unit_test(no_number_wraps),
        cmocka_unit_test(limits_are_included),
        cmocka_unit_test(words_one_by_one),
        cmocka_unit_test(lines_are_split_by_the_same_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
