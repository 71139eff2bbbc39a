// The words that every other file is written in: sizes, pages, addresses.
//
// Physical and virtual addresses are both 64-bit numbers, and mixing them up is
// the classic bug of this field (it is how the second kernel of 2010 died: it
// took virtual addresses for physical ones). So they never share a type name,
// and a variable that holds one says which in its name: `_pa` or `_va`.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t pa_t; // a physical address, or a size in that space
typedef uint64_t va_t; // a virtual address

#define PAGE_SIZE  0x1000UL
#define PAGE_SHIFT 12
#define LARGE_PAGE 0x200000UL // of level 2

#define KIB 0x400UL
#define MIB 0x100000UL
#define GIB 0x40000000UL

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

// `unit` is a power of two in the three functions below.
static inline uint64_t align_down(uint64_t value, uint64_t unit) {
    return value & ~(unit - 1);
}

static inline uint64_t align_up(uint64_t value, uint64_t unit) {
    return align_down(value + unit - 1, unit);
}

static inline bool is_aligned(uint64_t value, uint64_t unit) {
    return (value & (unit - 1)) == 0;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

// Pages that `bytes` bytes take when they start on a page.
static inline uint64_t pages_for(uint64_t bytes) {
    return (bytes >> PAGE_SHIFT) + ((bytes & (PAGE_SIZE - 1)) != 0);
}

// Does [start, start + bytes) stay below 2^64? Every length that comes from
// outside is asked this before it is added to anything.
static inline bool range_fits(uint64_t start, uint64_t bytes) {
    return bytes <= UINT64_MAX - start;
}
