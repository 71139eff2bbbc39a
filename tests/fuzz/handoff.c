// What an earlier kernel hands over: a Baton's block, with its CRC unchanged,
// or corrected after the damage; or a Linux's boot_params and their chain.

#include "boot/boot_info.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/seal.h"

static struct boot_info boot;

// The CRC by its definition, bit by bit.
static uint32_t slow_crc(uint32_t crc, const uint8_t *data, size_t bytes) {
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        uint32_t out = (crc ^ data[bit / 8] >> bit % 8) & 1;
        crc = crc >> 1 ^ (out ? 0xedb88320 : 0);
    }
    return crc;
}

// An accepted handoff is the block that it describes, to the last bit.
static void check_seal(pa_t block_pa) {
    const struct handoff *handoff = &boot.handoff;
    uint8_t *found = find_handoff(block_pa);
    const uint8_t *block = memory_at(handoff->block_pa, handoff->block_bytes);
    assert_non_null(found);
    assert_non_null(block);
    assert_int_equal(handoff->block_pa, block_pa);
    assert_ptr_equal(found, block);
    memset(found + offsetof(struct handoff, block_crc), 0, 4);
    assert_int_equal(~slow_crc(~0u, block, handoff->block_bytes),
                     handoff->block_crc);
}

static void check_dropped(void) {
    static const struct boot_efi nothing;
    assert_false(boot.has_handoff);
    assert_memory_equal(&boot.efi, &nothing, sizeof(nothing));
    assert_true(boot.handoff_why[0] != '\0');
}

static void fuzz(struct input in) {
    pa_t block_pa = take(&in, 8);
    bool sealed = take(&in, 1) & 1;
    memory_fill(&in);
    if (sealed)
        seal(block_pa);
    status_t status = handoff_read(block_pa, memory_read, &boot);
    check_why(status);
    if (status == STATUS_OK && boot.handoff_status)
        check_dropped();
    if (status == STATUS_OK && boot.has_handoff && !boot.through_linux)
        check_seal(block_pa);
    memory_drop();
    check_boot_info(&boot);
}
