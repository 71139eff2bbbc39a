// Memory and strings. The names of the C standard keep their standard meaning
// (ISO C 7.24); GCC emits calls to the mem* functions even in a freestanding
// program, so the kernel has to bring them.

#pragma once

#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t max);
int strncmp(const char *a, const char *b, size_t max);

// Copies `from` into the `size` bytes at `to`, always NUL-terminated (nothing
// is written if `size` is 0). False: it did not fit and was cut.
bool str_copy(char *to, size_t size, const char *from);

bool str_equal(const char *a, const char *b);

static inline bool str_starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

// What a digit stands for in a number of any base up to 16; more than 15 for
// what is no digit.
static inline unsigned digit_value(char c) {
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 'a' ^ 'A';
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : ~0u;
}
