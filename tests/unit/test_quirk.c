// A kernel without efi/quirks: deviations are refused, with the reason.

#include "efi/quirk.h"

#include "efi/tables.h"
#include "tests/unit/unit.h"

static struct efi_system_table table;

const void *physical_read(pa_t pa, uint64_t bytes) {
    (void)pa, (void)bytes;
    return NULL;
}

static const void *read(pa_t pa, uint64_t bytes) {
    return pa == 8 && bytes <= sizeof(table) ? &table : NULL;
}

static status_t check(uint32_t crc, bool crc_matters) {
    table.header =
        (struct efi_table_header){.signature = EFI_SYSTEM_TABLE_SIGNATURE,
                                  .header_bytes = sizeof(table),
                                  .crc32 = crc};
    return efi_table_check(8, EFI_SYSTEM_TABLE_SIGNATURE, sizeof(table),
                           crc_matters, "system table", read);
}

static void nothing_is_tolerated(void **state) {
    (void)state;
    assert_int_equal(quirks_end - quirks_start, 0);
    assert_false(efi_tolerates("crc-never-filled"));
    assert_int_equal(check(0, true), STATUS_INVALID);
    assert_contains(why(), "the header says 0");
    assert_int_equal(check(1, false), STATUS_INVALID);
    assert_contains(why(), "the header says 0x1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_tolerated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
