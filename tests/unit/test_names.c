// The specification's names, each with its number; and its times.

#include "efi/types.h"

#include "efi/guard/guard.h"
#include "tests/unit/unit.h"

static void errors(void **state) {
    (void)state;
    assert_string_equal(efi_status_name(EFI_SUCCESS), "EFI_SUCCESS");
    assert_string_equal(efi_status_name(EFI_ERROR | 1), "EFI_LOAD_ERROR");
    assert_string_equal(efi_status_name(EFI_UNSUPPORTED), "EFI_UNSUPPORTED");
    assert_string_equal(efi_status_name(EFI_NOT_FOUND), "EFI_NOT_FOUND");
    assert_string_equal(efi_status_name(EFI_ABORTED), "EFI_ABORTED");
    assert_string_equal(efi_status_name(EFI_ERROR | 26),
                        "EFI_SECURITY_VIOLATION");
}

static void values_that_are_not_errors(void **state) {
    (void)state;
    const efi_status_t unknown[] = {
        1, 14, EFI_ERROR, EFI_ERROR | 27, 1UL << 62, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_string_equal(efi_status_name(unknown[i]), "EFI_UNKNOWN");
}

// A set has errors and EFI_SUCCESS; warnings share the errors' numbers.
static void sets_of_statuses(void **state) {
    (void)state;
    uint32_t set = EFI_STATUS_SET(EFI_SUCCESS) |
                   EFI_STATUS_SET(EFI_UNSUPPORTED) |
                   EFI_STATUS_SET(EFI_NOT_FOUND);
    assert_true(efi_status_in(EFI_SUCCESS, set));
    assert_true(efi_status_in(EFI_UNSUPPORTED, set));
    assert_true(efi_status_in(EFI_NOT_FOUND, set));
    const efi_status_t others[] = {3,
                                   14,
                                   1,
                                   EFI_ERROR,
                                   EFI_INVALID_PARAMETER,
                                   EFI_ERROR | 32 | 3,
                                   1UL << 62 | 3,
                                   UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(efi_status_in(others[i], set));
    assert_false(efi_status_in(EFI_SUCCESS, ~EFI_STATUS_SET(EFI_SUCCESS)));
}

static void services(void **state) {
    (void)state;
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        assert_string_not_equal(efi_service_name(i), "none");
    assert_string_equal(efi_service_name(EFI_GET_TIME), "GetTime");
    assert_string_equal(efi_service_name(EFI_SET_VIRTUAL_ADDRESS_MAP),
                        "SetVirtualAddressMap");
    assert_string_equal(efi_service_name(EFI_RESET_SYSTEM), "ResetSystem");
    assert_string_equal(efi_service_name(EFI_QUERY_VARIABLE_INFO),
                        "QueryVariableInfo");
    assert_string_equal(efi_service_name(EFI_SERVICES), "none");
}

static void memory_types(void **state) {
    (void)state;
    for (unsigned i = 0; i < EFI_MEMORY_TYPES; i++)
        assert_string_not_equal(efi_memory_type_name(i), "Unknown");
    assert_string_equal(efi_memory_type_name(EFI_RESERVED), "Reserved");
    assert_string_equal(efi_memory_type_name(EFI_RUNTIME_SERVICES_DATA),
                        "RuntimeServicesData");
    assert_string_equal(efi_memory_type_name(EFI_MMIO), "MMIO");
    assert_string_equal(efi_memory_type_name(EFI_UNACCEPTED), "Unaccepted");
    assert_string_equal(efi_memory_type_name(EFI_MEMORY_TYPES), "Unknown");
    assert_string_equal(efi_memory_type_name(~0u), "Unknown");
}

static const struct efi_time noon = {
    .year = 2012, .month = 2, .day = 29, .hour = 12, .zone = 60};

static void times(void **state) {
    (void)state;
    static const struct efi_time good[] = {
        {1900, 1, 1, 0, 0, 0, 0, 0, -1440, 0, 0},
        {9999, 12, 31, 23, 59, 59, 0, 999999999, 1440, 3, 0},
        {2000, 2, 29, 0, 0, 0, 0, 0, EFI_UNSPECIFIED_TIMEZONE, 0, 0},
        {2013, 7, 31, 0, 0, 0, 0, 0, 0, 1, 0},
        {2013, 8, 31, 0, 0, 0, 0, 0, 0, 2, 0},
        {2013, 9, 30, 0, 0, 0, 0, 0, 0, 0, 0}};
    assert_true(efi_is_time(&noon));
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(efi_is_time(&good[i]));
}

#define WRONG(field, value)                                                    \
    { offsetof(struct efi_time, field), sizeof(noon.field), value }

static void no_times(void **state) {
    (void)state;
    static const struct {
        size_t offset, bytes;
        uint64_t value;
    } wrong[] = {WRONG(year, 1899), WRONG(year, 10000),
                 WRONG(year, 2013), WRONG(year, 2100),
                 WRONG(month, 0),   WRONG(month, 13),
                 WRONG(month, 255), WRONG(day, 0),
                 WRONG(day, 30),    WRONG(day, 32),
                 WRONG(hour, 24),   WRONG(minute, 60),
                 WRONG(second, 60), WRONG(nanosecond, 1000000000),
                 WRONG(zone, 1441), WRONG(zone, (uint16_t)-1441),
                 WRONG(zone, 2048), WRONG(daylight, 4)};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct efi_time time = noon;
        memcpy((uint8_t *)&time + wrong[i].offset, &wrong[i].value,
               wrong[i].bytes);
        assert_false(efi_is_time(&time));
    }
}

static void last_days(void **state) {
    (void)state;
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    struct efi_time time = {.year = 1900};
    for (time.month = 1; time.month <= ARRAY_SIZE(days); time.month++)
        for (time.day = 1; time.day; time.day++)
            assert_int_equal(efi_is_time(&time),
                             time.day <= days[time.month - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors),
        cmocka_unit_test(values_that_are_not_errors),
        cmocka_unit_test(sets_of_statuses),
        cmocka_unit_test(services),
        cmocka_unit_test(memory_types),
        cmocka_unit_test(times),
        cmocka_unit_test(no_times),
        cmocka_unit_test(last_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
