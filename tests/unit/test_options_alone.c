// Options as core alone reads them: without lists (kernel/chain), each
// generation reads the same word.

#include "lib/options.h"

#include "tests/unit/unit.h"

static char text[OPTION_WORD_BYTES];

ROW(options, text) = {"text", "", .text = text, .size = sizeof(text)};

static void a_value_is_one_word(void **state) {
    (void)state;
    for (uint32_t generation = 0; generation < 3; generation++) {
        text[0] = '\0';
        assert_int_equal(options_read("text=a*2,b", generation), STATUS_OK);
        assert_string_equal(text, "a*2,b");
    }
}

static void a_word_that_is_too_long(void **state) {
    (void)state;
    char line[5 + OPTION_WORD_BYTES + 1] = "text=";
    memset(line + 5, 'x', OPTION_WORD_BYTES);
    text[0] = '\0';
    assert_int_equal(options_read(line, 0), STATUS_INVALID);
    assert_contains(why(), "text=: a word of more than 63 characters: xxx");
    assert_string_equal(text, "");
    line[5 + OPTION_WORD_BYTES - 1] = '\0';
    assert_int_equal(options_read(line, 0), STATUS_OK);
    assert_int_equal(strlen(text), OPTION_WORD_BYTES - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_one_word),
        cmocka_unit_test(a_word_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
