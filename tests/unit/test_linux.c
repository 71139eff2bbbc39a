// The firmware addresses that Linux can keep, at the limits of each range,
// and the command line that it gets.

#include "kexec/linux/linux.h"

#include "lib/string.h"
#include "mm/layout.h"
#include "tests/unit/unit.h"

#define PAGES 512

static const struct {
    pa_t pa;
    va_t va;
    bool kept;
} places[] = {
    {0x1f400000, 0x1f400000, true}, // identity
    {0x1f4ec000, 0x1f4ec000, true},
    {0x1f400000, 0x400000000000, true}, // contiguous
    {0x1f400000, 0x7fffffe00000, true},
    {0x1f400000, 0x7ffffff00000, false}, // passes the lower half's end
    {0x1f400000, 0x800000000000, false}, // not canonical
    {0x1f400000, DIRECT_MAP_BASE + 0x1f400000, false},
    {0x1f400000, EFI_WINDOW_END - 0x200000, false},
    {0x1f400000, EFI_WINDOW_END, true},
    {0x1f401000, EFI_WINDOW_END, false}, // not pa modulo 2 MiB
    {0x1f401000, EFI_WINDOW_END + 0x1000, true},
    {0x1f400000, EFI_WINDOW_START - 0x200000, true},
    {0x1f401000, EFI_WINDOW_START - 0x1ff000, false}, // passes its end
    {0x1f400000, VMAP_BASE, false},
    {0x1f400000, -0x200000UL, false}, // its end is 2^64
};

static void addresses_that_linux_can_keep(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        struct efi_regions regions = {
            2,
            {{.pa = 0x10000000, .va = 0x10000000, .pages = 1},
             {.pa = places[i].pa, .va = places[i].va, .pages = PAGES}}};
        status_t status = linux_can_keep(&regions);
        assert_int_equal(status, places[i].kept ? STATUS_OK : STATUS_REFUSED);
        if (status)
            assert_contains(why(), "Linux would lose the firmware");
    }
}

// Of a mode that calls SetVirtualAddressMap, by a Linux that uses firmware.
static void firmware_that_linux_goes_on_calling(void **state) {
    (void)state;
    const struct setup_header takes = {.xloadflags = XLF_EFI_KEXEC};
    const struct setup_header takes_none = {.xloadflags = 0};
    const struct efi_mode moved = {.calls_svam = true}, physical = {0};
    struct efi_regions high = {1, {{.va = VMAP_BASE, .pages = 1}}};
    struct efi_regions low = {1, {{.pages = 1}}};
    assert_int_equal(linux_keeps(&takes, 8, &moved, &low), STATUS_OK);
    assert_int_equal(linux_keeps(&takes, 8, &moved, &high), STATUS_REFUSED);
    assert_contains(why(), "Linux would lose the firmware");
    assert_int_equal(linux_keeps(&takes, 4, &moved, &low), STATUS_REFUSED);
    assert_contains(why(), "cannot call 32-bit firmware");
    assert_int_equal(linux_keeps(&takes, 4, &physical, &high), STATUS_OK);
    assert_int_equal(linux_keeps(&takes_none, 4, &moved, &high), STATUS_OK);
}

static void sizes_that_linux_trusts(void **state) {
    (void)state;
    const struct {
        uint32_t version, entries, bytes;
        status_t status;
    } heads[] = {
        {1, 22, 48, STATUS_OK},        {0, 0, 0, STATUS_OK},
        {1, 1365, 48, STATUS_OK}, // 65536 bytes, with the head
        {1, 1366, 48, STATUS_REFUSED}, {2, ~0u, ~0u, STATUS_REFUSED},
        {3, ~0u, ~0u, STATUS_OK}, // it looks no further
    };
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        struct efi_memory_attributes_table head = {
            heads[i].version, heads[i].entries, heads[i].bytes, 0};
        assert_int_equal(linux_can_believe(&head, 0x1e5ef218), heads[i].status);
        if (heads[i].status)
            assert_contains(why(), "Table at 0x1e5ef218 claims 0x");
    }
    assert_int_equal(linux_can_believe(NULL, 0), STATUS_OK);
}

static void the_command_line(void **state) {
    (void)state;
    char line[64];
    assert_int_equal(linux_command_line(line, sizeof(line), "quiet a=\"b c\"",
                                        7, 0x1010000, " x"),
                     STATUS_OK);
    assert_string_equal(line,
                        "quiet a=\"b c\" generation=7 handoff=0x1010000 x");
    assert_int_equal(
        linux_command_line(line, 46, "quiet a=\"b c\"", 7, 0x1010000, " x"),
        STATUS_NO_MEMORY);
    assert_contains(why(),
                    "46 bytes, with the words of the handoff; the limit is 45");
}

// ---- firmware of both widths

static void a_width_is_a_signature(void **state) {
    (void)state;
    const struct linux_width *wide = linux_width_of(8),
                             *narrow = linux_width_of(4);
    assert_memory_equal(&wide->signature, "EL64", 4);
    assert_memory_equal(&narrow->signature, "EL32", 4);
    assert_ptr_equal(linux_width_signed(wide->signature), wide);
    assert_ptr_equal(linux_width_signed(narrow->signature), narrow);
    assert_null(linux_width_of(0));
    assert_null(linux_width_signed(0));
}

// Whole pages of what Linux finds in e820 as RAM, behind what is in the map.
static void ram_in_the_efi_map(void **state) {
    (void)state;
    const struct handoff_memory memory = {
        .range = {{0x0, 0x9fc00, MEMORY_USABLE},
                  {0x9fc00, 0xa0000, MEMORY_RESERVED},
                  {0x100800, 0x101800, MEMORY_USABLE}, // no whole page
                  {0x200000, 0x300000, MEMORY_ACPI},
                  {0x100000000, 0x180000000, MEMORY_USABLE}}};
    const struct efi_memory_descriptor added[] = {
        {EFI_LOADER_DATA, 0, 0, 0, 0x9f, EFI_MEMORY_WB},
        {EFI_LOADER_DATA, 0, 0x100000000, 0, 0x80000, EFI_MEMORY_WB}};
    uint32_t bytes =
        offsetof(struct handoff_memory, range) + 5 * sizeof(memory.range[0]);
    static struct boot_efi efi = {.descriptor_bytes = 48, .map_bytes = 48};
    memset(efi.map, 0xaa, sizeof(efi.map));
    assert_int_equal(linux_describe_ram(&memory, bytes, &efi), STATUS_OK);
    assert_int_equal(efi.map_bytes, 3 * 48);
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *at = efi.map + (i + 1) * 48;
        assert_memory_equal(at, &added[i], sizeof(added[i]));
        assert_memory_equal(at + sizeof(added[i]), "\0\0\0\0\0\0\0", 8);
    }
    efi.map_bytes = EFI_MAP_BYTES - 95;
    assert_int_equal(linux_describe_ram(&memory, bytes, &efi),
                     STATUS_NO_MEMORY);
    assert_contains(why(),
                    "32769 bytes, with RAM at 0x100000000; the limit is");
}

// ---- headers

static const struct setup_header movable = {.loadflags = LOADED_HIGH,
                                            .relocatable_kernel = 1};

static void images_that_can_be_entered(void **state) {
    (void)state;
    struct setup_header h = movable;
    assert_int_equal(linux_can_enter(&h, 4), STATUS_OK);
    assert_int_equal(linux_can_enter(&h, 5), STATUS_UNSUPPORTED);
    assert_contains(why(), "xloadflags 0: no entry on page tables of 5 levels");
    h.xloadflags = XLF_5LEVEL;
    assert_int_equal(linux_can_enter(&h, 5), STATUS_OK);
    h.loadflags = 0;
    assert_int_equal(linux_can_enter(&h, 4), STATUS_UNSUPPORTED);
    assert_contains(why(), "loadflags 0: it must be below 640 KiB");
}

// The only address of an image that is not relocatable.
static void a_place_is_a_page(void **state) {
    (void)state;
    const struct {
        pa_t pa;
        status_t status;
    } places[] = {
        {PAGE_SIZE, STATUS_OK},          {0x100000, STATUS_OK},
        {1UL << 52, STATUS_OK}, // whether it is free is seen later
        {0, STATUS_UNSUPPORTED},         {0x100800, STATUS_UNSUPPORTED},
        {UINT64_MAX, STATUS_UNSUPPORTED}};
    struct setup_header h = movable;
    h.relocatable_kernel = 0;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        h.pref_address = places[i].pa;
        assert_int_equal(linux_can_enter(&h, 4), places[i].status);
        if (places[i].status)
            assert_contains(why(), "cannot be moved from");
    }
}

static void limits_of_its_command_line(void **state) {
    (void)state;
    struct setup_header h = {.initrd_addr_max = 0x7fffffff,
                             .cmdline_size = 2047};
    assert_false(linux_takes_efi(&h));
    assert_int_equal(linux_initrd_max(&h), 0x7fffffff);
    assert_int_equal(linux_command_line_max(&h), 2047);
    h.xloadflags = XLF_EFI_KEXEC | XLF_CAN_BE_LOADED_ABOVE_4G;
    h.cmdline_size = 0;
    assert_true(linux_takes_efi(&h));
    assert_int_equal(linux_initrd_max(&h), UINT64_MAX);
    assert_int_equal(linux_command_line_max(&h), 255);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_that_can_be_entered),
        cmocka_unit_test(a_place_is_a_page),
        cmocka_unit_test(limits_of_its_command_line),
        cmocka_unit_test(addresses_that_linux_can_keep),
        cmocka_unit_test(firmware_that_linux_goes_on_calling),
        cmocka_unit_test(sizes_that_linux_trusts),
        cmocka_unit_test(the_command_line),
        cmocka_unit_test(a_width_is_a_signature),
        cmocka_unit_test(ram_in_the_efi_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
