// The specification's names: each where its number is.

#include "efi/types.h"
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

static void what_is_no_error(void **state) {
    (void)state;
    const efi_status_t unknown[] = {
        1, 14, EFI_ERROR, EFI_ERROR | 27, 1UL << 62, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_string_equal(efi_status_name(unknown[i]), "EFI_UNKNOWN");
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors),
        cmocka_unit_test(what_is_no_error),
        cmocka_unit_test(services),
        cmocka_unit_test(memory_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
