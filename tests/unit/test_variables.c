// The enumeration of all variables, with a simulated firmware: its names are
// numbers, and their order is a table.

#include "efi/services/variables.h"

#include <stdio.h>

#include "efi/services/rest.h"
#include "tests/unit/unit.h"

#define NAMES 5000
#define LAST  0           // there are no more
#define EMPTY (2 * NAMES) // the name of none

// The successor of each name; `after[0]` is the first one.
static unsigned after[NAMES];
static unsigned asked, broken_at; // fails at that call

// A name is its number's digits; the units after it are not written.
static void write_name(struct efi_name *name, unsigned number) {
    char digits[16];
    int length = snprintf(digits, sizeof(digits), "%u", number);
    memset(name, 0x55, sizeof(*name));
    name->words = (length + 4) / 4;
    for (int i = 0; i <= length; i++)
        name->text[i] = (uint16_t)digits[i];
}

static unsigned read_name(const struct efi_name *name) {
    unsigned number = 0;
    for (const uint16_t *at = name->text; *at; at++)
        number = 10 * number + (*at - '0');
    return number;
}

// Two alternating vendors have the same names.
efi_status_t efi_get_next_variable_name(struct efi_name *name,
                                        struct efi_guid *guid) {
    unsigned at = 2 * read_name(name) + guid->a, next = after[at];
    if (++asked == broken_at)
        return EFI_DEVICE_ERROR;
    if (next == LAST)
        return EFI_NOT_FOUND;
    if (next == EMPTY)
        name->text[0] = 0;
    else
        write_name(name, next / 2);
    guid->a = next % 2;
    return EFI_SUCCESS;
}

// `count` names in order, then back to `back`.
static void put(unsigned count, unsigned back) {
    asked = broken_at = 0;
    for (unsigned i = 0; i < count; i++)
        after[i] = i + 1;
    after[count] = back;
}

static status_t walk(unsigned *count) {
    struct efi_variables all = {0};
    status_t status;
    for (*count = 0; (status = efi_variables_next(&all)) == STATUS_OK;) {
        assert_int_equal(all.count, ++*count);
        assert_true(*count < NAMES);
    }
    return status;
}

static void each_comes_once(void **state) {
    (void)state;
    const unsigned counts[] = {0, 1, 2, 3, 4, 33, 4095, 4096};
    struct efi_variables all = {0};
    unsigned count;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        put(counts[i], LAST);
        assert_int_equal(walk(&count), STATUS_NOT_FOUND);
        assert_int_equal(count, counts[i]);
        assert_string_equal(why(), "EFI_NOT_FOUND");
    }
    put(33, LAST);
    for (unsigned i = 1; i <= 33; i++) {
        assert_int_equal(efi_variables_next(&all), STATUS_OK);
        assert_int_equal(2 * read_name(&all.at.name) + all.at.vendor.a, i);
    }
}

static void too_many(void **state) {
    (void)state;
    unsigned count;
    put(4097, LAST);
    assert_int_equal(walk(&count), STATUS_FAILED);
    assert_int_equal(count, 4096);
    assert_string_equal(why(), "a name after 4096 others");
}

// Every circle of up to 40 names, with every path into it, is detected within
// three rounds.
static void circles(void **state) {
    (void)state;
    for (unsigned names = 1; names < 40; names++)
        for (unsigned back = 1; back <= names; back++) {
            unsigned count, circle = names - back + 1;
            put(names, back);
            assert_int_equal(walk(&count), STATUS_FAILED);
            assert_string_equal(why(), "a name that had come before");
            assert_true(count >= names);
            assert_true(count <= 2 * back + 3 * circle);
        }
}

// It is the beginning, not a variable.
static void an_empty_name(void **state) {
    (void)state;
    unsigned count;
    put(0, EMPTY);
    assert_int_equal(walk(&count), STATUS_FAILED);
    assert_int_equal(count, 0);
    assert_string_equal(why(), "a name that had come before");
}

static void an_error_is_named(void **state) {
    (void)state;
    unsigned count;
    put(33, LAST);
    broken_at = 8;
    assert_int_equal(walk(&count), STATUS_FAILED);
    assert_int_equal(count, 7);
    assert_string_equal(why(), "EFI_DEVICE_ERROR");
}

static void names_of_ascii(void **state) {
    (void)state;
    struct efi_name name;
    char text[EFI_NAME_UNITS + 1];
    for (unsigned length = 0; length < EFI_NAME_UNITS; length++) {
        memset(&name, 0x55, sizeof(name));
        memset(text, 'x', length);
        text[length] = '\0';
        assert_int_equal(efi_name_of(text, &name), STATUS_OK);
        assert_int_equal(name.words, (2 * (length + 1) + 7) / 8);
        for (unsigned i = 0; i < EFI_NAME_UNITS; i++)
            assert_int_equal(name.text[i], i < length ? 'x' : 0);
    }
    memset(text, 'x', EFI_NAME_UNITS);
    text[EFI_NAME_UNITS] = '\0';
    assert_int_equal(efi_name_of(text, &name), STATUS_INVALID);
    assert_non_null(strstr(why(), "byte 0x78 at 511: "));
    assert_int_equal(efi_name_of("ab\xc3\xa4", &name), STATUS_INVALID);
    assert_non_null(strstr(why(), "byte 0xc3 at 2: it must be ASCII"));
}

// A name in the source has the same size as one typed at the prompt.
static void names_in_the_source(void **state) {
    (void)state;
    static const struct efi_name names[] = {EFI_NAME(u""), EFI_NAME(u"abc"),
                                            EFI_NAME(u"abcd")};
    const char *const texts[] = {"", "abc", "abcd"};
    struct efi_name name;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(efi_name_of(texts[i], &name), STATUS_OK);
        assert_memory_equal(&name, &names[i], sizeof(name));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_comes_once),
        cmocka_unit_test(too_many),
        cmocka_unit_test(circles),
        cmocka_unit_test(an_empty_name),
        cmocka_unit_test(an_error_is_named),
        cmocka_unit_test(names_of_ascii),
        cmocka_unit_test(names_in_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
