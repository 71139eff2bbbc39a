// Type 0 of SMBIOS, by either entry point, and damaged.

#include "kernel/smbios/smbios.h"

#include "tests/unit/memory.h"

enum { ENTRY = 1, TABLE = 0x101 }; // unaligned
#define BIOS "\x00\x09\x00\x00\x01\x02\x00\x00\x03"
#define TEXTS                                                                  \
    "Maker \"1\" \0"                                                           \
    "2.0\0"                                                                    \
    "03/01/2013\0"                                                             \
    "\0"
#define OTHER                                                                  \
    "\x01\x05\x00\x00\x00"                                                     \
    "a\0"                                                                      \
    "\0"

static struct smbios_bios bios;

static void put(const char *table, size_t bytes) {
    memory_clear();
    memcpy(memory.at + ENTRY, "_SM3_", 5);
    put_u32(ENTRY + 12, bytes);
    put_u32(ENTRY + 16, MEMORY_PA + TABLE);
    memcpy(memory.at + TABLE, table, bytes);
    memset(&bios, 0, sizeof(bios));
}

static status_t look(void) {
    status_t status = smbios_read(MEMORY_PA + ENTRY, memory_read, &bios);
    memory_forget();
    return status;
}

static void test_the_first_bios(void **state) {
    (void)state;
    static const char table[] = OTHER BIOS TEXTS;
    put(table, sizeof(table) - 1);
    assert_int_equal(look(), STATUS_OK);
    assert_string_equal(bios.vendor,
                        "Maker ?1?"); // no quote, no blank at the end
    assert_string_equal(bios.version, "2.0");
    assert_string_equal(bios.date, "03/01/2013");
    memcpy(memory.at + ENTRY, "_SM_", 4);
    memset(memory.at + ENTRY + 4, 0, 27);
    memory.at[ENTRY + 22] = sizeof(table) - 1;
    put_u32(ENTRY + 24, MEMORY_PA + TABLE);
    memset(&bios, 0, sizeof(bios));
    assert_int_equal(look(), STATUS_OK);
    assert_string_equal(bios.date, "03/01/2013");
}

// A number of a string that is not there leads to none of the next structure.
static void test_a_missing_string(void **state) {
    (void)state;
    static const char table[] = "\x00\x09\x00\x00\x01\x00\x00\x00\x07"
                                "A\0\0" OTHER;
    put(table, sizeof(table) - 1);
    assert_int_equal(look(), STATUS_OK);
    assert_string_equal(bios.vendor, "A");
    assert_string_equal(bios.version, "");
    assert_string_equal(bios.date, "");
}

static void test_damage(void **state) {
    (void)state;
    static const char table[] = OTHER BIOS TEXTS;
    for (size_t bytes = 0; bytes < sizeof(table); bytes++) {
        put(table, bytes);
        (void)look(); // whatever it returns: no byte behind the table is read
    }
    put(OTHER, sizeof(OTHER) - 1);
    assert_int_equal(look(), STATUS_NOT_FOUND);
    put("\x00\x02", 2); // a length that would not go on
    assert_int_equal(look(), STATUS_NOT_FOUND);
    memory.at[ENTRY] = 'X';
    assert_int_equal(look(), STATUS_INVALID);
    put(table, sizeof(table) - 1);
    put_u32(ENTRY + 16, 0x10);
    assert_int_equal(look(), STATUS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_bios),
        cmocka_unit_test(test_a_missing_string),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
