// Instructions of the firmware that faulted at privilege level 3: any bytes are
// decoded without a look beyond them, and as a second decoder says.

#include "efi/isolate/decode.h"

#include "tests/fuzz/fuzz.h"

#define BYTES_MAX (2 * INSTRUCTION_BYTES)

static bool is_one_of(uint8_t byte, const char *bytes, size_t count) {
    return memchr(bytes, byte, count) != NULL;
}

// What the effect should be, by ranges of opcodes instead of a table.
static enum effect expected(const uint8_t *code, size_t *ports_width) {
    bool is_16 = false;
    while (is_one_of(*code, "\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", 11))
        is_16 |= *code++ == 0x66;
    code += (*code & 0xf0) == 0x40;
    if ((*code & 0xf4) == 0xe4) {
        *ports_width = *code & 1 ? is_16 ? 2 : 4 : 1;
        return *code & 2 ? EFFECT_OUT : EFFECT_IN;
    }
    if (code[0] != 0x0f)
        return is_one_of(code[0], "\xfa\xfb\xf4", 3) ? EFFECT_NONE : EFFECT_END;
    return code[1] == 0x09   ? EFFECT_FLUSH
           : code[1] == 0x20 ? EFFECT_READ_CR
           : code[1] == 0x32 ? EFFECT_READ_MSR
                             : EFFECT_END;
}

static void check(const uint8_t *code, size_t count,
                  const struct instruction *found) {
    uint8_t padded[BYTES_MAX + 4] = {0};
    size_t width = 0;
    memcpy(padded, code, count);
    assert_true(found->length > 0 && found->length <= INSTRUCTION_BYTES);
    assert_true(found->length <= count && found->name[0] != '\0');
    assert_int_equal(found->effect, expected(padded, &width));
    assert_int_equal(found->width, width);
    assert_true(found->general < 16 && found->control < 16);
}

// Its own bytes are all that matters, and all of them are necessary.
static void check_bounds(const uint8_t *code, const struct instruction *found) {
    struct instruction again = {0};
    uint8_t *exact = exact_copy(code, found->length);
    assert_true(decode(exact, found->length, &again));
    assert_int_equal(again.length, found->length);
    assert_int_equal(again.effect, found->effect);
    assert_ptr_equal(again.name, found->name);
    free(exact);
    if (found->effect != EFFECT_END)
        assert_false(decode(code, found->length - 1u, &again));
}

static void fuzz(struct input in) {
    size_t count = min_u64(in.left, BYTES_MAX);
    uint8_t *code = exact_copy(in.at, count);
    struct instruction found;
    if (decode(code, count, &found)) {
        check(code, count, &found);
        check_bounds(code, &found);
    }
    free(code);
}
