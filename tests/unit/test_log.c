// Lines of the log, with any content.

#include "lib/log.h"

#include "tests/unit/unit.h"

static char written[4096];

static void note(uint32_t generation, const char *text, size_t bytes) {
    assert_int_equal(generation, 1);
    strncat(written, text, bytes);
}

ROW(sinks, test) = {.write = note};

static int begin(void **state) {
    (void)state;
    written[0] = '\0';
    log_generation(1);
    return 0;
}

static void lines_have_a_head(void **state) {
    (void)state;
    say("%s: %u", "mm", 7);
    event("end", "verdict=%s", "pass");
    assert_string_equal(written, "g1 [    0.000000] mm: 7\n"
                                 "@end gen=1 verdict=pass\n");
}

// Found by fuzzing: a command line with a newline could write events.
static void a_line_stays_one_line(void **state) {
    (void)state;
    say("%s", "a\n@end gen=0 verdict=pass\r\x1b[2J\x7f"
              "b");
    assert_string_equal(written, "g1 [    0.000000] a @end gen=0 verdict=pass"
                                 "  [2J b\n");
}

static void text_of_other_languages_stays(void **state) {
    (void)state;
    say("%s", "Überträger");
    assert_string_equal(written, "g1 [    0.000000] Überträger\n");
}

static void a_long_line_keeps_its_newline(void **state) {
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    say("%s", text);
    assert_true(strlen(written) <= 512);
    assert_string_equal(written + strlen(written) - 5, "x...\n");
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_have_a_head),
        TEST(a_line_stays_one_line),
        TEST(text_of_other_languages_stays),
        TEST(a_long_line_keeps_its_newline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
