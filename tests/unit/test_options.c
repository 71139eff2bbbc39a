// The command line: words, quotes, last one wins; rows, lists, and refusals.

#include "lib/options.h"

#include <stdio.h>

#include "kernel/monitor/words.h"
#include "tests/unit/unit.h"

// The value of `key` in `line`; NULL if there is none.
static const char *get(const char *line, const char *key) {
    static char value[64];
    char *exact = exact_copy(line, strlen(line) + 1);
    bool found = option_get(exact, key, value, sizeof(value));
    free(exact);
    return found ? value : NULL;
}

static void words(void **state) {
    (void)state;
    const char *line = " efi=fixed\tgenerations=3  quiet\nend=exit ";
    assert_string_equal(get(line, "efi"), "fixed");
    assert_string_equal(get(line, "generations"), "3");
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
    assert_string_equal(value, "...");
    assert_true(option_get("a=abc", "a", value, sizeof(value)));
    assert_string_equal(value, "abc");
    assert_true(option_get("a=x", "a", value, 1));
    assert_string_equal(value, "");
    assert_true(option_get("a=x", "a", NULL, 0));
    assert_false(option_get("a=x", "b", value, sizeof(value)));
}

// ---- rows of a table as in the kernel

static unsigned level;
static uint64_t wait = 5;
static char name[8];
static char read_words[64]; // with their generations

static status_t read_row(const char *word, uint32_t generation) {
    if (strcmp(word, "bad") == 0)
        return fail(STATUS_UNSUPPORTED, "read=bad: this machine cannot");
    snprintf(read_words, sizeof(read_words), "%s in %u", word, generation);
    return STATUS_OK;
}

ROW(options, level) = {"level", "", .words = "low high", .choice = &level};
ROW(options, wait) = {"wait", "", .number = &wait, .min = 2, .max = UINT64_MAX};
ROW(options, name) = {"name", "", .text = name, .size = sizeof(name)};
ROW(options, read) = {"read", "", .read = read_row};
ROW(options, other) = {.key = "other", .help = ""};

static status_t parse(const char *line, uint32_t generation) {
    level = 0;
    wait = 5;
    name[0] = read_words[0] = '\0';
    char *exact = exact_copy(line, strlen(line) + 1);
    status_t status = options_read(exact, generation);
    free(exact);
    return status;
}

static void absent_options_keep_their_defaults(void **state) {
    (void)state;
    assert_int_equal(parse("levels=high unwait=9 quiet", 0), STATUS_OK);
    assert_int_equal(level, 0);
    assert_int_equal(wait, 5);
    assert_string_equal(name, "");
    assert_string_equal(read_words, "");
}

static void each_row_sets_its_variable(void **state) {
    (void)state;
    assert_int_equal(
        parse("level=high wait=0x10 name=vmlinuz read=\"a b\" other=x,*", 3),
        STATUS_OK);
    assert_int_equal(level, 1);
    assert_int_equal(wait, 16);
    assert_string_equal(name, "vmlinuz");
    assert_string_equal(read_words, "a b in 3");
    assert_int_equal(parse("level=high level=low", 0), STATUS_OK);
    assert_int_equal(level, 0);
}

static void accept(const char *line, uint64_t expected) {
    assert_int_equal(parse(line, 0), STATUS_OK);
    assert_int_equal(wait, expected);
}

static void numbers(void **state) {
    (void)state;
    accept("wait=2", 2);
    accept("wait=007", 7);
    accept("wait=0x1F wait=0XaB", 0xAB);
    accept("wait=\"12\"", 12);
    accept("wait=18446744073709551615", UINT64_MAX);
    accept("wait=0xFFFFFFFFFFFFFFFF", UINT64_MAX);
}

static void refuse(const char *line, const char *reason) {
    assert_int_equal(parse(line, 0), STATUS_INVALID);
    assert_contains(why(), reason);
    assert_int_equal(level, 0);
    assert_int_equal(wait, 5);
    assert_string_equal(name, "");
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
        "18446744073709551616",
        "0x10000000000000000",
        "99999999999999999999999",
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        char line[80] = "wait=";
        refuse(strcat(line, values[i]), " is not a number from 2 to ");
    }
}

// Values beyond 64 bits, with each last digit: none may wrap to a number.
static void no_number_wraps(void **state) {
    (void)state;
    char line[] = "wait=18446744073709551616";
    for (char *last = line + strlen(line) - 1; *last <= '9'; ++*last)
        refuse(line, " is not a number");
}

static void other_mistakes(void **state) {
    (void)state;
    refuse("level=higher", "level=higher is none of: low high");
    refuse("level", "level= is none of: low high");
    refuse("name=vmlinuz5", "name=vmlinuz5: more than 7 characters");
    refuse("name=a*2*3", "name=: a*2*3: not a number of times");
    refuse("name=a,b*00000000000000000000000000000001",
           "a number of more than 31: b");
    refuse("name=a,"
           "0123456789012345678901234567890123456789012345678901234567890123",
           "name=: a word of more than 63 characters");
    assert_int_equal(parse("read=bad", 0), STATUS_UNSUPPORTED);
}

static void all_mistakes_are_reported_together(void **state) {
    (void)state;
    assert_int_equal(parse("wait=1 read=bad level=6 name=good", 0),
                     STATUS_INVALID);
    assert_string_equal(why(),
                        "level=6 is none of: low high; read=bad: this "
                        "machine cannot; wait=1 is not a number from 2 to "
                        "18446744073709551615");
    assert_string_equal(name, "good");
}

static size_t unknown(const char *line, char *text, size_t size) {
    char *exact = exact_copy(line, strlen(line) + 1);
    size_t count = words_unknown(exact, text, size);
    free(exact);
    return count;
}

static void words_of_no_row(void **state) {
    (void)state;
    char text[32];
    assert_int_equal(unknown("wait=5 other=1 \"level\"=high", text, 32), 0);
    assert_string_equal(text, "");
    assert_int_equal(unknown("waits=5 quiet other \"a\tb\"", text, 32), 3);
    assert_string_equal(text, "waits=5 quiet a b");
    assert_int_equal(unknown("waits=5 quiet", text, 8), 2);
    assert_string_equal(text, "wait...");
    char long_text[80];
    unknown("0123456789012345678901234567890123456789012345678901234567890123",
            long_text, sizeof(long_text));
    assert_string_equal(long_text + 55, "56789...");
}

// ---- words

// The words of `line`, each between < and >.
static const char *split(const char *line, size_t max) {
    static char joined[64];
    const char *words[8];
    char *copy = exact_copy(line, strlen(line) + 1);
    size_t count = words_split(copy, words, max);
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

// ---- lists

static void place(const char *list, uint32_t generation, const char *expected) {
    char line[80] = "read=", found[80];
    assert_int_equal(parse(strcat(line, list), generation), STATUS_OK);
    snprintf(found, sizeof(found), "%s in %u", expected, generation);
    assert_string_equal(read_words, found);
}

static void lists(void **state) {
    (void)state;
    place("one", 0, "one");
    place("one", 7, "one");
    place("a*3,b,c*0x2", 0, "a");
    place("a*3,b,c*2", 2, "a");
    place("a*3,b,c*2", 3, "b");
    place("a*3,b,c*2", 5, "c");
    place("a*3,b,c*2", 6, "c");
    place("a*1000,b", 999, "a");
    place("a*18446744073709551615,b", UINT32_MAX, "a");
    place("a,,b", 1, "");
    place("", 0, "");
    assert_int_equal(parse("wait=7,9*2 level=low,high", 1), STATUS_OK);
    assert_int_equal(wait, 9);
    assert_int_equal(level, 1);
}

// A mistake in any word, in each generation.
static void bad_lists(void **state) {
    (void)state;
    const char *lists[] = {"read=a*",
                           "read=a*0",
                           "read=a*-1",
                           "read=a*2*3",
                           "read=a,b*x",
                           "read=a*b,c",
                           "read=a,b,c*99999999999999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        for (uint32_t generation = 0; generation < 4; generation++) {
            assert_int_equal(parse(lists[i], generation), STATUS_INVALID);
            assert_contains(why(), "read=: ");
            assert_string_equal(read_words, "");
        }
    char line[100] = "read=a,";
    memset(line + 7, 'b', 64);
    assert_int_equal(parse(line, 0), STATUS_INVALID);
    line[7 + 63] = '\0';
    assert_int_equal(parse(line, 0), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(only_whole_keys),
        cmocka_unit_test(the_last_one_wins),
        cmocka_unit_test(quotes_keep_blanks),
        cmocka_unit_test(values_are_cut),
        cmocka_unit_test(absent_options_keep_their_defaults),
        cmocka_unit_test(each_row_sets_its_variable),
        cmocka_unit_test(numbers),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(no_number_wraps),
        cmocka_unit_test(other_mistakes),
        cmocka_unit_test(all_mistakes_are_reported_together),
        cmocka_unit_test(words_of_no_row),
        cmocka_unit_test(lines_are_split_by_the_same_rules),
        cmocka_unit_test(lists),
        cmocka_unit_test(bad_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
