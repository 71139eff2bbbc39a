// Our mem* and str* compared with the C library's, at all alignments and short
// lengths. unit.mk gives ours the prefix baton_, because on the host the
// standard names are taken.

#include "lib/string.h"

#include "tests/unit/unit.h"

void *baton_memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *baton_memmove(void *to, const void *from, size_t bytes);
void *baton_memset(void *to, int value, size_t bytes);
int baton_memcmp(const void *a, const void *b, size_t bytes);
size_t baton_strlen(const char *text);
size_t baton_strnlen(const char *text, size_t max);
int baton_strncmp(const char *a, const char *b, size_t max);

enum { AREA = 96, LONGEST = 40 };

static int sign(int value) {
    return (value > 0) - (value < 0);
}

// Two equal areas in which every byte identifies its offset.
static void fill(uint8_t ours[AREA], uint8_t theirs[AREA]) {
    for (int i = 0; i < AREA; i++)
        ours[i] = theirs[i] = (uint8_t)(i + 1);
}

static void copies(void **state) {
    (void)state;
    uint8_t ours[AREA], theirs[AREA], source[AREA];
    fill(source, source);
    for (size_t to = 0; to < 9; to++)
        for (size_t from = 0; from < 9; from++)
            for (size_t bytes = 0; bytes <= LONGEST; bytes++) {
                memset(ours, 0, AREA);
                memset(theirs, 0, AREA);
                memcpy(theirs + to, source + from, bytes);
                assert_ptr_equal(baton_memcpy(ours + to, source + from, bytes),
                                 ours + to);
                assert_memory_equal(ours, theirs, AREA);
            }
}

static void moves_over_itself(void **state) {
    (void)state;
    uint8_t ours[AREA], theirs[AREA];
    for (size_t to = 0; to <= LONGEST; to++)
        for (size_t from = 0; from <= LONGEST; from++)
            for (size_t bytes = 0; bytes <= LONGEST; bytes++) {
                fill(ours, theirs);
                memmove(theirs + to, theirs + from, bytes);
                assert_ptr_equal(baton_memmove(ours + to, ours + from, bytes),
                                 ours + to);
                assert_memory_equal(ours, theirs, AREA);
            }
}

static void fills(void **state) {
    (void)state;
    uint8_t ours[AREA], theirs[AREA];
    const int values[] = {0, 0xAA, 0xFF, -1, 0x1234};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        for (size_t to = 0; to < 9; to++)
            for (size_t bytes = 0; bytes <= LONGEST; bytes++) {
                fill(ours, theirs);
                memset(theirs + to, values[i], bytes);
                assert_ptr_equal(baton_memset(ours + to, values[i], bytes),
                                 ours + to);
                assert_memory_equal(ours, theirs, AREA);
            }
}

static void stays_inside(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes <= LONGEST; bytes++) {
        uint8_t *a = calloc(bytes, 1), *b = calloc(bytes, 1);
        baton_memset(a, 1, bytes);
        baton_memcpy(b, a, bytes);
        baton_memmove(a, b, bytes);
        assert_int_equal(baton_memcmp(a, b, bytes), 0);
        free(a);
        free(b);
    }
}

static void compares_memory(void **state) {
    (void)state;
    assert_int_equal(baton_memcmp("abc", "abd", 2), 0);
    assert_true(baton_memcmp("abc", "abd", 3) < 0);
    assert_true(baton_memcmp("\xFF", "\x01", 1) > 0);
    assert_int_equal(baton_memcmp("a\0b", "a\0b", 3), 0);
    assert_true(baton_memcmp("a\0b", "a\0c", 3) < 0);
    assert_int_equal(baton_memcmp("x", "y", 0), 0);
}

static void measures(void **state) {
    (void)state;
    char *open = exact_copy("abc", 3);
    assert_int_equal(baton_strlen(""), 0);
    assert_int_equal(baton_strlen("abc"), 3);
    assert_int_equal(baton_strnlen(open, 3), 3);
    assert_int_equal(baton_strnlen("abc", 9), 3);
    assert_int_equal(baton_strnlen("abc", 0), 0);
    free(open);
}

static void compares_strings(void **state) {
    (void)state;
    const char *words[] = {"", "a", "ab", "abc", "abd", "b", "\xFF"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
            const char *a = words[i], *b = words[j];
            assert_int_equal(str_equal(a, b), strcmp(a, b) == 0);
            for (size_t max = 0; max < 5; max++)
                assert_int_equal(sign(baton_strncmp(a, b, max)),
                                 sign(strncmp(a, b, max)));
        }
}

static void copies_a_string(void **state) {
    (void)state;
    char to[4] = "zzz";
    assert_false(str_copy(to, 0, "abc"));
    assert_string_equal(to, "zzz");
    assert_true(str_copy(to, sizeof(to), "abc"));
    assert_string_equal(to, "abc");
    assert_false(str_copy(to, sizeof(to), "defg"));
    assert_string_equal(to, "def");
    assert_false(str_copy(to, 1, "x"));
    assert_true(str_copy(to, 1, ""));
    assert_string_equal(to, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies),
        cmocka_unit_test(moves_over_itself),
        cmocka_unit_test(fills),
        cmocka_unit_test(stays_inside),
        cmocka_unit_test(compares_memory),
        cmocka_unit_test(measures),
        cmocka_unit_test(compares_strings),
        cmocka_unit_test(copies_a_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
