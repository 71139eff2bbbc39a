// Boot information in GRUB's format, then truncated, damaged and with wrong
// lengths. It ends where the readable memory ends.

#include "boot/boot_info.h"
#include "boot/e820.h"

#include <stdio.h>

#include "tests/unit/kinds.h"
#include "tests/unit/memory.h"
#include "tests/unit/said.h"

// Multiboot2 §3.6; independent of the list in the parser.
enum {
    END = 0,
    COMMAND_LINE = 1,
    LOADER = 2,
    MODULE = 3,
    MEMORY_MAP = 6,
    FRAMEBUFFER = 8,
    SYSTEM_TABLE_32 = 11,
    SYSTEM_TABLE = 12,
    RSDP = 15,
    EFI_MAP = 17,
};

static struct boot_info boot;
static uint32_t used; // bytes of information so far

static int begin(void **state) {
    (void)state;
    memory_clear();
    used = 8;
    return 0;
}

// Appends a tag and returns the address of its payload.
static size_t add(uint32_t type, const void *payload, uint32_t bytes) {
    size_t at = used;
    put_u32(at, type);
    put_u32(at + 4, 8 + bytes);
    memcpy(memory.at + at + 8, payload, bytes);
    used = align_up(at + 8 + bytes, 8);
    return at + 8;
}

static void add_text(uint32_t type, const char *text) {
    add(type, text, strlen(text) + 1);
}

static void add_module(uint32_t start, uint32_t end) {
    uint32_t payload[] = {start, end, 0x6978};
    add(MODULE, payload, 11);
}

// Sizes are set last, so that they are exact.
static void finish(void) {
    add(END, "", 0);
    put_u32(0, used);
    memory.bytes = used;
}

static status_t parse(void) {
    status_t status = multiboot2_read(MEMORY_PA, memory_read, &boot);
    memory_forget();
    return status;
}

static void expect(const char *reason) {
    assert_int_equal(parse(), STATUS_INVALID);
    assert_contains(why(), reason);
}

static const struct {
    uint32_t entry_bytes, version;
    struct {
        uint64_t start, bytes;
        uint32_t type, reserved, more[2];
    } entry[6];
} memory_tag = {32,
                0,
                {
                    {0x0, 0x9f000, 1, 0, {~0u, ~0u}},
                    {0x9f000, 0x61000, 2, 0, {~0u, ~0u}},
                    {0x100000, 0x700000, 1, 0, {~0u, ~0u}},
                    {0x800000, 0x8000, 4, 0, {~0u, ~0u}},
                    {0x1f6ed000, 0x80000, 3, 0, {~0u, ~0u}},
                    {0x1f800000, 0x10000, 0x4e544142, 0, {~0u, ~0u}},
                }};

static struct {
    uint32_t descriptor_bytes, descriptor_version;
    uint8_t map[3 * 48];
} efi_tag = {48, 1, "any bytes at all: this parser only copies them"};

// As GRUB sends it: 38 bytes with the head, which is not a multiple of 8.
static struct {
    uint64_t pa;
    uint32_t pitch, width, height;
    uint8_t depth, type, reserved[2], colours[6];
} __attribute__((packed)) framebuffer_tag;

enum { RGB = 1, TEXT = 2 };

static int begin_screen(void **state) {
    framebuffer_tag = (typeof(framebuffer_tag)){
        0x1880000000, 5120, 1280, 800, 32, RGB, {0}, {16, 8, 8, 8, 0, 8}};
    return begin(state);
}

static void add_screen(void) {
    add(FRAMEBUFFER, &framebuffer_tag, sizeof(framebuffer_tag));
}

// All tags of GRUB, with unknown ones in between.
static void sample(void) {
    uint64_t system_table = 0x1f9ee018;
    uint8_t rsdp[36] = "RSD PTR ";

    begin_screen(NULL);
    add_text(COMMAND_LINE, "efi=fixed generations=3");
    add_text(LOADER, "GRUB 2.06-13+deb12u1");
    add_screen();
    add_module(0x7c00000, 0x7c12345);
    add(MEMORY_MAP, &memory_tag, sizeof(memory_tag));
    add(0xabcd, "x", 1);
    add(SYSTEM_TABLE, &system_table, sizeof(system_table));
    add(EFI_MAP, &efi_tag, sizeof(efi_tag));
    add(RSDP, rsdp, sizeof(rsdp));
    finish();
}

static void check_kind(pa_t pa, enum memory_kind kind) {
    assert_int_equal(kind_at(&boot.memory, pa), kind);
}

static void everything_arrives(void **state) {
    (void)state;
    sample();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.via, VIA_MULTIBOOT2);
    assert_string_equal(boot.loader, "grub");
    assert_string_equal(boot.command_line, "efi=fixed generations=3");
    assert_int_equal(boot.bundle_pa, 0x7c00000);
    assert_int_equal(boot.bundle_bytes, 0x12345);
    assert_int_equal(boot.efi.system_table_pa, 0x1f9ee018);
    assert_int_equal(boot.efi.descriptor_bytes, 48);
    assert_int_equal(boot.efi.descriptor_version, 1);
    assert_int_equal(boot.efi.map_bytes, sizeof(efi_tag.map));
    assert_memory_equal(boot.efi.map, efi_tag.map, sizeof(efi_tag.map));
    assert_int_equal(boot.rsdp_pa, 0); // a copy, in memory that will be free
    assert_false(boot.has_handoff || boot.efi.has_setup);
    assert_int_equal(boot.handoff_status, STATUS_OK);
}

static void the_memory_map_is_merged(void **state) {
    (void)state;
    sample();
    assert_int_equal(parse(), STATUS_OK);
    check_kind(0x9efff, MEMORY_USABLE);
    check_kind(0x9f000, MEMORY_RESERVED);
    check_kind(0x7fffff, MEMORY_USABLE);
    check_kind(0x807fff, MEMORY_NVS);
    check_kind(0x1f6ed000, MEMORY_ACPI);
    check_kind(0x1f800000, MEMORY_RESERVED); // only a kernel can preserve it
    assert_int_equal(kind_at(&boot.memory, 0x808000), MEMORY_HOLE);
}

// In the form in which it is passed to the next kernel; Linux reads it there.
static void the_screen_arrives(void **state) {
    (void)state;
    sample();
    assert_int_equal(parse(), STATUS_OK);
    const struct screen_info *screen = &boot.screen;
    assert_int_equal(screen->orig_video_isVGA, VIDEO_TYPE_EFI);
    assert_int_equal(screen->lfb_base, 0x80000000);
    assert_int_equal(screen->ext_lfb_base, 0x18);
    assert_true(screen->capabilities & VIDEO_CAPABILITY_64BIT_BASE);
    assert_int_equal(screen->lfb_linelength, 5120);
    assert_int_equal(screen->lfb_width, 1280);
    assert_int_equal(screen->lfb_height, 800);
    assert_int_equal(screen->lfb_size, 5120 * 800);
    assert_int_equal(screen->lfb_depth, 32);
    const uint8_t colours[] = {8, 16, 8, 8, 8, 0, 8, 24}; // size, position
    assert_memory_equal(&screen->red_size, colours, sizeof(colours));
}

static void text_modes_are_no_screen(void **state) {
    (void)state;
    framebuffer_tag.type = TEXT;
    add(FRAMEBUFFER, &framebuffer_tag, 23); // it has no colours
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.screen.orig_video_isVGA, 0);
}

// The fields of screen_info have 16 bits: values that are too large saturate.
static void huge_screens_stay_huge(void **state) {
    (void)state;
    framebuffer_tag.pitch = 0x10000 + 5120;
    framebuffer_tag.width = 0x10000 + 1280;
    framebuffer_tag.height = ~0u;
    add_screen();
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.screen.lfb_linelength, 0xffff);
    assert_int_equal(boot.screen.lfb_width, 0xffff);
    assert_int_equal(boot.screen.lfb_height, 0xffff);
}

static void nothing_but_an_end(void **state) {
    (void)state;
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_string_equal(boot.loader, "other");
    assert_string_equal(boot.command_line, "");
    assert_int_equal(boot.efi.system_table_pa, 0);
    assert_int_equal(boot.rsdp_pa, 0);
    assert_int_equal(boot.memory.count, 0);
    assert_int_equal(boot.screen.orig_video_isVGA, 0);
}

static void other_loaders(void **state) {
    (void)state;
    add_text(LOADER, "Limine 4");
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_string_equal(boot.loader, "other");

    begin(NULL);
    add(LOADER, "GRUB", 4); // no NUL
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_string_equal(boot.loader, "other");
}

static void the_bundle_is_the_first_module(void **state) {
    (void)state;
    said[0] = '\0';
    add_module(0x5000, 0x5000);
    add_module(0x6000, 0x6001);
    add_module(0x7000, 0x8000);
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.bundle_pa, 0x6000);
    assert_int_equal(boot.bundle_bytes, 1);
    assert_contains(said, "module from 0x7000 to 0x8000 is not used");
    assert_null(strstr(said, "0x6000"));
}

// ---- hostile

// Truncated at every byte, once with the original size, once with its own.
static void cut_everywhere(void **state) {
    (void)state;
    sample();
    for (uint32_t bytes = 0; bytes < used; bytes++) {
        memory.bytes = bytes;
        put_u32(0, used);
        expect("at 0x1230000; it takes 8 to 1048576 bytes of memory");
        put_u32(0, bytes);
        assert_int_equal(parse(), STATUS_INVALID);
    }
}

// Every byte takes every value: there is a result, from inside the memory.
static void damaged_everywhere(void **state) {
    (void)state;
    sample();
    for (uint32_t at = 0; at < used; at++)
        for (int change = 1; change < 256; change++) {
            memory.at[at] ^= change;
            status_t status = parse();
            memory.at[at] ^= change;
            assert_true(status == STATUS_OK || status == STATUS_INVALID);
        }
}

enum { WORDS = 14, ROOM = 8 + 4 * WORDS }; // of the one tag below

// The only tag, at offset 8 and 64 bytes long, except for its own size field.
static const struct {
    uint32_t type, bytes, payload[WORDS];
    const char *reason;
} bad_tags[] = {
    {COMMAND_LINE, 0, {0}, "tag 1 at offset 0x8 has 0 bytes"},
    {COMMAND_LINE, 7, {0}, "tag 1 at offset 0x8 has 7 bytes"},
    {COMMAND_LINE, 73, {0}, "has 73 bytes; 72 are left of 80"},
    {COMMAND_LINE, ~0u, {0}, "has 4294967295 bytes; 72 are left"},
    {END, 7, {0}, "tag 0 at offset 0x8 has 7 bytes"},
    {99, ~0u - 6, {0}, "tag 99 at offset 0x8 has 4294967289 bytes"},
    {COMMAND_LINE, 8, {0}, "tag 1 of 8 bytes, not 9"},
    {COMMAND_LINE, 12, {~0u}, "command line of 12 bytes has no end"},
    {LOADER, 8, {0}, "tag 2 of 8 bytes, not 9"},
    {MODULE, 15, {0}, "tag 3 of 15 bytes, not 16"},
    {MODULE,
     16,
     {0x2000, 0x1fff},
     "module from 0x2000 to 0x1fff, which is before it"},
    {MEMORY_MAP, 15, {24}, "tag 6 of 15 bytes, not 16"},
    {MEMORY_MAP, 64, {0}, "memory map entries of 0 bytes"},
    {MEMORY_MAP, 64, {23}, "memory map entries of 23 bytes"},
    {MEMORY_MAP, 64, {65}, "memory map entries of 65 bytes"},
    {MEMORY_MAP, 64, {~0u}, "memory map entries of 4294967295 bytes"},
    {MEMORY_MAP,
     64,
     {24, 0, 0xfffff000, ~0u, 0x2000, 0, 1},
     "0x2000 bytes at 0xfffffffffffff000"},
    {FRAMEBUFFER, 29, {0}, "tag 8 of 29 bytes, not 30"},
    {FRAMEBUFFER,
     37,
     {0, 0, 0, 0, 0, RGB << 8},
     "framebuffer tag of 37 bytes has no colours"},
    {SYSTEM_TABLE, 15, {0}, "tag 12 of 15 bytes, not 16"},
    {EFI_MAP, 15, {0}, "tag 17 of 15 bytes, not 16"},
};

static void bad_tags_are_named(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(bad_tags); i++) {
        begin(state);
        add(bad_tags[i].type, bad_tags[i].payload, ROOM - 8);
        put_u32(12, bad_tags[i].bytes);
        finish();
        expect(bad_tags[i].reason);
    }
}

// Entries of a future version are larger; a partial one is not an entry.
static void entries_that_do_not_divide(void **state) {
    (void)state;
    add(MEMORY_MAP, &memory_tag, sizeof(memory_tag) - 9);
    finish();
    assert_int_equal(parse(), STATUS_OK);
    check_kind(0x1f6ed000, MEMORY_ACPI);
    assert_int_equal(kind_at(&boot.memory, 0x1f800000), MEMORY_HOLE);
}

static void no_end_tag(void **state) {
    (void)state;
    add_text(COMMAND_LINE, "x");
    put_u32(0, used);
    memory.bytes = used;
    expect("no end tag in 24 bytes");
}

static void long_command_lines(void **state) {
    (void)state;
    static char line[COMMAND_LINE_MAX + 1];
    memset(line, 'x', COMMAND_LINE_MAX - 1);
    add_text(COMMAND_LINE, line);
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_string_equal(boot.command_line, line);

    begin(state);
    line[COMMAND_LINE_MAX - 1] = 'x';
    add_text(COMMAND_LINE, line);
    finish();
    expect("has no end, or is longer than 2047");
}

static void large_efi_maps(void **state) {
    (void)state;
    static uint8_t payload[8 + EFI_MAP_BYTES + 1];
    add(EFI_MAP, payload, sizeof(payload) - 1);
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.efi.map_bytes, EFI_MAP_BYTES);

    begin(state);
    add(EFI_MAP, payload, sizeof(payload));
    add(SYSTEM_TABLE, payload, 8);
    add(EFI_MAP, &efi_tag, sizeof(efi_tag));
    add(MEMORY_MAP, &memory_tag, sizeof(memory_tag));
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_REFUSED);
    assert_contains(boot.handoff_why,
                    "EFI memory map of 32769 bytes; the limit is 32768");
    static const struct boot_efi nothing;
    assert_memory_equal(&boot.efi, &nothing, sizeof(nothing));
    check_kind(0x7fffff, MEMORY_USABLE);
}

static void firmware_of_32_bits(void **state) {
    (void)state;
    uint32_t table_pa = 0x7f9ee018;
    add(SYSTEM_TABLE_32, &table_pa, sizeof(table_pa));
    add(EFI_MAP, &efi_tag, sizeof(efi_tag));
    add(MEMORY_MAP, &memory_tag, sizeof(memory_tag));
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_int_equal(boot.efi.system_table_pa, 0x7f9ee018);
    assert_int_equal(boot.efi.word_bytes, 4);
    assert_true(boot.efi.map_bytes > 0);
    check_kind(0x7fffff, MEMORY_USABLE);
}

// Every second frame, and more ranges than the kernel can list.
static void large_memory_maps(void **state) {
    (void)state;
    static struct {
        uint32_t entry_bytes, version;
        struct {
            uint64_t start, bytes, type;
        } entry[1000];
    } tag = {24, 0, {{0, 0, 0}}};
    for (uint32_t i = 0; i < ARRAY_SIZE(tag.entry); i++) {
        tag.entry[i].start = 2 * i * PAGE_SIZE;
        tag.entry[i].bytes = PAGE_SIZE;
        tag.entry[i].type = E820_RAM;
    }
    add(MEMORY_MAP, &tag, sizeof(tag));
    finish();
    assert_int_equal(parse(), STATUS_OK);
    assert_true(memory_map_bytes(&boot.memory, MEMORY_USABLE, 0) > 0);
    uint32_t free = 1u << MEMORY_USABLE;
    for (uint32_t i = 0; i < ARRAY_SIZE(tag.entry); i++)
        assert_false(free & memory_map_kinds(&boot.memory,
                                             (2 * i + 1) * PAGE_SIZE,
                                             PAGE_SIZE));
}

static void impossible_sizes(void **state) {
    (void)state;
    sample();
    put_u32(0, 0);
    expect("information of 0 bytes");
    put_u32(0, 7);
    expect("information of 7 bytes");
    put_u32(0, MIB + 1);
    expect("information of 1048577 bytes");
    put_u32(0, ~0u);
    expect("information of 4294967295 bytes");
    put_u32(0, MIB);
    expect("information of 1048576 bytes at 0x1230000; it takes");
}

static void impossible_addresses(void **state) {
    (void)state;
    const pa_t places[] = {0, MEMORY_PA + 4, MEMORY_PA - 8, UINT64_MAX - 7};
    sample();
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        char place[32];
        snprintf(place, sizeof(place), "of 0 bytes at %#lx; it takes",
                 places[i]);
        assert_int_equal(multiboot2_read(places[i], memory_read, &boot),
                         STATUS_INVALID);
        assert_contains(why(), place);
        memory_forget();
    }
}

#define TEST(name)   cmocka_unit_test_setup(name, begin)
#define SCREEN(name) cmocka_unit_test_setup(name, begin_screen)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(everything_arrives),
        TEST(the_memory_map_is_merged),
        TEST(the_screen_arrives),
        SCREEN(text_modes_are_no_screen),
        SCREEN(huge_screens_stay_huge),
        TEST(nothing_but_an_end),
        TEST(other_loaders),
        TEST(the_bundle_is_the_first_module),
        TEST(cut_everywhere),
        TEST(damaged_everywhere),
        TEST(bad_tags_are_named),
        TEST(entries_that_do_not_divide),
        TEST(no_end_tag),
        TEST(long_command_lines),
        TEST(large_efi_maps),
        TEST(firmware_of_32_bits),
        TEST(large_memory_maps),
        TEST(impossible_sizes),
        TEST(impossible_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
