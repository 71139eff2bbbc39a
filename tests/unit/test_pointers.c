// What SetVirtualAddressMap did to the pointers of the firmware's tables: each
// has to lead to where it did before. Two regions change places, so that an
// address says nothing about whether it is virtual.

#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/open.h"
#include "efi/quirk.h"
#include "tests/unit/unit.h"

#define FIRST_PA  0x100000UL
#define SECOND_PA 0x200000UL
#define FIRST_VA  0xffff800000100000UL
#define SECOND_VA 0xffff800000300000UL
#define OTHER     0x700000UL // in no region

extern struct efi_firmware firmware_record;
struct gate_statistics gate_statistics;

static const struct efi_region regions[] = {
    {.pa = FIRST_PA, .va = FIRST_VA, .pages = 1},
    {.pa = SECOND_PA, .va = SECOND_VA, .pages = 1}};

static const struct efi_region *find(const struct efi_regions *all,
                                     bool is_virtual, uint64_t address,
                                     uint64_t bytes) {
    assert_ptr_equal(all, &firmware->regions);
    assert_int_equal(bytes, 1);
    for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
        uint64_t start = is_virtual ? regions[i].va : regions[i].pa;
        if (address >= start && address - start < PAGE_SIZE)
            return &regions[i];
    }
    return NULL;
}

const struct efi_region *efi_region_of_va(const struct efi_regions *all,
                                          va_t va, uint64_t bytes) {
    return find(all, true, va, bytes);
}

const struct efi_region *efi_region_of_pa(const struct efi_regions *all,
                                          pa_t pa, uint64_t bytes) {
    return find(all, false, pa, bytes);
}

const char *efi_service_name(enum efi_service service) {
    static char name[] = "service A";
    name[sizeof(name) - 2] = 'A' + service;
    return name;
}

static bool tolerates;
static unsigned deviations;

bool efi_tolerates(const char *name) {
    assert_string_equal(name, "pointer-lost");
    deviations++;
    return tolerates;
}

// All was moved.
static int set_up(void **state) {
    (void)state;
    struct efi_firmware *f = &firmware_record;
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        f->runtime.service[i] = FIRST_VA + 16 * i;
    f->svam = SVAM_CALLED;
    f->runtime_table_pa = SECOND_PA + 8;
    f->system.runtime_services = SECOND_VA + 8;
    f->setup.firmware_vendor_pa = FIRST_PA + 0x800;
    f->system.firmware_vendor = FIRST_VA + 0x800;
    f->setup.config_tables_pa = SECOND_PA + 0x800;
    f->system.config_tables = SECOND_VA + 0x800;
    tolerates = false;
    deviations = 0;
    return 0;
}

static status_t check(void) {
    status_t status = STATUS_UNSUPPORTED;
    FOR_EACH_ROW(openings, row) {
        assert_int_equal(row->when, OPENING_MAPPED);
        status = row->run(NULL);
    }
    return status;
}

static void all_was_moved(void **state) {
    (void)state;
    assert_int_equal(check(), STATUS_OK);
    assert_int_equal(deviations, 0);
}

// What was never converted is right.
static void nothing_was_moved(void **state) {
    (void)state;
    struct efi_firmware *f = &firmware_record;
    f->svam = SVAM_NEVER;
    f->runtime.service[EFI_GET_TIME] = FIRST_PA;
    f->system.runtime_services = SECOND_PA + 8;
    f->system.firmware_vendor = FIRST_PA + 0x800;
    assert_int_equal(check(), STATUS_OK);
    assert_int_equal(deviations, 0);
}

// Two services stay physical; one that led nowhere still does.
static void a_service_was_not_moved(void **state) {
    for (unsigned i = 0; i < EFI_SERVICES; i++) {
        bool stays =
            i == EFI_SET_VIRTUAL_ADDRESS_MAP || i == EFI_CONVERT_POINTER;
        set_up(state);
        firmware_record.runtime.service[i] = SECOND_PA + 4;
        assert_int_equal(check(), stays ? STATUS_OK : STATUS_FAILED);
        if (!stays) {
            assert_contains(why(), efi_service_name(i));
            assert_contains(why(), "is at 0x200004, a physical address");
        }
        firmware_record.runtime.service[i] = OTHER;
        assert_int_equal(check(), STATUS_OK);
    }
}

static void the_table_was_not_moved(void **state) {
    (void)state;
    static const va_t wrong[] = {SECOND_PA + 8, SECOND_VA, FIRST_VA + 8, OTHER};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        firmware_record.system.runtime_services = wrong[i];
        assert_int_equal(check(), STATUS_FAILED);
        assert_contains(why(), "the table at pa 0x200008 is mapped at va "
                               "0xffff800000300008");
    }
}

// Unless there was none; and what is known of firmware is tolerated.
static void a_pointer_was_not_moved(void **state) {
    static const va_t wrong[] = {FIRST_PA + 0x800, FIRST_VA, OTHER, 0};
    for (unsigned second = 0; second < 2; second++)
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
            set_up(state);
            struct efi_firmware *f = &firmware_record;
            *(second ? &f->system.config_tables : &f->system.firmware_vendor) =
                wrong[i];
            assert_int_equal(check(), STATUS_FAILED);
            assert_contains(why(), second ? "ConfigurationTable is"
                                          : "FirmwareVendor is");
            assert_contains(why(), second ? "leads to pa 0x200800"
                                          : "leads to pa 0x100800");
            tolerates = true;
            assert_int_equal(check(), STATUS_OK);
            assert_int_equal(deviations, 2);
            *(second ? &f->setup.config_tables_pa
                     : &f->setup.firmware_vendor_pa) = 0;
            assert_int_equal(check(), STATUS_OK);
            assert_int_equal(deviations, 2);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_was_moved, set_up),
        cmocka_unit_test_setup(nothing_was_moved, set_up),
        cmocka_unit_test_setup(a_service_was_not_moved, set_up),
        cmocka_unit_test_setup(the_table_was_not_moved, set_up),
        cmocka_unit_test_setup(a_pointer_was_not_moved, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
