// The reason of a failure: recorded, cleaned, cut, replaced.

#include "lib/status.h"

#include "tests/unit/unit.h"

// Runs first: nothing has failed yet.
static void empty_before_the_first(void **state) {
    (void)state;
    assert_string_equal(why(), "");
}

static void keeps_status_and_reason(void **state) {
    (void)state;
    assert_int_equal(fail(STATUS_REFUSED, "page 0x%x", 0x1000), STATUS_REFUSED);
    assert_string_equal(why(), "page 0x1000");
    fail(STATUS_INVALID, "the next");
    assert_string_equal(why(), "the next");
}

static void needs_no_escapes(void **state) {
    (void)state;
    fail(STATUS_INVALID, "%s", "a \"b\"\n\tc\x7F\x1F d\xC3\xA9");
    assert_string_equal(why(), "a 'b'  c   d\xC3\xA9");
}

static void may_quote_the_old_reason(void **state) {
    (void)state;
    fail(STATUS_INVALID, "inner");
    fail(STATUS_FAILED, "outer: %s", why());
    assert_string_equal(why(), "outer: inner");
}

static void a_reason_can_be_put_back(void **state) {
    (void)state;
    fail(STATUS_INVALID, "first");
    char first[REASON_BYTES];
    strcpy(first, why());
    fail(STATUS_FAILED, "second");
    set_why("%s", first);
    assert_string_equal(why(), "first");
}

static void is_cut_to_its_buffer(void **state) {
    (void)state;
    char text[600];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    fail(STATUS_INVALID, "%s", text);
    assert_int_equal(strlen(why()), 255);
    assert_string_equal(why() + 251, "x...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_before_the_first),
        cmocka_unit_test(keeps_status_and_reason),
        cmocka_unit_test(needs_no_escapes),
        cmocka_unit_test(may_quote_the_old_reason),
        cmocka_unit_test(a_reason_can_be_put_back),
        cmocka_unit_test(is_cut_to_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
