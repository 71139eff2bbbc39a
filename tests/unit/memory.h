// Physical memory for parsers: one array, readable at one address.
// Reads return a copy: see tests/unit/copies.h.

#pragma once

#include "tests/unit/unit.h"

#define COPIES_MAX 4096
#include "tests/unit/copies.h"

#define MEMORY_PA    0x1230000UL
#define MEMORY_BYTES 0x20000UL

static struct {
    _Alignas(16) uint8_t at[MEMORY_BYTES];
    uint64_t bytes; // the readable part of the array
} memory;

static inline void memory_clear(void) {
    memset(memory.at, 0, sizeof(memory.at));
    memory.bytes = MEMORY_BYTES;
}

static inline bool memory_has(pa_t pa, uint64_t bytes) {
    return pa >= MEMORY_PA && pa - MEMORY_PA <= memory.bytes &&
           bytes <= memory.bytes - (pa - MEMORY_PA);
}

// A memory_reader (boot/boot_info.h).
static inline const void *memory_read(pa_t pa, uint64_t bytes) {
    if (!memory_has(pa, bytes))
        return NULL;
    return copy_as_at(pa, memory.at + (pa - MEMORY_PA), bytes);
}

// Frees the copies: to be called after every parse.
static inline void memory_forget(void) {
    copies_free();
}

static inline void put_u32(size_t offset, uint32_t value) {
    memcpy(memory.at + offset, &value, sizeof(value));
}
