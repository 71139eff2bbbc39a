// In place of lib/x86.h: instructions that reach for the machine become calls
// of functions, so that a test can be the machine.

#pragma once

#include "lib/types.h"

#define MSR_EFER 0xc0000080
#define EFER_NXE (1UL << 11)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

uint8_t in8(uint16_t port);
void out8(uint16_t port, uint8_t value);
uint32_t in32(uint16_t port);
uint64_t read_tsc(void);
uint64_t read_cr3(void);
void write_cr3(uint64_t value);
void write_cr8(uint64_t value);
uint64_t read_msr(uint32_t msr);
unsigned paging_levels(void);
unsigned cpuid_address_bits(void);
void spin_hint(void);
void interrupts_on(void);
uint64_t interrupts_off(void);
void interrupts_restore(uint64_t flags);
struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);

static inline void copy_bytes(void *to, const void *from, size_t bytes) {
    __builtin_memcpy(to, from, bytes);
}

static inline void copy_words(void *to, const void *from, size_t words) {
    __builtin_memcpy(to, from, 8 * words);
}
