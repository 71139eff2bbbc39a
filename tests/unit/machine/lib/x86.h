// In place of lib/x86.h: instructions that reach for the machine become calls
// of functions, so that a test can be the machine.

#pragma once

#include "lib/types.h"

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

uint8_t in8(uint16_t port);
void out8(uint16_t port, uint8_t value);
uint32_t in32(uint16_t port);
uint64_t read_tsc(void);
void write_cr8(uint64_t value);
void spin_hint(void);
struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);
