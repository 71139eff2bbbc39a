// A kernel's file: an accepted header is valid, and sufficient for the code
// that copies from the file later.

#include "kexec/image.h"

#include "kexec/linux/params.h"
#include "tests/fuzz/fuzz.h"

static uint8_t block[HANDOFF_BLOCK_MAX];

static void check_image(const struct kernel_image *image, uint64_t bytes) {
    assert_int_equal(image->file_bytes, bytes);
    assert_true(image->payload_offset + image->payload_bytes == bytes);
    assert_true(image->payload_bytes > IMAGE_ENTRY_OFFSET);
    const struct setup_header *header = &image->header;
    uint32_t step = header->kernel_alignment;
    assert_true(header->init_size >= image->payload_bytes);
    assert_true(header->init_size <= GIB);
    if (!header->relocatable_kernel)
        return;
    assert_true(step >= PAGE_SIZE && step <= GIB);
    assert_true(__builtin_popcount(step) == 1);
}

// The setup header of the next kernel is copied into its boot_params.
static void hand_off(const struct kernel_image *image) {
    static const struct handoff_memory memory;
    static const struct screen_info screen;
    static const struct boot_efi efi;
    const struct linux_content content = {
        .image = image->file,
        .command_line = "",
        .memory = &memory,
        .memory_bytes = offsetof(struct handoff_memory, range),
        .screen = &screen,
        .efi = &efi};
    memset(block, 0, sizeof(block));
    assert_int_equal(linux_params_write(&content, block, 0x100000), STATUS_OK);
}

static void fuzz(struct input in) {
    struct kernel_image image;
    uint8_t *file = exact_copy(in.at, in.left);
    status_t status = image_parse(file, in.left, &image);
    check_why(status);
    if (status == STATUS_OK) {
        check_image(&image, in.left);
        hand_off(&image);
    }
    free(file);
}
