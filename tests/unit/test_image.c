// Kernel images: a header made by hand, the image that was built, and invalid
// images.

#include "kexec/image.h"

#include <stdio.h>

#include "tests/unit/unit.h"

#define HEADER  0x1f1
#define PAYLOAD 0x400 // behind the boot sector and one more
#define BYTES   0x1000

static uint8_t file[BYTES];
static struct kernel_image image;

static int sound_header(void **state) {
    (void)state;
    const struct setup_header header = {.setup_sects = 1,
                                        .boot_flag = 0xaa55,
                                        .header = 0x53726448,
                                        .version = 0x020f,
                                        .loadflags = LOADED_HIGH,
                                        .relocatable_kernel = 1,
                                        .initrd_addr_max = 0x7fffffff,
                                        .cmdline_size = 2047,
                                        .pref_address = 0x100000,
                                        .kernel_alignment = 2 * MIB,
                                        .xloadflags = XLF_KERNEL_64,
                                        .init_size = 3 * MIB};
    memset(file, 0xcc, sizeof(file));
    memcpy(file + HEADER, &header, sizeof(header));
    return 0;
}

// The guarantees of image_parse().
static void check_sane(const void *at, uint64_t bytes) {
    assert_ptr_equal(image.file, at);
    assert_int_equal(image.file_bytes, bytes);
    assert_int_equal(image.payload_offset + image.payload_bytes, bytes);
    assert_true(image.payload_bytes > IMAGE_ENTRY_OFFSET);
    assert_true(image.payload_bytes < bytes);
    assert_between(image.header.init_size, image.payload_bytes, GIB);
    if (image.header.relocatable_kernel) {
        uint32_t step = image.header.kernel_alignment;
        assert_between(step, PAGE_SIZE, GIB);
        assert_true(is_aligned(step, step));
    }
}

// `bytes` bytes of `data`, in memory of exactly that size.
static status_t parse_all(const void *data, uint64_t bytes) {
    void *exact = exact_copy(data, bytes);
    status_t status = image_parse(exact, bytes, &image);
    if (status == STATUS_OK)
        check_sane(exact, bytes);
    free(exact);
    return status;
}

static status_t parse(uint64_t bytes) {
    return parse_all(file, bytes);
}

static void a_header_made_by_hand(void **state) {
    (void)state;
    assert_int_equal(parse(BYTES), STATUS_OK);
    assert_int_equal(image.payload_offset, PAYLOAD);
    assert_memory_equal(&image.header, file + HEADER, sizeof(image.header));
    assert_false(image.is_baton);
}

static void the_image_that_was_built(void **state) {
    (void)state;
    static uint8_t built[4 * MIB];
    FILE *stream = fopen("build/baton", "rb");
    if (!stream)
        skip();
    size_t bytes = fread(built, 1, sizeof(built), stream);
    fclose(stream);
    assert_int_equal(parse_all(built, bytes), STATUS_OK);
    assert_int_equal(image.payload_offset, PAYLOAD);
    assert_int_equal(image.header.kernel_alignment, 2 * MIB);
    // The requirements of both `kexec -s` and `kexec -c`.
    assert_int_equal(image.header.xloadflags, XLF_KERNEL_64 |
                                                  XLF_CAN_BE_LOADED_ABOVE_4G |
                                                  XLF_EFI_KEXEC | XLF_5LEVEL);
}

static void set(size_t field, uint64_t value, size_t bytes) {
    memcpy(file + HEADER + field, &value, bytes);
}

#define FIELD(name)                                                            \
    offsetof(struct setup_header, name),                                       \
        sizeof(((struct setup_header *)NULL)->name)

static const struct {
    size_t field, bytes;
    uint64_t value;
} good_fields[] = {
    {FIELD(setup_sects), 0}, // stands for four
    {FIELD(setup_sects), 5}, // the entry is just inside
    {FIELD(version), 0x020c},       {FIELD(kernel_alignment), PAGE_SIZE},
    {FIELD(kernel_alignment), GIB}, {FIELD(init_size), BYTES - PAYLOAD},
    {FIELD(init_size), GIB},
};

static void good_fields_are_taken(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(good_fields); i++) {
        sound_header(state);
        set(good_fields[i].field, good_fields[i].value, good_fields[i].bytes);
        assert_int_equal(parse(BYTES), STATUS_OK);
    }
}

static void sectors_move_the_payload(void **state) {
    (void)state;
    const uint8_t offsets[][2] = {{0, 5}, {1, 2}, {4, 5}, {5, 6}};
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        file[HEADER] = offsets[i][0]; // setup_sects
        assert_int_equal(parse(BYTES), STATUS_OK);
        assert_int_equal(image.payload_offset, offsets[i][1] * 512);
    }
}

static const struct {
    size_t field, bytes;
    uint64_t value;
    status_t status;
    const char *reason;
} bad_fields[] = {
    {FIELD(boot_flag), 0xaa54, STATUS_INVALID, "boot flag 0xaa54"},
    {FIELD(header), 0x53726449, STATUS_INVALID, "magic 0x53726449"},
    {FIELD(version), 0x020b, STATUS_UNSUPPORTED, "protocol 0x20b"},
    {FIELD(xloadflags), 2, STATUS_UNSUPPORTED, "xloadflags 0x2"},
    {FIELD(kernel_alignment), 0, STATUS_UNSUPPORTED, "only by 0 bytes"},
    {FIELD(kernel_alignment), 0x800, STATUS_UNSUPPORTED, "only by 0x800"},
    {FIELD(kernel_alignment), 0x3000, STATUS_UNSUPPORTED, "only by 0x3000"},
    {FIELD(kernel_alignment), 2 * GIB, STATUS_UNSUPPORTED, "by 0x80000000"},
    {FIELD(setup_sects), 6, STATUS_INVALID, "payload at 0xe00"},
    {FIELD(setup_sects), 255, STATUS_INVALID, "payload at 0x20000"},
    {FIELD(init_size), 0, STATUS_INVALID, "init_size 0, for a"},
    {FIELD(init_size), 0xbff, STATUS_INVALID, "init_size 0xbff, for a"},
    {FIELD(init_size), GIB + 1, STATUS_INVALID,
     "init_size 0x40000001, for a payload of 0xc00 bytes; must be at most "
     "0x40000000"},
    {FIELD(init_size), ~0u, STATUS_INVALID, "init_size 0xffffffff"},
};

// Its alignment has no meaning; core does not choose its address.
static void an_image_that_cannot_be_moved(void **state) {
    (void)state;
    struct setup_header *header = (void *)(file + HEADER);
    header->relocatable_kernel = header->kernel_alignment = 0;
    assert_int_equal(parse(BYTES), STATUS_OK);
}

static void bad_fields_are_named(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(bad_fields); i++) {
        sound_header(state);
        set(bad_fields[i].field, bad_fields[i].value, bad_fields[i].bytes);
        assert_int_equal(parse(BYTES), bad_fields[i].status);
        assert_contains(why(), bad_fields[i].reason);
    }
}

static void cut_everywhere(void **state) {
    (void)state;
    const uint64_t header_end = HEADER + sizeof(struct setup_header);
    for (uint64_t bytes = 0; bytes < BYTES; bytes++) {
        bool has_entry = bytes > PAYLOAD + IMAGE_ENTRY_OFFSET;
        assert_int_equal(parse(bytes), has_entry ? STATUS_OK : STATUS_INVALID);
        if (!has_entry)
            assert_contains(why(), bytes < header_end ? "too few for a header"
                                                      : "before the entry");
    }
}

// Every byte of the header takes every value; parse() checks the result.
static void damaged_everywhere(void **state) {
    (void)state;
    for (size_t at = 0; at < sizeof(struct setup_header); at++)
        for (int change = 1; change < 256; change++) {
            file[HEADER + at] ^= change;
            parse(BYTES);
            file[HEADER + at] ^= change;
        }
}

#define SOUND_HEADER(name) cmocka_unit_test_setup(name, sound_header)

int main(void) {
    const struct CMUnitTest tests[] = {
        SOUND_HEADER(a_header_made_by_hand),
        SOUND_HEADER(the_image_that_was_built),
        SOUND_HEADER(good_fields_are_taken),
        SOUND_HEADER(sectors_move_the_payload),
        SOUND_HEADER(an_image_that_cannot_be_moved),
        SOUND_HEADER(bad_fields_are_named),
        SOUND_HEADER(cut_everywhere),
        SOUND_HEADER(damaged_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
