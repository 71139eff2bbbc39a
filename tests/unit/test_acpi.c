// The path from the RSDP to the reset register, valid and damaged.

#include "kernel/acpi/acpi.h"

#include "tests/unit/memory.h"

enum { RSDP = 3, ROOT = 0x101, OTHER = 0x203, FADT = 0x305 }; // unaligned
enum {
    FLAGS = FADT + 112,
    REGISTER = FADT + 116,
    ADDRESS = REGISTER + 4,
    VALUE = FADT + 128,
    FADT_BYTES = 129
};

static void seal(size_t at, size_t bytes, size_t checksum) {
    uint8_t sum = 0;
    memory.at[at + checksum] = 0;
    for (size_t i = 0; i < bytes; i++)
        sum += memory.at[at + i];
    memory.at[at + checksum] = (uint8_t)-sum;
}

static void put_table(size_t at, const char *signature, uint32_t bytes) {
    memcpy(memory.at + at, signature, 4);
    put_u32(at + 4, bytes);
    seal(at, bytes, 9);
}

static void put_rsdp(uint8_t revision) {
    memcpy(memory.at + RSDP, "RSD PTR ", 8);
    memory.at[RSDP + 15] = revision;
    put_u32(RSDP + 16, MEMORY_PA + ROOT);
    put_u32(RSDP + 20, 36);
    put_u32(RSDP + 24, MEMORY_PA + ROOT);
    seal(RSDP, 20, 8);
    seal(RSDP, 36, 32);
}

// Another table, then the FADT; in entries of 4 bytes or 8.
static void put_root(uint8_t revision) {
    unsigned entry = revision >= 2 ? 8 : 4;
    put_u32(ROOT + 36, MEMORY_PA + OTHER);
    put_u32(ROOT + 36 + entry, MEMORY_PA + FADT);
    put_table(ROOT, revision >= 2 ? "XSDT" : "RSDT", 36 + 2 * entry);
}

static void put_all(uint8_t revision) {
    memory_clear();
    put_rsdp(revision);
    put_root(revision);
    put_table(OTHER, "APIC", 40);
    put_u32(FLAGS, 1 << 10);
    put_u32(REGISTER, 0x01000801); // I/O, 8 bits from bit 0
    put_u32(ADDRESS, 0xcf9);
    memory.at[VALUE] = 0x0f;
    put_table(FADT, "FACP", FADT_BYTES);
}

static struct acpi_reset reset;

static status_t find(pa_t rsdp_pa) {
    status_t status = acpi_find_reset(rsdp_pa, memory_read, &reset);
    memory_forget();
    return status;
}

static void expect(status_t status, const char *reason) {
    assert_int_equal(find(MEMORY_PA + RSDP), status);
    assert_contains(why(), reason);
}

static void a_port_by_either_table(void **state) {
    (void)state;
    for (uint8_t revision = 0; revision <= 2; revision += 2) {
        put_all(revision);
        assert_int_equal(find(MEMORY_PA + RSDP), STATUS_OK);
        assert_false(reset.is_memory);
        assert_int_equal(reset.address, 0xcf9);
        assert_int_equal(reset.value, 0x0f);
    }
}

static void in_memory(void **state) {
    (void)state;
    put_all(2);
    memory.at[REGISTER] = 0;
    put_u32(ADDRESS + 4, 1);
    put_table(FADT, "FACP", FADT_BYTES);
    assert_int_equal(find(MEMORY_PA + RSDP), STATUS_OK);
    assert_true(reset.is_memory);
    assert_int_equal(reset.address, 0x100000cf9);
}

// A byte of the FADT is changed, and its checksum corrected.
static void expect_of_fadt(size_t at, uint8_t value, status_t status,
                           const char *reason) {
    put_all(2);
    memory.at[at] = value;
    seal(FADT, FADT_BYTES, 9);
    expect(status, reason);
}

static void registers_that_are_refused(void **state) {
    (void)state;
    expect_of_fadt(FLAGS + 1, 0, STATUS_NOT_FOUND, "flags 0: no reset");
    expect_of_fadt(REGISTER, 2, STATUS_UNSUPPORTED, "address space 2");
    expect_of_fadt(REGISTER + 1, 16, STATUS_UNSUPPORTED, "of 16 bits");
    expect_of_fadt(REGISTER + 2, 1, STATUS_UNSUPPORTED, "from bit 1");
    expect_of_fadt(ADDRESS + 2, 1, STATUS_UNSUPPORTED, "at 0x10cf9");
}

static void tables_that_are_refused(void **state) {
    (void)state;
    assert_int_equal(find(0), STATUS_NOT_FOUND);
    assert_contains(why(), "no readable RSDP at 0");
    put_all(2);
    put_table(FADT, "FACP", FADT_BYTES - 1);
    expect(STATUS_INVALID, "has 128 bytes");
    put_table(FADT, "FACQ", FADT_BYTES);
    expect(STATUS_NOT_FOUND, "no readable FACP in the XSDT");
    put_table(ROOT, "XSDT", 35);
    expect(STATUS_INVALID, "has 35 bytes");
    put_table(ROOT, "XSDT", 64 * KIB + 1);
    expect(STATUS_INVALID, "has 65537 bytes; must be 36 to 65536");
    put_table(ROOT, "RSDT", 52);
    expect(STATUS_NOT_FOUND, "no readable XSDT");
}

// Every byte of every table is part of a checksum.
static void damaged_everywhere(void **state) {
    (void)state;
    static const struct {
        size_t at, bytes;
    } tables[] = {{RSDP, 36}, {ROOT, 52}, {FADT, FADT_BYTES}};
    put_all(2);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (size_t at = tables[i].at; at < tables[i].at + tables[i].bytes;
             at++) {
            memory.at[at] ^= 0x10;
            assert_int_not_equal(find(MEMORY_PA + RSDP), STATUS_OK);
            memory.at[at] ^= 0x10;
        }
}

static void cut_everywhere(void **state) {
    (void)state;
    put_all(2);
    for (memory.bytes = 0; memory.bytes < FADT + FADT_BYTES; memory.bytes++)
        assert_int_not_equal(find(MEMORY_PA + RSDP), STATUS_OK);
    assert_int_equal(find(MEMORY_PA + RSDP), STATUS_OK);
}

// A table whose length differs when it is read again.
static const void *read_while_it_grows(pa_t pa, uint64_t bytes) {
    const void *copy = memory_read(pa, bytes);
    if (pa == MEMORY_PA + ROOT) {
        put_u32(ROOT + 4, 0x8000);
        seal(ROOT, 36 + 2 * 8, 9);
    }
    return copy;
}

static void a_length_is_read_once(void **state) {
    (void)state;
    put_all(2);
    put_u32(FADT, 0); // so that it reads each entry
    assert_int_equal(
        acpi_find_reset(MEMORY_PA + RSDP, read_while_it_grows, &reset),
        STATUS_NOT_FOUND);
    assert_contains(why(), "no readable FACP");
    memory_forget();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_by_either_table),
        cmocka_unit_test(in_memory),
        cmocka_unit_test(registers_that_are_refused),
        cmocka_unit_test(tables_that_are_refused),
        cmocka_unit_test(a_length_is_read_once),
        cmocka_unit_test(damaged_everywhere),
        cmocka_unit_test(cut_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
