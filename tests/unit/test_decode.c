// Privileged instructions, as an assembler writes them, and what is not one.

#include "efi/isolate/decode.h"

#include "tests/unit/unit.h"

static const struct {
    const char *text;
    uint8_t bytes[INSTRUCTION_BYTES];
    uint8_t length;
    struct instruction is; // without name and length
} cases[] = {
    {"cli", {0xfa}, 1, {.effect = EFFECT_NONE}},
    {"hlt", {0xf4}, 1, {.effect = EFFECT_NONE}},
    {"wbinvd", {0x0f, 0x09}, 2, {.effect = EFFECT_FLUSH}},
    {"rdmsr", {0x0f, 0x32}, 2, {.effect = EFFECT_READ_MSR}},
    {"in al, dx", {0xec}, 1, {.effect = EFFECT_IN, .width = 1}},
    {"in eax, dx", {0xed}, 1, {.effect = EFFECT_IN, .width = 4}},
    {"in ax, dx", {0x66, 0xed}, 2, {.effect = EFFECT_IN, .width = 2}},
    {"in al, 0x71",
     {0xe4, 0x71},
     2,
     {.effect = EFFECT_IN, .width = 1, .port = 0x71}},
    {"in eax, 0x70",
     {0xe5, 0x70},
     2,
     {.effect = EFFECT_IN, .width = 4, .port = 0x70}},
    {"out dx, ax", {0x66, 0xef}, 2, {.effect = EFFECT_OUT, .width = 2}},
    {"out 0xb2, al",
     {0xe6, 0xb2},
     2,
     {.effect = EFFECT_OUT, .width = 1, .port = 0xb2}},
    {"out 0x70, ax",
     {0x66, 0xe7, 0x70},
     3,
     {.effect = EFFECT_OUT, .width = 2, .port = 0x70}},
    {"mov rax, cr0", {0x0f, 0x20, 0xc0}, 3, {.effect = EFFECT_READ_CR}},
    {"mov r11, cr4",
     {0x41, 0x0f, 0x20, 0xe3},
     4,
     {.effect = EFFECT_READ_CR, .general = 11, .control = 4}},
    {"mov rsi, cr8",
     {0x44, 0x0f, 0x20, 0xc6},
     4,
     {.effect = EFFECT_READ_CR, .general = 6, .control = 8}},
    {"mov cr3, rcx",
     {0x0f, 0x22, 0xd9},
     3,
     {.effect = EFFECT_END, .general = 1, .control = 3}},
    {"wrmsr", {0x0f, 0x30}, 2, {.effect = EFFECT_END}},
    {"lgdt [rsp]", {0x0f, 0x01, 0x14, 0x24}, 4, {.effect = EFFECT_END}},
    {"lidt [rcx]", {0x0f, 0x01, 0x19}, 3, {.effect = EFFECT_END}},
    {"ltr cx", {0x0f, 0x00, 0xd9}, 3, {.effect = EFFECT_END}},
    {"outsb, repeated", {0xf3, 0x6e}, 2, {.effect = EFFECT_END}},
};

static void each_is_known(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct instruction it;
        assert_true(decode(cases[i].bytes, cases[i].length, &it));
        assert_int_equal(it.effect, cases[i].is.effect);
        assert_int_equal(strncmp(cases[i].text, it.name, 2), 0);
        if (it.effect == EFFECT_END)
            continue; // its length does not matter
        assert_int_equal(it.length, cases[i].length);
        assert_int_equal(it.width, cases[i].is.width);
        if (it.operand == OPERAND_PORT) {
            assert_int_equal(it.port_in_dx, !cases[i].is.port);
            assert_int_equal(it.port_in_dx ? 0 : it.port, cases[i].is.port);
        } else if (it.operand == OPERAND_CONTROL) {
            assert_int_equal(it.general, cases[i].is.general);
            assert_int_equal(it.control, cases[i].is.control);
        }
    }
}

// Not one byte of an instruction is guessed.
static void what_is_cut_off_is_not_known(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct instruction it;
        for (size_t count = 0; count < cases[i].length; count++)
            if (cases[i].is.effect != EFFECT_END)
                assert_false(decode(cases[i].bytes, count, &it));
    }
}

static void all_else_is_not_privileged(void **state) {
    (void)state;
    static const uint8_t others[][INSTRUCTION_BYTES] = {
        {0x0f, 0x01, 0x04, 0x24}, // sgdt [rsp]
        {0x0f, 0x00, 0xc8},       // str ax
        {0x48, 0x8b, 0x09},       // mov rcx, [rcx]
        {0xcd, 0x02},             // int 2
        {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
         0x66, 0x66, 0x66}, // prefixes, and no end
    };
    // mov rax, cr0, of 16 bytes: a general protection fault for its length
    static const uint8_t long_one[INSTRUCTION_BYTES + 1] = {
        0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
        0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x0f, 0x20, 0xc0};
    struct instruction it;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(decode(others[i], INSTRUCTION_BYTES, &it));
    assert_false(decode(long_one, sizeof(long_one), &it));
    assert_true(decode(long_one + 1, sizeof(long_one) - 1, &it));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_known),
        cmocka_unit_test(what_is_cut_off_is_not_known),
        cmocka_unit_test(all_else_is_not_privileged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
