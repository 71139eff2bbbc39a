// Each page of the firmware's regions is mapped as its mode requires, or the
// wrong one is named; and the memory that is not granted to the firmware.

#include "efi/space.h"

#include "efi/call.h"
#include "efi/gate.h"
#include "efi/guard/memory.h"
#include "efi/open.h"
#include "efi/quirk.h"
#include "efi/trace/touch.h"
#include "lib/format.h"
#include "mm/layout.h"
#include "mm/space.h"
#include "tests/unit/frames.h"
#include "tests/unit/kinds.h"
#include "tests/unit/machine/lib/x86.h"

#define CODE_PA 0x1000000UL
#define DATA_PA 0x2400000UL
#define ACPI_PA 0x5000000UL
#define FREE_PA 0x6000000UL

extern struct efi_firmware firmware_record;
struct gate_statistics gate_statistics;
struct page_table kernel_table;
struct efi_bounce efi_bounce;
uint64_t efi_bounce_shift;

static const struct efi_mode in_kernel_table = {.table = PAGE_TABLE_KERNEL};
static const struct efi_mode in_own_table = {.table = PAGE_TABLE_OWN};
static struct boot_info boot;
static struct memory_map *const memory = &boot.memory;

void write_cr3(uint64_t value) {
    (void)value;
}

status_t space_clone(struct page_table *table) {
    return page_table_init(table, 4, 2, &test_frames);
}

bool space_is_stack_guard(va_t va) {
    (void)va;
    return false;
}

status_t efi_services_map(struct page_table *private_table) {
    (void)private_table;
    return STATUS_OK;
}

bool efi_tolerates(const char *name) {
    (void)name;
    return false;
}

static int set_up(void **state) {
    (void)state;
    kernel_table = new_table(4, 2);
    *memory = (struct memory_map){0};
    memory_map_put(memory, ACPI_PA, PAGE_SIZE, MEMORY_ACPI);
    memory_map_put(memory, FREE_PA, PAGE_SIZE, MEMORY_USABLE);
    FOR_EACH_ROW(openings, row)
        if (row->when == OPENING_FOUND)
            assert_int_equal(row->run(&boot), STATUS_OK);
    firmware_record = (struct efi_firmware){.mode = &in_kernel_table};
    firmware_record.regions = (struct efi_regions){
        .count = 2,
        .region = {{EFI_RUNTIME_SERVICES_CODE, CODE_PA, EFI_WINDOW_END, 3,
                    EFI_MEMORY_WB, 0},
                   {EFI_RUNTIME_SERVICES_DATA, DATA_PA, EFI_WINDOW_END + GIB,
                    513, EFI_MEMORY_WB, 1}},
    };
    assert_int_equal(efi_space_map_kernel(), STATUS_OK);
    assert_int_equal(efi_space_build(), STATUS_OK);
    return 0;
}

static void check_named(const char *first, va_t va, const char *then, pa_t pa) {
    char text[80];
    assert_int_equal(efi_verify(), STATUS_FAILED);
    format(text, sizeof(text), "%s%#lx", first, va);
    assert_contains(why(), text);
    format(text, sizeof(text), "%s%#lx", then, pa);
    assert_contains(why(), text);
}

static void move(struct page_table *table, va_t va, pa_t pa) {
    assert_int_equal(page_table_protect(table, va, PAGE_SIZE, MAP_NONE),
                     STATUS_OK);
    if (pa)
        assert_int_equal(page_table_map(table, va, pa, PAGE_SIZE, MAP_ANY),
                         STATUS_OK);
}

static void check_page(const struct efi_region *region, uint64_t page) {
    va_t va = region->va + page * PAGE_SIZE;
    pa_t pa = region->pa + page * PAGE_SIZE;
    move(&kernel_table, va, 0);
    check_named("va ", va, "not mapped; pa ", pa);
    assert_int_equal(
        page_table_map(&kernel_table, va, FREE_PA, PAGE_SIZE, MAP_ANY),
        STATUS_OK);
    check_named("va ", va, "not to ", pa);
    move(&kernel_table, va, pa);
    assert_int_equal(efi_verify(), STATUS_OK);
}

static void every_page_is_looked_at(void **state) {
    (void)state;
    assert_int_equal(efi_verify(), STATUS_OK);
    for (size_t i = 0; i < firmware->regions.count; i++)
        for (uint64_t page = 0; page < firmware->regions.region[i].pages;
             page++)
            check_page(&firmware->regions.region[i], page);
}

// The table that the mode uses for calls is checked.
static void the_table_of_the_mode(void **state) {
    (void)state;
    firmware_record.mode = &in_own_table;
    check_named("va ", EFI_WINDOW_END, "not mapped; pa ", CODE_PA);
    for (size_t i = 0; i < firmware->regions.count; i++)
        firmware_record.regions.region[i].va = firmware->regions.region[i].pa;
    assert_int_equal(efi_verify(), STATUS_OK);
    move(&firmware_table, DATA_PA + PAGE_SIZE, 0);
    check_named("va ", DATA_PA + PAGE_SIZE, "not mapped; pa ",
                DATA_PA + PAGE_SIZE);
}

static status_t grant(va_t va, bool execute) {
    return efi_grant(firmware_table.root_pa, va, execute);
}

static void check_refused(va_t va, bool execute) {
    char text[40];
    assert_int_equal(grant(va, execute), STATUS_REFUSED);
    format(text, sizeof(text), "can be granted at %#lx", va);
    assert_contains(why(), text);
}

static void refused_grants(void **state) {
    (void)state;
    check_refused(FREE_PA, false);
    check_refused(FREE_PA + GIB, false); // a hole
    check_refused(ACPI_PA, true);        // data is not executed
    check_refused(DATA_PA, true);
    check_refused(DATA_PA, false); // it has this right already
    check_refused(CODE_PA, true);
    assert_int_equal(grant(ACPI_PA + 8, false), STATUS_OK);
    check_refused(ACPI_PA + 8, false);
    assert_int_equal(kind_at(memory, ACPI_PA), MEMORY_RUNTIME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_page_is_looked_at, set_up),
        cmocka_unit_test_setup(the_table_of_the_mode, set_up),
        cmocka_unit_test_setup(refused_grants, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
