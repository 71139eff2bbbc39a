// Opening the firmware (efi/open.c) with arbitrary data of loader and firmware
// in memory, in a first generation or a later one. No service is called; the
// addresses that would be called are checked instead.

#include "boot/node.h"
#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/guard/guard.h"
#include "efi/open.h"
#include "efi/protect/attributes.h"
#include "efi/quirks/vendor.h"
#include "efi/services.h"
#include "efi/space.h"
#include "efi/tables.h"
#include "efi/virtual.h"
#include "mm/space.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/seal.h"
#include "tests/fuzz/width32.h"
#include "tests/unit/frames.h"

static const char *const modes[] = {"physical",   "identity", "fixed", "table",
                                    "contiguous", "direct",   "naive", "offset",
                                    "compact",    "packed"};
static struct boot_info boot;

// What contiguous.c reads, too: where the first region is, and the length.
static uint64_t run[2];

static status_t read_run(const void *payload, uint32_t bytes,
                         struct boot_info *info) {
    (void)info;
    memcpy(run, payload, bytes < sizeof(run) ? bytes : sizeof(run));
    return STATUS_OK;
}

ROW(nodes, 26_run) = {NODE_TYPE('V'), read_run, NULL};

static void forget_run(void) {
    static const uint64_t none[2];
    FOR_EACH_ROW(nodes, row)
        if (row->type == NODE_TYPE('V'))
            row->read(none, sizeof(none), &boot);
}

// ---- what efi_open() stands on

va_t direct_map_base = DIRECT_MAP_BASE; // the kernel has it in mm/space.c

const void *physical_read(pa_t pa, uint64_t bytes) {
    return memory_read(pa, bytes);
}

// Nothing is called or mapped here.
struct gate_statistics gate_statistics;
uint32_t proof_lacking;
struct page_table firmware_table;
extern struct efi_firmware firmware_record;
uint32_t efi_came_back;

void *pa_to_va(pa_t pa) {
    return memory_at(pa, sizeof(struct efi_system_table));
}

// Their addresses follow the mode's guarantees, and the handoff.
static void check_regions(void) {
    static struct efi_regions expected;
    const struct efi_regions *regions = &firmware->regions;
    check_apart(regions);
    for (size_t i = 0; i < ARRAY_SIZE(promises); i++)
        if (strcmp(promises[i].name, firmware->mode->name) == 0 &&
            is_of_width(&promises[i], firmware->width) &&
            (firmware->mode->adopt == efi_adopt_by_rule || !boot.svam))
            check_promise(&promises[i], regions);
    if (firmware->svam != SVAM_INHERITED)
        return;
    assert_int_equal(efi_regions_read(&boot.efi, &expected), STATUS_OK);
    bool is_run = strcmp(firmware->mode->name, "contiguous") == 0 && run[1];
    for (size_t i = 0; is_run && i < expected.count; i++)
        expected.region[i].va =
            run[0] + (expected.region[i].pa - expected.region[0].pa);
    for (size_t i = 0; i < regions->count; i++)
        assert_int_equal(regions->region[i].va, expected.region[i].va);
}

// Before anything is mapped or called.
status_t efi_services_init(void) {
    check_regions();
    uint64_t bytes = efi_table_bytes(firmware->width->word_bytes, EFI_SERVICES);
    assert_non_null(efi_region_of_pa(&firmware->regions,
                                     firmware->runtime_table_pa, bytes));
    assert_non_null(memory_at(firmware->runtime_table_pa, bytes));
    return STATUS_OK;
}

void frames_add(const struct memory_map *memory, enum memory_kind kind) {
    (void)memory, (void)kind;
}

// Called once after power-on, by a generation that knows of no call before it.
status_t efi_virtual_enter(uint32_t descriptor_bytes) {
    assert_true(firmware->mode->calls_svam && descriptor_bytes >= 40);
    assert_int_equal(boot.svam, BOOT_SVAM_NONE);
    assert_int_equal(firmware->svam, SVAM_CALLED);
    return STATUS_OK;
}

// The regions at their physical addresses, on a table of the host's.
status_t efi_space_build(void) {
    check_shape(&boot.memory);
    firmware_table = new_table(4, LARGEST_LEAF);
    for (size_t i = 0; i < firmware->regions.count; i++) {
        const struct efi_region *r = &firmware->regions.region[i];
        TRY(page_table_map(&firmware_table, r->pa, r->pa, region_bytes(r),
                           efi_space_rights(r)));
    }
    return STATUS_OK;
}

uint64_t efi_space_rights(const struct efi_region *region) {
    return region->type == EFI_RUNTIME_SERVICES_CODE ? MAP_ANY : MAP_WRITE;
}

status_t efi_space_map_kernel(void) {
    const struct efi_regions *regions = &firmware->regions;
    bool is_table = strcmp(firmware->mode->name, "table") == 0;
    for (size_t i = 0; is_table && i < regions->count; i++)
        assert_true(regions->region[i].va >= firmware->width->window_bottom &&
                    end_of(&regions->region[i]) <= firmware->width->window_top);
    return STATUS_OK;
}

void efi_space_drop(void) {
}

static status_t check_attributes(struct boot_info *info) {
    efi_attributes_take(info);
    return efi_attributes_check(&memory_attributes, &firmware->regions);
}

ROW(openings, 50_check) = {OPENING_MAPPED, check_attributes};

// ---- its input

static status_t read_boot_info(pa_t root_pa, unsigned how) {
    if (how & 1)
        return multiboot2_read(root_pa, memory_read, &boot);
    if (how & 2)
        seal(root_pa);
    return handoff_read(root_pa, memory_read, &boot);
}

// Each service is called at an address that the firmware can have.
static void check_entries(void) {
    for (unsigned i = 0; i < EFI_SERVICES; i++) {
        uint64_t function = firmware->runtime.service[i];
        bool is_wide = firmware->width->word_bytes == 8;
        if (is_wide || !function)
            assert_int_equal(firmware->entry[i], function);
        else
            assert_true(firmware->entry[i] == thunk_entry[i] &&
                        thunk_target[i].function == function);
    }
    for (size_t i = 0; i < firmware->regions.count; i++)
        assert_true(firmware->width->word_bytes == 8 ||
                    end_of(&firmware->regions.region[i]) <= EFI32_END);
}

static void fuzz(struct input in) {
    pa_t root_pa = take(&in, 8);
    unsigned how = take(&in, 1), mode = take(&in, 1) % ARRAY_SIZE(modes);
    memory_fill(&in);
    forget_run();
    memset(&firmware_record, 0, sizeof(firmware_record));
    if (read_boot_info(root_pa, how) == STATUS_OK) {
        check_why(efi_keep_free_memory(&boot.efi, memory_read, &boot.memory));
        status_t status = efi_open(&boot, efi_mode_find(modes[mode]));
        check_why(status);
        assert_int_equal(firmware->ready, status == STATUS_OK);
        if (!status)
            check_entries();
        else
            assert_int_equal(firmware_svam(), boot.efi.system_table_pa
                                                  ? SVAM_REFUSED
                                                  : SVAM_NEVER);
    }
    memory_drop();
}
