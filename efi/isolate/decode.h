// Privileged instructions, as far as firmware could have them: which one is it,
// and what becomes of it at privilege level 3?

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTRUCTION_BYTES 15 // the longest (SDM vol. 2 §2.3.11)

enum effect {
    EFFECT_END,  // the call ends
    EFFECT_NONE, // as if it had been done
    EFFECT_FLUSH,
    EFFECT_READ_MSR,
    EFFECT_READ_CR,
    EFFECT_IN,
    EFFECT_OUT,
};

enum operand { // what else names it
    OPERAND_NONE,
    OPERAND_PORT,
    OPERAND_MSR,     // in RCX
    OPERAND_CONTROL, // a control or debug register
};

struct instruction {
    const char *name;
    enum effect effect;
    enum operand operand;
    uint8_t length; // in bytes
    uint8_t width;  // in bytes, of a value at a port
    bool port_in_dx;
    uint8_t port;             // else
    uint8_t general, control; // registers of MOV to and from CR, by number
};

// Decodes the instruction at `code`, of which `count` bytes can be read. False:
// it is no privileged one, is cut off, or is longer than an instruction can be.
bool decode(const uint8_t *code, size_t count, struct instruction *found);
