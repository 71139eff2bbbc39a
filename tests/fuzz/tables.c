// The firmware's tables in physical memory: system table, runtime table,
// configuration tables, memory attributes; and the resulting rights.

#include "efi/tables.h"
#include "efi/config/config.h"
#include "efi/guard/memory.h"

#include "efi/protect/attributes.h"
#include "lib/crc32.h"
#include "tests/fuzz/memory.h"
#include "tests/unit/frames.h"

#define TABLE_ROW   48
#define VENDOR      16   // bytes of a GUID
#define PAGES_MAX   4096 // that are mapped for a look at their rights
#define CONFIGS_MAX 1024

static uint32_t word_bytes; // of the firmware
static struct efi_regions regions;
static struct efi_attributes attributes;

// mm/space.h's, for the two checks that always use the kernel's memory.
const void *physical_read(pa_t pa, uint64_t bytes) {
    return memory_read(pa, bytes);
}

static uint64_t word(pa_t pa) {
    uint64_t value = 0;
    memcpy(&value, memory_at(pa, word_bytes), word_bytes);
    return value;
}

// Word n behind a table's header.
static uint64_t word_of(pa_t table_pa, unsigned n) {
    return word(table_pa + efi_table_bytes(word_bytes, n));
}

static void check_accepted(pa_t pa, uint64_t signature, bool crc_matters) {
    struct efi_table_header header;
    memcpy(&header, memory_at(pa, sizeof(header)), sizeof(header));
    assert_true(header.signature == signature && pa % 8 == 0);
    if (header.crc32 == 0)
        return; // never filled in
    uint8_t *whole = memory_at(pa, header.header_bytes);
    assert_non_null(whole);
    if (!crc_matters)
        return;
    memset(whole + offsetof(struct efi_table_header, crc32), 0, 4);
    assert_int_equal(crc32(0, whole, header.header_bytes), header.crc32);
}

// Those within the header, and nothing else.
static void check_services(pa_t pa, const struct efi_runtime_services *table) {
    for (unsigned i = 0; i < EFI_SERVICES; i++) {
        uint64_t end = efi_table_bytes(word_bytes, i + 1);
        bool is_within =
            !table->header.crc32 || end <= table->header.header_bytes;
        assert_int_equal(table->service[i], is_within ? word_of(pa, i) : 0);
    }
}

// The first row with that GUID, by linear search.
static pa_t slow_find(pa_t tables_pa, uint64_t count,
                      const struct efi_guid *guid) {
    uint64_t bytes = count * (VENDOR + word_bytes);
    if (count > CONFIGS_MAX || tables_pa % word_bytes ||
        !memory_at(tables_pa, bytes))
        return 0;
    for (pa_t at = tables_pa; at < tables_pa + bytes; at += VENDOR + word_bytes)
        if (memcmp(memory_at(at, VENDOR), guid, VENDOR) == 0)
            return word(at + VENDOR);
    return 0;
}

static pa_t find(pa_t tables_pa, uint64_t count, const struct efi_guid *guid) {
    struct efi_config_list list = {tables_pa, count, word_bytes};
    pa_t found = efi_config_find(&list, guid, memory_read);
    assert_int_equal(found, slow_find(tables_pa, count, guid));
    return found;
}

// ---- memory attributes

static void check_rows(void) {
    pa_t end = 0;
    assert_true(attributes.count <= ATTRIBUTES_MAX);
    for (size_t i = 0; i < attributes.count; i++) {
        const struct handoff_attribute *row = &attributes.row[i];
        assert_true(row->pages > 0 && row->pa % PAGE_SIZE == 0);
        assert_true(row->pa >= end);
        end = row->pa + row->pages * PAGE_SIZE;
        bool inside = false;
        for (size_t r = 0; r < regions.count; r++)
            inside |=
                row->pa >= regions.region[r].pa &&
                end <= regions.region[r].pa + region_bytes(&regions.region[r]);
        assert_true(inside);
    }
}

static uint64_t rights_of(pa_t pa, bool *named) {
    for (size_t i = 0; i < attributes.count; i++)
        if (pa >= attributes.row[i].pa &&
            pa < attributes.row[i].pa + attributes.row[i].pages * PAGE_SIZE) {
            *named = true;
            return attributes.row[i].attributes;
        }
    return 0;
}

static void check_page(const struct page_table *table, pa_t pa, bool is_code) {
    struct page_walk walk;
    page_table_walk(table, pa, &walk);
    assert_true(walk.mapped && walk.pa == pa);
    bool named = false;
    uint64_t rights = rights_of(pa, &named);
    bool closed = named || (attributes.count > 0 && is_code);
    bool code = (rights & (EFI_MEMORY_RO | EFI_MEMORY_XP)) == EFI_MEMORY_RO;
    assert_int_equal(walk.write, !(rights & EFI_MEMORY_RO));
    assert_int_equal(walk.exec, code || !closed);
}

// Each page has the rights of its own row, and not of a neighbour's.
static void check_rights(void) {
    uint64_t pages = efi_regions_bytes(&regions) / PAGE_SIZE;
    if (pages > PAGES_MAX)
        return;
    struct page_table table = new_table(4, 2);
    for (size_t i = 0; i < regions.count; i++) {
        const struct efi_region *r = &regions.region[i];
        if (page_table_map(&table, r->pa, r->pa, region_bytes(r), MAP_ANY))
            return; // above what an address may have
    }
    assert_int_equal(efi_attributes_apply(&attributes, &regions, false, &table),
                     STATUS_OK);
    for (size_t i = 0; i < regions.count; i++)
        for (uint64_t p = 0; p < regions.region[i].pages; p++)
            check_page(&table, regions.region[i].pa + p * PAGE_SIZE,
                       regions.region[i].type == EFI_RUNTIME_SERVICES_CODE);
}

static bool take_regions(struct input *in) {
    struct input map = take_part(in, take(in, 1) * TABLE_ROW);
    map.left -= map.left % TABLE_ROW;
    static struct boot_efi efi = {.descriptor_bytes = TABLE_ROW,
                                  .descriptor_version = 1};
    efi.map_bytes = map.left;
    memcpy(efi.map, map.at, map.left);
    return efi_regions_read(&efi, &regions) == STATUS_OK;
}

static void fuzz(struct input in) {
    pa_t system_pa = take(&in, 8);
    unsigned how = take(&in, 1);
    bool crc_matters = how & 1;
    word_bytes = how & 2 ? 4 : 8;
    bool has_regions = take_regions(&in);
    memory_fill(&in);
    struct efi_system_table system;
    struct efi_runtime_services runtime;
    status_t status =
        efi_system_table_read(system_pa, word_bytes, crc_matters, &system);
    check_why(status);
    if (status == STATUS_OK) {
        pa_t runtime_pa = word_of(system_pa, 8);
        uint64_t count = word_of(system_pa, 10);
        pa_t tables = word_of(system_pa, 11);
        assert_int_equal(system.runtime_services, runtime_pa);
        assert_int_equal(system.config_tables, tables);
        if (efi_runtime_table_read(runtime_pa, word_bytes, crc_matters,
                                   &runtime) == STATUS_OK) {
            check_services(runtime_pa, &runtime);
            check_accepted(runtime_pa, EFI_RUNTIME_TABLE_SIGNATURE,
                           crc_matters);
        }
        find(tables, count, &efi_guid_acpi);
        find(tables, count, &efi_guid_smbios);
        pa_t mat = find(tables, count, &efi_guid_memory_attributes);
        if (has_regions && efi_attributes_read(mat, &regions, &attributes,
                                               memory_read) == STATUS_OK) {
            check_rows();
            check_rights();
        }
        check_accepted(system_pa, EFI_SYSTEM_TABLE_SIGNATURE, crc_matters);
    }
    memory_drop();
}
