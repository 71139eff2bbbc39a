// The firmware's tables: headers and their CRC, the configuration table, and
// the Memory Attributes Table up to the resulting page rights.

#include "efi/config/config.h"
#include "efi/tables.h"

#include <stdio.h>

#include "efi/protect/attributes.h"
#include "efi/quirks/vendor.h"
#include "efi/services/properties.h"
#include "lib/crc32.h"
#include "tests/unit/frames.h"
#include "tests/unit/memory.h"

#define SIGNATURE EFI_RUNTIME_TABLE_SIGNATURE
#define BYTES_MIN sizeof(struct efi_runtime_services)

static int begin(void **state) {
    (void)state;
    memory_clear();
    return 0;
}

const void *physical_read(pa_t pa, uint64_t bytes) {
    return memory_read(pa, bytes);
}

// ---- headers

static struct efi_table_header *const header = (void *)memory.at;

static void sign(void) {
    header->crc32 = 0;
    header->crc32 = crc32(0, memory.at, header->header_bytes);
}

// A valid table at the start of memory, and nothing after it.
static void put_table(uint32_t bytes) {
    uint64_t random = 0x54424c;
    for (uint32_t i = 0; i < bytes; i++)
        memory.at[i] = (uint8_t)next_random(&random);
    header->signature = SIGNATURE;
    header->header_bytes = bytes;
    memory.bytes = bytes;
    sign();
}

static status_t check_at(pa_t pa, bool crc_matters) {
    status_t status = efi_table_check(pa, SIGNATURE, BYTES_MIN, crc_matters,
                                      "such table", memory_read);
    memory_forget();
    return status;
}

static void expect(status_t status, const char *reason) {
    assert_int_equal(status, STATUS_INVALID);
    assert_contains(why(), reason);
}

static void valid_tables(void **state) {
    (void)state;
    const uint32_t sizes[] = {BYTES_MIN, BYTES_MIN + 1, 1000, PAGE_SIZE};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        put_table(sizes[i]);
        assert_int_equal(check_at(MEMORY_PA, true), STATUS_OK);
        assert_int_equal(check_at(MEMORY_PA, false), STATUS_OK);
    }
}

static void other_signatures(void **state) {
    (void)state;
    put_table(BYTES_MIN);
    header->signature = EFI_SYSTEM_TABLE_SIGNATURE;
    sign();
    expect(check_at(MEMORY_PA, false),
           "such table at 0x1230000: signature 0x5453595320494249, "
           "not 0x56524553544e5552");
}

static void impossible_header_sizes(void **state) {
    (void)state;
    put_table(BYTES_MIN);
    header->header_bytes = 0;
    expect(check_at(MEMORY_PA, false), "header of 0 bytes");
    header->header_bytes = BYTES_MIN - 1;
    expect(check_at(MEMORY_PA, false), "header of 135 bytes");
    header->header_bytes = BYTES_MIN + 1; // beyond the end of memory
    expect(check_at(MEMORY_PA, false), "header of 137 bytes");
    memory.bytes = MEMORY_BYTES;
    header->header_bytes = PAGE_SIZE + 1;
    expect(check_at(MEMORY_PA, false), "header of 4097 bytes");
    header->header_bytes = ~0u;
    expect(check_at(MEMORY_PA, false), "header of 4294967295 bytes");
}

// Each bit in turn: all are detected if the CRC is checked; otherwise only
// those of signature and size.
static void every_bit_matters(void **state) {
    (void)state;
    put_table(BYTES_MIN + 7);
    for (uint32_t bit = 0; bit < 8 * memory.bytes; bit++) {
        size_t byte = bit / 8;
        bool is_size = byte >= 12 && byte < 16;
        memory.at[byte] ^= 1 << bit % 8;
        assert_int_equal(check_at(MEMORY_PA, true), STATUS_INVALID);
        status_t status = check_at(MEMORY_PA, false);
        memory.at[byte] ^= 1 << bit % 8;
        if (!is_size)
            assert_int_equal(status, byte < 8 ? STATUS_INVALID : STATUS_OK);
    }
}

static void both_checksums_are_named(void **state) {
    (void)state;
    put_table(BYTES_MIN);
    uint32_t right = header->crc32;
    char reason[64];
    header->crc32 = 0x1234567;
    snprintf(reason, sizeof(reason), "CRC is %#x, the header says 0x1234567",
             right);
    expect(check_at(MEMORY_PA, true), reason);
}

// Only the signature is checked in a header that was never filled in.
static void a_crc_of_zero(void **state) {
    (void)state;
    const uint32_t sizes[] = {BYTES_MIN, 0, 8, ~0u};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        put_table(BYTES_MIN);
        header->header_bytes = sizes[i];
        header->crc32 = 0;
        assert_int_equal(check_at(MEMORY_PA, true), STATUS_OK);
        assert_int_equal(check_at(MEMORY_PA, false), STATUS_OK);
    }
    header->signature++;
    expect(check_at(MEMORY_PA, true), "signature");
}

// How many services of a table with that header are found, all in a row.
static unsigned services_within(uint32_t header_bytes, uint32_t word_bytes) {
    static struct efi_runtime_services table;
    unsigned within = 0;
    memset(memory.at, 0x5a, PAGE_SIZE);
    memory.bytes = PAGE_SIZE;
    header->signature = EFI_RUNTIME_TABLE_SIGNATURE;
    header->header_bytes = header_bytes;
    sign();
    assert_int_equal(
        efi_runtime_table_read(MEMORY_PA, word_bytes, true, &table), STATUS_OK);
    memory_forget();
    uint64_t found = word_bytes == 8 ? 0x5a5a5a5a5a5a5a5a : 0x5a5a5a5a;
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        within += table.service[i] == found && within == i;
    return within;
}

static void services_beyond_the_end(void **state) {
    (void)state;
    const uint32_t all = sizeof(struct efi_runtime_services);
    assert_int_equal(services_within(112, 8), EFI_UPDATE_CAPSULE); // EFI 1.10
    assert_int_equal(services_within(all - 1, 8), EFI_QUERY_VARIABLE_INFO);
    assert_int_equal(services_within(all, 8), EFI_SERVICES);
    assert_int_equal(services_within(PAGE_SIZE, 8), EFI_SERVICES);
    assert_int_equal(services_within(68, 4), EFI_UPDATE_CAPSULE);
    assert_int_equal(services_within(80, 4), EFI_SERVICES);
}

// It is readable and valid; but the space for all services is not in memory.
static void a_short_table_at_the_end_of_memory(void **state) {
    static struct efi_runtime_services table;
    (void)state;
    put_table(efi_table_bytes(8, EFI_UPDATE_CAPSULE));
    status_t status = efi_runtime_table_read(MEMORY_PA, 8, true, &table);
    memory_forget();
    expect(status, "table at 0x1230000: not all is readable");
}

static void a_system_table_of_either_width(void **state) {
    static struct efi_system_table table;
    (void)state;
    for (uint32_t bytes = 4; bytes <= 8; bytes += 4) {
        put_table(efi_table_bytes(bytes, EFI_SYSTEM_WORDS));
        header->signature = EFI_SYSTEM_TABLE_SIGNATURE;
        memset(header + 1, 0, EFI_SYSTEM_WORDS * bytes);
        for (uint32_t i = 0; i < EFI_SYSTEM_WORDS; i++)
            memory.at[sizeof(*header) + i * bytes] = (uint8_t)(0x10 + i);
        sign();
        assert_int_equal(efi_system_table_read(MEMORY_PA, bytes, true, &table),
                         STATUS_OK);
        memory_forget();
        assert_int_equal(table.firmware_vendor, 0x10);
        assert_int_equal(table.runtime_services, 0x18);
        assert_int_equal(table.config_table_count, 0x1a);
        assert_int_equal(table.config_tables, 0x1b);
    }
}

static void unreadable_tables(void **state) {
    (void)state;
    const pa_t places[] = {8, MEMORY_PA - 8, MEMORY_PA + 4, MEMORY_PA + 8,
                           UINT64_MAX - 7};
    put_table(BYTES_MIN);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        char reason[64];
        snprintf(reason, sizeof(reason),
                 "such table: %#lx is not aligned, readable", places[i]);
        expect(check_at(places[i], false), reason);
    }
    for (memory.bytes = 0; memory.bytes < BYTES_MIN; memory.bytes++)
        expect(check_at(MEMORY_PA, false),
               "0x1230000 is not aligned, readable");

    put_table(BYTES_MIN);
    memmove(memory.at + 4, memory.at, BYTES_MIN);
    memory.bytes = MEMORY_BYTES; // readable, but misaligned
    expect(check_at(MEMORY_PA + 4, false),
           "0x1230004 is not aligned, readable");
}

// ---- the configuration table

#define CONFIG_MAX 1024

static struct efi_config_table *const config = (void *)memory.at;

static void put_config(void) {
    config[0] = (struct efi_config_table){efi_guid_acpi, 0xaaaa};
    config[1] = (struct efi_config_table){efi_guid_smbios, 0x5555};
    config[2] = (struct efi_config_table){efi_guid_acpi, 0xbbbb};
    memory.bytes = 3 * sizeof(*config);
}

static pa_t find_at(pa_t pa, uint64_t count, const struct efi_guid *guid) {
    struct efi_config_list list = {pa, count, 8};
    pa_t found = efi_config_find(&list, guid, memory_read);
    memory_forget();
    return found;
}

static void tables_by_guid(void **state) {
    (void)state;
    put_config();
    assert_int_equal(find_at(MEMORY_PA, 3, &efi_guid_acpi), 0xaaaa);
    assert_int_equal(find_at(MEMORY_PA, 3, &efi_guid_smbios), 0x5555);
    assert_int_equal(find_at(MEMORY_PA, 3, &efi_guid_memory_attributes), 0);
    assert_int_equal(find_at(MEMORY_PA, 1, &efi_guid_smbios), 0);
    struct efi_config_list long_list = {MEMORY_PA, 1UL << 61, 8};
    assert_false(efi_config_readable(&long_list, memory_read));
    assert_contains(why(), "more than 1024");
    assert_int_equal(find_at(MEMORY_PA, 0, &efi_guid_acpi), 0);
}

static void all_of_a_guid_counts(void **state) {
    (void)state;
    put_config();
    for (size_t bit = 0; bit < 8 * sizeof(struct efi_guid); bit++) {
        uint8_t *byte = memory.at + sizeof(*config) + bit / 8;
        *byte ^= 1 << bit % 8;
        assert_int_equal(find_at(MEMORY_PA, 3, &efi_guid_smbios), 0);
        *byte ^= 1 << bit % 8;
    }
}

static void hostile_counts(void **state) {
    (void)state;
    const uint64_t counts[] = {4, CONFIG_MAX + 1, ~0u, UINT64_MAX,
                               UINT64_MAX / sizeof(*config) + 1};
    put_config();
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        assert_int_equal(find_at(MEMORY_PA, counts[i], &efi_guid_acpi), 0);

    memory.bytes = MEMORY_BYTES;
    config[CONFIG_MAX - 1].vendor = efi_guid_memory_attributes;
    config[CONFIG_MAX - 1].table_pa = 0xcccc;
    assert_int_equal(
        find_at(MEMORY_PA, CONFIG_MAX, &efi_guid_memory_attributes), 0xcccc);
    assert_int_equal(
        find_at(MEMORY_PA, CONFIG_MAX + 1, &efi_guid_memory_attributes), 0);
}

static void unreadable_config_tables(void **state) {
    (void)state;
    put_config();
    assert_int_equal(find_at(0, 3, &efi_guid_acpi), 0);
    assert_int_equal(find_at(UINT64_MAX - 7, 3, &efi_guid_acpi), 0);
    memory.bytes--;
    assert_int_equal(find_at(MEMORY_PA, 3, &efi_guid_acpi), 0);

    memmove(memory.at + 4, memory.at, 3 * sizeof(*config));
    memory.bytes = MEMORY_BYTES;
    assert_int_equal(find_at(MEMORY_PA + 4, 3, &efi_guid_acpi), 0);
}

// ---- the Memory Attributes Table

#define CODE EFI_RUNTIME_SERVICES_CODE
#define DATA EFI_RUNTIME_SERVICES_DATA
#define RO   EFI_MEMORY_RO
#define XP   EFI_MEMORY_XP

// The first two touch; the third is large enough for a large page.
static const struct efi_regions regions = {
    3,
    {{CODE, 0x1000000, 0xfffffffeff000000, 0x10, EFI_MEMORY_RUNTIME, 0},
     {DATA, 0x1010000, 0xfffffffeff110000, 0x20, EFI_MEMORY_RUNTIME, 1},
     {CODE, 0x2000000, 0xfffffffeff200000, 0x400, EFI_MEMORY_RUNTIME, 2}}};

static const struct efi_memory_descriptor good_rows[] = {
    {CODE, 0, 0x1001000, 0, 1, RO},
    {EFI_CONVENTIONAL, 0, 0x123, 0, UINT64_MAX, 0}, // is none of our business
    {CODE, 0, 0x1002000, 0, 0xe, XP},
    {DATA, 0, 0x1010000, 0, 0x20, XP | RO},
    {CODE, 0, 0x2003000, 0, 0x205, RO},
    {CODE, 0, 0x23ff000, 0, 1, 0},
};

static struct efi_attributes attributes;
static struct efi_memory_attributes_table *const table = (void *)memory.at;

static void put_rows(const struct efi_memory_descriptor *rows, uint32_t count,
                     uint32_t step) {
    *table = (struct efi_memory_attributes_table){1, count, step, 0};
    for (uint32_t i = 0; i < count; i++)
        memcpy(table->descriptor + i * step, &rows[i], sizeof(rows[i]));
    memory.bytes = sizeof(*table) + count * step;
}

static void put_good_rows(void) {
    put_rows(good_rows, ARRAY_SIZE(good_rows), 48);
}

static status_t read_at(pa_t pa) {
    status_t status =
        efi_attributes_read(pa, &regions, &attributes, memory_read);
    memory_forget();
    return status;
}

static void rows_arrive(void **state) {
    (void)state;
    const uint32_t steps[] = {40, 41, 48, PAGE_SIZE};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        for (uint32_t version = 1; version <= 2; version++) {
            put_rows(good_rows, ARRAY_SIZE(good_rows), steps[i]);
            table->version = version;
            assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
            assert_int_equal(attributes.count, 5);
            assert_int_equal(attributes.row[1].pa, 0x1002000);
            assert_int_equal(attributes.row[1].pages, 0xe);
            assert_int_equal(attributes.row[1].attributes, XP);
        }
}

static void a_table_without_rows(void **state) {
    (void)state;
    put_rows(good_rows, 0, 48);
    assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
    assert_int_equal(attributes.count, 0);
}

static void impossible_heads(void **state) {
    (void)state;
    static const char known[] = "supported are versions 1 to 2";
    static const char unreadable[] = "are not in readable memory";
    const struct {
        struct efi_memory_attributes_table head;
        const char *reason;
    } heads[] = {
        {{0, 6, 48, 0}, known},   {{3, 6, 48, 0}, known},
        {{~0u, 6, 48, 0}, known}, {{1, 7, 48, 0}, unreadable},
        {{1, 4097, 0, 0}, known}, {{1, 4097, 48, 0}, "up to 4096 rows"},
        {{1, ~0u, 48, 0}, known}, {{1, 6, 0, 0}, known},
        {{1, 6, 39, 0}, known},   {{1, 6, 49, 0}, unreadable},
        {{1, 6, 4097, 0}, known}, {{1, 6, ~0u, 0}, known},
    };
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        put_good_rows();
        *table = heads[i].head;
        expect(read_at(MEMORY_PA), heads[i].reason);
        assert_contains(why(), "0x1230000");
        assert_int_equal(attributes.count, 0);
    }
}

static void unreadable_rows(void **state) {
    (void)state;
    put_good_rows();
    expect(read_at(0x5000), "0x5000 is not aligned, readable memory");
    uint64_t bytes = memory.bytes;
    for (memory.bytes = 0; memory.bytes < bytes; memory.bytes++)
        expect(read_at(MEMORY_PA), "readable memory");
    memmove(memory.at + 2, memory.at, bytes);
    memory.bytes = MEMORY_BYTES;
    expect(read_at(MEMORY_PA + 2), "0x1230002 is not aligned, readable memory");
}

static const struct {
    uint64_t pa, pages;
    const char *reason;
} bad_rows[] = {
    {0xfff000, 1, "1 pages at 0xfff000 are in no runtime region"},
    {0xfff000, 2, "2 pages at 0xfff000"},
    {0x100f000, 2, "2 pages at 0x100f000"}, // over two regions that touch
    {0x1010000, 0x21, "33 pages at 0x1010000"},
    {0x1030000, 1, "1 pages at 0x1030000"},
    {0x1001000, 0, "0 pages at 0x1001000"},
    {0x1001000, 1UL << 40, "1099511627776 pages at 0x1001000"},
    {0x1001000, (1UL << 52) + 1, "4503599627370497 pages at 0x1001000"},
    {0x1001000, UINT64_MAX, "18446744073709551615 pages at 0x1001000"},
    {0x1001008, 1, "1 pages at 0x1001008"},
    {0xfffffffffffff000, 1, "1 pages at 0xfffffffffffff000"},
    {0xfffffffeff000000, 1, "1 pages at 0xfffffffeff000000"}, // a va
};

static void bad_rows_are_named(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_rows); i++) {
        const struct efi_memory_descriptor row = {
            DATA, 0, bad_rows[i].pa, 0, bad_rows[i].pages, XP};
        put_rows(&row, 1, 48);
        expect(read_at(MEMORY_PA), bad_rows[i].reason);
    }
}

static void rows_out_of_order(void **state) {
    (void)state;
    struct efi_memory_descriptor rows[] = {{CODE, 0, 0x1004000, 0, 2, RO},
                                           {CODE, 0, 0x1005000, 0, 1, XP}};
    put_rows(rows, 2, 48);
    expect(read_at(MEMORY_PA), "the row at 0x1005000 starts before the last "
                               "one ends, at 0x1006000");
    rows[1].physical_start = 0x1003000;
    put_rows(rows, 2, 48);
    expect(read_at(MEMORY_PA), "the row at 0x1003000 starts before");
    rows[1].physical_start = 0x1006000;
    put_rows(rows, 2, 48);
    assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
}

static void too_many_rows(void **state) {
    (void)state;
    struct efi_memory_descriptor rows[ATTRIBUTES_MAX + 1];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        rows[i] = (struct efi_memory_descriptor){
            CODE, 0, 0x2000000 + i * PAGE_SIZE, 0, 1, RO};
    put_rows(rows, ARRAY_SIZE(rows) - 1, 48);
    assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
    assert_int_equal(attributes.count, ATTRIBUTES_MAX);
    put_rows(rows, ARRAY_SIZE(rows), 48);
    assert_int_equal(read_at(MEMORY_PA), STATUS_NO_MEMORY);
    assert_contains(why(), "more than 128 rows");
}

// Every byte takes every value: accepted rows are in a region.
static void damaged_everywhere(void **state) {
    (void)state;
    put_good_rows();
    for (size_t at = 0; at < memory.bytes; at++)
        for (int change = 1; change < 256; change++) {
            memory.at[at] ^= change;
            status_t status = read_at(MEMORY_PA);
            memory.at[at] ^= change;
            for (size_t i = 0; status == STATUS_OK && i < attributes.count; i++)
                assert_non_null(
                    efi_region_of_pa(&regions, attributes.row[i].pa,
                                     attributes.row[i].pages * PAGE_SIZE));
        }
}

// ---- rights

static struct page_table pages;

static va_t address(const struct efi_region *region, bool at_va) {
    return at_va ? region->va : region->pa;
}

static void map_regions(bool at_va) {
    pages = new_table(4, 2);
    for (size_t i = 0; i < regions.count; i++) {
        const struct efi_region *r = &regions.region[i];
        assert_int_equal(page_table_map(&pages, address(r, at_va), r->pa,
                                        region_bytes(r), MAP_ANY),
                         STATUS_OK);
    }
}

// The rights of a page by the rows above; pages without a row are open.
static uint64_t rights_of(pa_t pa) {
    for (size_t i = 0; i < ARRAY_SIZE(good_rows); i++) {
        const struct efi_memory_descriptor *d = &good_rows[i];
        if ((d->type == CODE || d->type == DATA) && pa >= d->physical_start &&
            pa < d->physical_start + d->pages * PAGE_SIZE)
            return d->attribute;
    }
    return 0;
}

static void check_page(va_t va, pa_t pa) {
    struct page_walk walk;
    page_table_walk(&pages, va, &walk);
    assert_true(walk.mapped);
    assert_int_equal(walk.pa, pa);
    assert_int_equal(walk.write, !(rights_of(pa) & RO));
    bool code = (rights_of(pa) & (RO | XP)) == RO;
    assert_int_equal(walk.exec, code);
    assert_int_equal(efi_attributes_open(&attributes, pa), rights_of(pa) == 0);
}

static void exactly_these_pages(void **state) {
    (void)state;
    put_good_rows();
    assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
    for (int at_va = 0; at_va <= 1; at_va++) {
        map_regions(at_va);
        assert_int_equal(
            efi_attributes_apply(&attributes, &regions, at_va, &pages),
            STATUS_OK);
        for (size_t i = 0; i < regions.count; i++) {
            const struct efi_region *r = &regions.region[i];
            for (uint64_t at = 0; at < region_bytes(r); at += PAGE_SIZE)
                check_page(address(r, at_va) + at, r->pa + at);
        }
    }
}

// Row 5 removes no right, and no row covers the first page of either code
// region, or the pages between the last two rows and before them.
static void pages_that_are_open_are_counted(void **state) {
    (void)state;
    put_good_rows();
    assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
    assert_int_equal(efi_attributes_open_pages(&attributes, &regions),
                     0x10 + 0x400 - 1 - 0xe - 0x205);
    attributes.count = 0;
    assert_int_equal(efi_attributes_open_pages(&attributes, &regions), 0);
    assert_false(efi_attributes_open(&attributes, 0x1000000));
}

static void rights_need_a_mapping(void **state) {
    (void)state;
    put_good_rows();
    assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
    map_regions(false);
    assert_int_equal(efi_attributes_apply(&attributes, &regions, true, &pages),
                     STATUS_NOT_FOUND);
    assert_contains(why(), "va 0xfffffffeff000000 is not mapped");
}

static void rights_need_frames(void **state) {
    (void)state;
    put_good_rows();
    assert_int_equal(read_at(MEMORY_PA), STATUS_OK);
    map_regions(true);
    frames.allowance = 0;
    assert_int_equal(efi_attributes_apply(&attributes, &regions, true, &pages),
                     STATUS_NO_MEMORY);
}

// ---- announced services, and known vendors

static uint32_t missing_at(pa_t pa) {
    uint32_t missing;
    assert_int_equal(efi_missing_services(pa, memory_read, &missing),
                     STATUS_OK);
    memory_forget();
    return missing;
}

static void no_table_at(pa_t pa, const char *reason) {
    uint32_t missing = 1;
    assert_int_equal(efi_missing_services(pa, memory_read, &missing),
                     STATUS_INVALID);
    assert_contains(why(), reason);
    assert_int_equal(missing, 0);
    memory_forget();
}

static void promises(void **state) {
    (void)state;
    struct efi_rt_properties_table *promised = (void *)memory.at;
    *promised = (struct efi_rt_properties_table){EFI_RT_PROPERTIES_VERSION,
                                                 sizeof(*promised), 0x5b0};
    uint32_t there = 1u << EFI_GET_VARIABLE | 1u << EFI_GET_NEXT_VARIABLE_NAME |
                     1u << EFI_SET_VIRTUAL_ADDRESS_MAP |
                     1u << EFI_CONVERT_POINTER | 1u << EFI_RESET_SYSTEM;
    assert_int_equal(missing_at(MEMORY_PA), 0x3fff & ~there);
    promised->supported = UINT32_MAX;
    assert_int_equal(missing_at(MEMORY_PA), 0);
    promised->supported = 0;
    assert_int_equal(missing_at(MEMORY_PA), 0x3fff);
}

static void no_promises(void **state) {
    (void)state;
    struct efi_rt_properties_table *promised = (void *)memory.at;
    assert_int_equal(missing_at(0), 0);
    no_table_at(MEMORY_PA, "version 0 of 0 bytes at 0x1230000");
    *promised = (struct efi_rt_properties_table){EFI_RT_PROPERTIES_VERSION,
                                                 sizeof(*promised) - 1, 0};
    no_table_at(MEMORY_PA, "version 1 of 7 bytes");
    promised->bytes++;
    promised->version = 2;
    no_table_at(MEMORY_PA, "version 2 of 8 bytes");
    promised->version = EFI_RT_PROPERTIES_VERSION;
    memory.bytes = sizeof(*promised) - 1;
    no_table_at(MEMORY_PA, "not aligned, readable");
    memory.bytes = MEMORY_BYTES;
    no_table_at(MEMORY_PA + 2, "0x1230002 is not aligned, readable");
    assert_int_equal(missing_at(MEMORY_PA), 0x3fff);
}

// A system table whose vendor is at `vendor_pa`, and the memory kept for it.
static uint64_t kept_for(const void *vendor, size_t bytes, pa_t vendor_pa) {
    struct memory_map map = {0};
    struct boot_efi efi = {.system_table_pa = MEMORY_PA, .word_bytes = 8};
    ((struct efi_system_table *)memory.at)->firmware_vendor = vendor_pa;
    memcpy(memory.at + 0x400, vendor, bytes);
    assert_int_equal(efi_keep_free_memory(&efi, memory_read, &map), STATUS_OK);
    memory_forget();
    return memory_map_bytes(&map, MEMORY_BOOT_SERVICES, 0);
}

static void memory_that_is_kept(void **state) {
    (void)state;
    static const uint16_t u_boot[] = u"Das U-Boot", other[] = u"Das U-Boo";
    const pa_t pa = MEMORY_PA + 0x400;
    assert_int_equal(kept_for(u_boot, sizeof(u_boot), pa), 0x10000);
    assert_int_equal(kept_for(other, sizeof(other), pa), 0);
    assert_int_equal(kept_for(u_boot, sizeof(u_boot), UINT64_MAX), 0);
    memory.bytes = sizeof(struct efi_system_table) - 1;
    assert_int_equal(kept_for(u_boot, sizeof(u_boot), pa), 0);
}

// The name as it is logged, from the readable part up to the end of `units`.
static const char *vendor_of(const uint16_t *units, size_t bytes) {
    static char name[EFI_VENDOR_BYTES];
    memcpy(memory.at, units, bytes);
    memory.bytes = bytes;
    efi_vendor_name(MEMORY_PA, memory_read, name);
    memory_forget();
    return name;
}

static void vendors(void **state) {
    (void)state;
    static const uint16_t name[] = u"EDK II", empty[] = u"";
    uint16_t longest[EFI_VENDOR_BYTES] = {0}, wide[EFI_VENDOR_BYTES] = {0};
    char none[EFI_VENDOR_BYTES] = "an older name";
    assert_string_equal(vendor_of(name, sizeof(name)), "EDK II");
    assert_string_equal(vendor_of(empty, sizeof(empty)),
                        "a firmware without a name");
    for (size_t i = 0; i < EFI_VENDOR_BYTES - 1; i++) {
        longest[i] = 'v';
        wide[i] = 0xe9;
    }
    assert_int_equal(strlen(vendor_of(longest, sizeof(longest))),
                     EFI_VENDOR_BYTES - 1);
    assert_null(strchr(vendor_of(longest, sizeof(longest)), '.'));
    longest[EFI_VENDOR_BYTES - 1] = 'v';
    assert_contains(vendor_of(longest, sizeof(longest)), "vvv...");
    assert_contains(vendor_of(wide, sizeof(wide)), "???");
    assert_int_equal(strlen(vendor_of(wide, sizeof(wide))),
                     EFI_VENDOR_BYTES - 1);
    assert_string_equal(vendor_of(name, sizeof(name) - 1),
                        "a firmware whose name, at 0x1230000, is not readable");
    efi_vendor_name(0, memory_read, none);
    assert_string_equal(none, "a firmware without a name");
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(valid_tables),
        TEST(other_signatures),
        TEST(impossible_header_sizes),
        TEST(a_crc_of_zero),
        TEST(services_beyond_the_end),
        TEST(every_bit_matters),
        TEST(both_checksums_are_named),
        TEST(a_short_table_at_the_end_of_memory),
        TEST(a_system_table_of_either_width),
        TEST(unreadable_tables),
        TEST(tables_by_guid),
        TEST(all_of_a_guid_counts),
        TEST(hostile_counts),
        TEST(unreadable_config_tables),
        TEST(rows_arrive),
        TEST(a_table_without_rows),
        TEST(impossible_heads),
        TEST(unreadable_rows),
        TEST(bad_rows_are_named),
        TEST(rows_out_of_order),
        TEST(too_many_rows),
        TEST(damaged_everywhere),
        TEST(exactly_these_pages),
        TEST(pages_that_are_open_are_counted),
        TEST(rights_need_a_mapping),
        TEST(rights_need_frames),
        TEST(promises),
        TEST(no_promises),
        TEST(memory_that_is_kept),
        TEST(vendors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
