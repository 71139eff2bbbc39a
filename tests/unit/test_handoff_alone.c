// The handoff as core alone reads it, without the annexes that handle damage or
// Linux.

#include <asm/bootparam.h>

#include "boot/node.h"
#include "tests/unit/memory.h"

#define BLOCK    0x2000UL // where the block is in memory.at
#define BLOCK_PA (MEMORY_PA + BLOCK)

static struct boot_info boot;

static int sample(void **state) {
    (void)state;
    static struct boot_efi no_firmware;
    static const struct memory_map map = {
        1, {{0x100000, 0x8000000, MEMORY_USABLE}}};
    static const struct handoff baton = {.generation = 3, .mode = "fixed"};
    struct handoff_content content = {.boot = &boot,
                                      .memory = &map,
                                      .command_line = "efi=fixed",
                                      .efi = &no_firmware,
                                      .baton = &baton};
    memory_clear();
    memset(&boot, 0, sizeof(boot));
    assert_int_equal(
        handoff_write(&content, memory.at + BLOCK, HANDOFF_BLOCK_MAX, BLOCK_PA),
        STATUS_OK);
    return 0;
}

static status_t parse(void) {
    status_t status = handoff_read(BLOCK_PA, memory_read, &boot);
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
    assert_int_equal(parse(), STATUS_OK);
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
    assert_int_equal(parse(), STATUS_INVALID);
    assert_contains(why(), "handoff: nothing of version 10 of Baton's own");
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
