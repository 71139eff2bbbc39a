// SHA-256 (FIPS 180-4): the digest by which a kernel proves, before it jumps,
// that the next image is still the one it loaded.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_BLOCK 64
#define SHA256_TEXT  65 // hex digits and a NUL

struct sha256 {
    uint32_t state[8];
    uint64_t bytes;              // hashed so far, with those in `block`
    uint8_t block[SHA256_BLOCK]; // the last bytes % SHA256_BLOCK of them
};

// A message in pieces: init, update for each piece, final.
void sha256_init(struct sha256 *hash);
void sha256_update(struct sha256 *hash, const void *data, size_t bytes);
void sha256_final(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);

// A message in one piece.
void sha256(const void *data, size_t bytes, uint8_t digest[SHA256_BYTES]);

// The digest in lower-case hex, NUL-terminated.
void sha256_hex(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT]);
