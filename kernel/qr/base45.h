// Bytes as text that a QR code stores in 5.5 bits a character (RFC 9285).

#pragma once

#include "lib/types.h"

// The characters of base45, which are also those of a QR code's alphanumeric
// mode, in the order of their values.
extern const char base45_characters[46];

#define BASE45_BYTES(bytes) ((bytes) / 2 * 3 + (bytes) % 2 * 2 + 1)

// Writes `bytes` bytes as text, BASE45_BYTES() with its NUL. Returns its
// length.
size_t base45(const uint8_t *in, size_t bytes, char *text);
