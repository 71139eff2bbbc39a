// The CRC-32 of the UEFI tables (UEFI 2.10, 4.2), the same as in zlib and
// Ethernet: polynomial 0x04C11DB7, bits reflected, inverted at both ends.

#pragma once

#include <stddef.h>
#include <stdint.h>

// The CRC of `bytes` bytes at `data`, which follow data whose CRC is `seed`
// (0 for none): crc32(crc32(0, a), b) is the CRC of a and b joined.
uint32_t crc32(uint32_t seed, const void *data, size_t bytes);
