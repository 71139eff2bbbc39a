// printf into a buffer: the only text formatter of the kernel.
//
// Conversions: %d %u %x %c %s %%, with the flags 0 - #, a width (also as *), a
// precision for %s (also as *) and the lengths l ll z. Anything else is copied
// as it stands, so that a typing error shows in the log.

#pragma once

#include <stdarg.h>
#include <stddef.h>

// Writes at most `size` bytes, the last of them NUL (nothing if `size` is 0).
// Returns the length of the whole text without its NUL: the text was cut if
// that is `size` or more.
size_t format(char *buffer, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

size_t vformat(char *buffer, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

// Ends a text for people in "..." if it was cut, that is if its whole length,
// as format() returns it, is `size` or more. No UTF-8 character is cut in half.
void mark_cut(char *buffer, size_t size, size_t length);

// Appends to the text in `buffer`, which ends within its `size` bytes. What
// does not fit is lost, and marked by mark_cut().
void append(char *buffer, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
