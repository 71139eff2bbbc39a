// The handoff as core alone reads it, without the annexes that handle damage or
// Linux.

#include "kexec/handoff.h"

#include <asm/bootparam.h>

#include "tests/unit/memory.h"

#define BLOCK    0x2000UL // where the block is in memory.at
#define BLOCK_PA (MEMORY_PA + BLOCK)

static struct boot_info boot;

static int sample(void **state) {
    (void)state;
    static uint8_t image[0x400];
    static struct boot_efi no_firmware;
    static const struct memory_map map = {
        1, {{0x100000, 0x8000000, MEMORY_USABLE}}};
    static const struct handoff baton = {.generation = 3, .mode = "fixed"};
    struct handoff_content content = {.image = image,
                                      .memory = &map,
                                      .command_line = "efi=fixed",
                                      .efi = &no_firmware,
                                      .baton = &baton};
    memory_clear();
    assert_int_equal(handoff_write(&content, memory.at + BLOCK, BLOCK_PA),
                     STATUS_OK);
    return 0;
}

static status_t parse(void) {
    status_t status = boot_params_read(BLOCK_PA, memory_read, &boot);
    memory_forget();
    return status;
}

static void a_valid_handoff(void **state) {
    (void)state;
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_int_equal(boot.generation, 3);
    assert_string_equal(boot.command_line, "efi=fixed");
    assert_int_equal(boot.memory.count, 1);
}

// Any bit: the extent of the damage is unknown.
static void damage_ends_it(void **state) {
    (void)state;
    uint32_t bytes = boot.handoff.block_bytes;
    for (uint32_t byte = 0; byte < bytes; byte += 7) {
        memory.at[BLOCK + byte] ^= 0x10;
        assert_int_equal(parse(), STATUS_INVALID);
        memory.at[BLOCK + byte] ^= 0x10;
        assert_contains(why(), "handoff: ");
        assert_contains(why(), "(boot/damage, ");
    }
}

static void a_linux_is_not_read(void **state) {
    (void)state;
    struct boot_params *params = (void *)(memory.at + BLOCK);
    memory_clear();
    params->hdr.type_of_loader = 0xd0;
    params->e820_entries = 1;
    params->e820_table[0] =
        (struct boot_e820_entry){MEMORY_PA, MEMORY_BYTES, 1};
    assert_int_equal(parse(), STATUS_INVALID);
    assert_contains(why(), "boot_params of a loader of type 0xd0");
    assert_contains(why(), "kexec/linux");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_valid_handoff, sample),
        cmocka_unit_test_setup(damage_ends_it, sample),
        cmocka_unit_test_setup(a_linux_is_not_read, sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
