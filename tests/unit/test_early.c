// The early map grows with each read, until its tables are used up.
// The kernel's image is mapped at its physical address here, so that a table's
// address is the same for the code and for the page table.

#include "mm/early.h"

#include "mm/layout.h"
#include "mm/page_table.h"
#include "mm/vmap/vmap.h"
#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/said.h"

#define TABLES       16 // one of them is for the level above the gigabytes
#define ADDRESS_BITS 40

static _Alignas(PAGE_SIZE) uint64_t root[TABLE_ENTRIES];

uint64_t read_cr3(void) {
    return (va_t)root;
}

void write_cr3(uint64_t value) {
    assert_int_equal(value, (va_t)root);
}

static uint64_t efer = EFER_NXE;

uint64_t read_msr(uint32_t msr) {
    assert_int_equal(msr, MSR_EFER);
    return efer;
}

unsigned paging_levels(void) {
    return 4;
}

unsigned cpuid_address_bits(void) {
    return ADDRESS_BITS;
}

static int start(void **state) {
    (void)state;
    assert_int_equal(early_start(KERNEL_BASE), STATUS_OK);
    said[0] = '\0';
    return 0;
}

static void check_readable(pa_t pa, uint64_t bytes) {
    assert_ptr_equal(early_read(pa, bytes), (const void *)pa);
}

static void use_all_tables(void) {
    for (pa_t gib = 1; gib < TABLES; gib++)
        check_readable(gib * GIB, 8);
    assert_string_equal(said, "");
}

static void tables_end(void **state) {
    (void)state;
    use_all_tables();
    assert_null(early_read(TABLES * GIB, 8));
    assert_contains(said, "all 16 tables of the early map are taken");
    check_readable(GIB, 8);
    check_readable(TABLES * GIB - 8, 8); // in the last gigabyte that has one
    assert_null(early_read(TABLES * GIB - 8, 9));
}

static void a_new_start_has_all_tables(void **state) {
    (void)state;
    use_all_tables();
    start(state);
    check_readable(TABLES * GIB, 8);
    assert_string_equal(said, "");
}

static void a_device_has_all_tables(void **state) {
    (void)state;
    use_all_tables();
    assert_non_null(early_device(TABLES * GIB, 8));
    assert_string_equal(said, "");
    assert_null(early_device(GIB, TABLES * GIB));
    assert_contains(why(), "no frame for a table");
}

static void unreadable_input(void **state) {
    (void)state;
    const pa_t end = 1UL << ADDRESS_BITS;
    assert_null(early_read(0, 8));
    assert_null(early_read(end - 8, 9));
    assert_null(early_read(GIB, UINT64_MAX));
    check_readable(end - 8, 8);
}

static void a_processor_without_nx(void **state) {
    (void)state;
    efer = 0;
    assert_int_equal(early_start(KERNEL_BASE), STATUS_UNSUPPORTED);
    assert_contains(why(), "no NX bit");
    efer = EFER_NXE;
}

// Also if the same 2 MiB were read before, which would be cached.
static void a_device_is_uncached(void **state) {
    (void)state;
    check_readable(GIB, 8);
    assert_non_null(early_device(GIB, 8));
    const uint64_t *directory =
        (const uint64_t *)(((const uint64_t *)(root[0] & PTE_ADDRESS))[1] &
                           PTE_ADDRESS);
    assert_int_equal(directory[0] & MAP_UNCACHED, MAP_UNCACHED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_end, start),
        cmocka_unit_test_setup(a_new_start_has_all_tables, start),
        cmocka_unit_test_setup(a_device_has_all_tables, start),
        cmocka_unit_test_setup(a_device_is_uncached, start),
        cmocka_unit_test_setup(unreadable_input, start),
        cmocka_unit_test(a_processor_without_nx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
