// Decoding (SDM vol. 2 §2.1, appendix A): prefixes, an opcode of one or two
// bytes, a ModR/M byte. All is in one table; what is not there is unprivileged,
// or not worth the trouble.

#include "efi/isolate/decode.h"

#include "lib/types.h"

#define ESCAPE      0x0f
#define NO_MODRM    -2
#define ANY         -1 // no part of the opcode is in the ModR/M byte
#define OPERAND_16  0x66
#define IMMEDIATE_8 1

static const struct row {
    uint16_t opcode; // 0x0fXX: of two bytes
    int8_t part;     // of the opcode, bits 5 to 3 of the ModR/M byte
    enum effect effect;
    enum operand operand;
    const char *name;
} rows[] = {
    // No firmware has an interrupt flag: interrupts are the kernel's.
    {0xfa, NO_MODRM, EFFECT_NONE, OPERAND_NONE, "cli"},
    {0xfb, NO_MODRM, EFFECT_NONE, OPERAND_NONE, "sti"},
    {0xf4, NO_MODRM, EFFECT_NONE, OPERAND_NONE, "hlt"},
    {0xe4, NO_MODRM, EFFECT_IN, OPERAND_PORT, "in"},
    {0xe5, NO_MODRM, EFFECT_IN, OPERAND_PORT, "in"},
    {0xe6, NO_MODRM, EFFECT_OUT, OPERAND_PORT, "out"},
    {0xe7, NO_MODRM, EFFECT_OUT, OPERAND_PORT, "out"},
    {0xec, NO_MODRM, EFFECT_IN, OPERAND_PORT, "in"},
    {0xed, NO_MODRM, EFFECT_IN, OPERAND_PORT, "in"},
    {0xee, NO_MODRM, EFFECT_OUT, OPERAND_PORT, "out"},
    {0xef, NO_MODRM, EFFECT_OUT, OPERAND_PORT, "out"},
    {0x6c, NO_MODRM, EFFECT_END, OPERAND_NONE, "ins"},
    {0x6d, NO_MODRM, EFFECT_END, OPERAND_NONE, "ins"},
    {0x6e, NO_MODRM, EFFECT_END, OPERAND_NONE, "outs"},
    {0x6f, NO_MODRM, EFFECT_END, OPERAND_NONE, "outs"},
    {0x0f09, NO_MODRM, EFFECT_FLUSH, OPERAND_NONE, "wbinvd"},
    {0x0f32, NO_MODRM, EFFECT_READ_MSR, OPERAND_MSR, "rdmsr"},
    {0x0f20, ANY, EFFECT_READ_CR, OPERAND_CONTROL, "mov from cr"},
    {0x0f22, ANY, EFFECT_END, OPERAND_CONTROL, "mov to cr"},
    {0x0f21, ANY, EFFECT_END, OPERAND_CONTROL, "mov from dr"},
    {0x0f23, ANY, EFFECT_END, OPERAND_CONTROL, "mov to dr"},
    {0x0f30, NO_MODRM, EFFECT_END, OPERAND_MSR, "wrmsr"},
    {0x0f01, 2, EFFECT_END, OPERAND_NONE, "lgdt"},
    {0x0f01, 3, EFFECT_END, OPERAND_NONE, "lidt"},
    {0x0f01, 6, EFFECT_END, OPERAND_NONE, "lmsw"},
    {0x0f01, 7, EFFECT_END, OPERAND_NONE, "invlpg"},
    {0x0f00, 2, EFFECT_END, OPERAND_NONE, "lldt"},
    {0x0f00, 3, EFFECT_END, OPERAND_NONE, "ltr"},
    {0x0f06, NO_MODRM, EFFECT_END, OPERAND_NONE, "clts"},
    {0x0f08, NO_MODRM, EFFECT_END, OPERAND_NONE, "invd"},
};

static bool is_prefix(uint8_t byte) {
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64,      0x65,
                                       0xf2, 0xf3, 0xf0, 0x67, OPERAND_16};
    for (size_t i = 0; i < sizeof(prefixes); i++)
        if (byte == prefixes[i])
            return true;
    return false;
}

static const struct row *find(uint16_t opcode, int part) {
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].opcode == opcode &&
            (rows[i].part < 0 || rows[i].part == part))
            return &rows[i];
    return NULL;
}

// Bit 3 of the opcode: the port is in DX, else it follows; bit 0: more than a
// byte is moved. The upper halves of both groups are outputs.
static void decode_port(struct instruction *found, uint8_t opcode, bool is_16) {
    found->port_in_dx = opcode & 8;
    found->width = opcode & 1 ? is_16 ? 2 : 4 : 1;
    found->length += found->port_in_dx ? 0 : IMMEDIATE_8;
}

bool decode(const uint8_t *code, size_t count, struct instruction *found) {
    uint8_t bytes[INSTRUCTION_BYTES + 3] = {0}, rex = 0;
    size_t at = 0;
    bool is_16 = false;
    count = min_u64(count, INSTRUCTION_BYTES);
    for (size_t i = 0; i < count; i++)
        bytes[i] = code[i];
    while (at < count && is_prefix(bytes[at]))
        is_16 |= bytes[at++] == OPERAND_16;
    if (bytes[at] >> 4 == 4)
        rex = bytes[at++];
    uint16_t opcode = bytes[at++];
    if (opcode == ESCAPE)
        opcode = (uint16_t)(ESCAPE << 8 | bytes[at++]);
    uint8_t modrm = bytes[at];
    const struct row *row = find(opcode, modrm >> 3 & 7);
    if (!row)
        return false;
    *found = (struct instruction){
        .name = row->name,
        .effect = row->effect,
        .operand = row->operand,
        .length = (uint8_t)(at + (row->part != NO_MODRM)),
        .port = modrm,
        .general = (uint8_t)((modrm & 7) | (rex & 1) << 3),
        .control = (uint8_t)((modrm >> 3 & 7) | (rex & 4) << 1)};
    if (row->operand == OPERAND_PORT)
        decode_port(found, (uint8_t)opcode, is_16);
    return found->length <= count;
}
