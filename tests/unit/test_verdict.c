// The combined verdict of the parts of a check.

#include "kernel/verdict.h"

#include "tests/unit/unit.h"

static void a_sum_is_the_least(void **state) {
    (void)state;
    static const enum verdict sums[][3] = {
        {FAIL, FAIL, FAIL}, {FAIL, SKIP, FAIL}, {FAIL, PASS, FAIL},
        {SKIP, SKIP, SKIP}, {SKIP, PASS, SKIP}, {PASS, PASS, PASS},
    };
    for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
        assert_int_equal(verdict_both(sums[i][0], sums[i][1]), sums[i][2]);
        assert_int_equal(verdict_both(sums[i][1], sums[i][0]), sums[i][2]);
    }
    assert_int_equal(verdict_of(true), PASS);
    assert_int_equal(verdict_of(false), FAIL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
