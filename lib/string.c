// Memory and strings, in plain C.
//
// GCC may replace a loop that copies or fills by a call to memcpy or memset:
// here that would be a call to itself, hence the pragma.
// Memory is copied and cleared eight bytes at a time where possible: this code
// copies kernel images, and under emulation each step costs.

#include "lib/string.h"

#include <stdint.h>

#ifndef __clang__ // never does it to a function of that name
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

// Eight bytes at any address, of any type.
typedef uint64_t __attribute__((aligned(1), may_alias)) word_t;

#define WORD sizeof(word_t)

void *memmove(void *to, const void *from, size_t bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;

    // Upwards or downwards, so that a byte is read before it is overwritten.
    if ((uintptr_t)to <= (uintptr_t)from) {
        for (; bytes >= WORD; bytes -= WORD, out += WORD, in += WORD)
            *(word_t *)out = *(const word_t *)in;
        while (bytes-- > 0)
            *out++ = *in++;
        return to;
    }
    for (; bytes >= WORD; bytes -= WORD)
        *(word_t *)(out + bytes - WORD) = *(const word_t *)(in + bytes - WORD);
    while (bytes-- > 0)
        out[bytes] = in[bytes];
    return to;
}

// One loop for both: memmove() is as fast.
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    return memmove(to, from, bytes);
}

void *memset(void *to, int value, size_t bytes) {
    uint8_t *out = to;
    uint64_t word = 0x0101010101010101u * (uint8_t)value;

    for (; bytes >= WORD; bytes -= WORD, out += WORD)
        *(word_t *)out = word;
    while (bytes-- > 0)
        *out++ = (uint8_t)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
    const uint8_t *left = a, *right = b;

    for (size_t i = 0; i < bytes; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}

size_t strlen(const char *text) {
    return strnlen(text, SIZE_MAX);
}

size_t strnlen(const char *text, size_t max) {
    size_t length = 0;
    while (length < max && text[length])
        length++;
    return length;
}

int strncmp(const char *a, const char *b, size_t max) {
    for (size_t i = 0; i < max; i++)
        if (a[i] != b[i] || !a[i])
            return (unsigned char)a[i] - (unsigned char)b[i];
    return 0;
}

bool str_copy(char *to, size_t size, const char *from) {
    size_t length = strlen(from);
    if (size == 0)
        return false;
    size_t kept = length < size ? length : size - 1;
    memcpy(to, from, kept);
    to[kept] = '\0';
    return kept == length;
}

bool str_equal(const char *a, const char *b) {
    return strncmp(a, b, SIZE_MAX) == 0;
}
