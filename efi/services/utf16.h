// UEFI speaks UTF-16 (CHAR16: variable names, vendor strings), the log speaks
// UTF-8.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Converts up to `units` CHAR16, or up to a NUL, into the `size` bytes at `to`:
// NUL-terminated (nothing is written if `size` is 0). Of more than that, whole
// characters are left, and "..." behind them. A surrogate without its partner
// becomes U+FFFD, a control character '?'. Returns the bytes written without
// the NUL.
size_t utf16_to_utf8(char *to, size_t size, const uint16_t *from, size_t units);

// Converts printable ASCII into the `units` > 0 CHAR16 at `to`, NUL-terminated.
// Returns how many characters that were: all, if from[that] is the NUL.
size_t utf16_from_ascii(uint16_t *to, size_t units, const char *from);

// Of two texts that end with a NUL.
bool utf16_equal(const uint16_t *a, const uint16_t *b);
