// SHA-256, step by step as FIPS 180-4 gives it (numbers in brackets are its
// sections). Rotations are nested, so that each goes on from the one before it
// (6, 11 and 25 are 6, 5 more and 14 more).
//
// It takes some 2,850 instructions a block (GCC 12, -O2; clang 14: 3,090). With
// general registers alone there is little left to save: a round has 26 at
// least, a word of the schedule 18 (each rotation needs a copy), which makes
// 2,576 in all.

#include "kexec/digest/sha256.h"

#include "lib/string.h"
#include "lib/types.h"

// The first 32 bits of the fractional parts of the cube roots of the first 64
// primes (4.2.2).
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// The same of the square roots of the first eight primes (5.3.3).
static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t rotate(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}

static uint32_t load_big_endian(const uint8_t *in) {
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
           (uint32_t)in[2] << 8 | in[3];
}

static void store_big_endian(uint8_t *out, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

// ---- one block
//
// The eight working variables stay where they are, and their names rotate. The
// schedule (6.2.2, 1) is computed as it is needed: W_t takes the place of
// W_(t-16). Both save moves, and a compiler can keep nearly all in registers.

static inline uint32_t sigma0(uint32_t x) {
    return rotate(x ^ rotate(x, 11), 7) ^ x >> 3;
}

static inline uint32_t sigma1(uint32_t x) {
    return rotate(x ^ rotate(x, 2), 17) ^ x >> 10;
}

#define W(t)    w[(t) % 16]
#define LOAD(t) (W(t) = load_big_endian(block + (t)*4))
#define NEXT(t) (W(t) += sigma0(W((t) + 1)) + W((t) + 9) + sigma1(W((t) + 14)))

// Round t (6.2.2, 3), whose W_t is WORD(t). Of the new values only two are not
// old ones under another name: they replace d and h. Maj(a, b, c) is
// ((a ^ b) & (b ^ c)) ^ b, and a ^ b is the b ^ c of the next round.
#define ROUND(WORD, t, a, b, c, d, e, f, g, h)                                 \
    do {                                                                       \
        h += key[t];                                                           \
        h += WORD(t);                                                          \
        h += g ^ (e & (f ^ g));                                                \
        h += rotate(e ^ rotate(e ^ rotate(e, 14), 5), 6);                      \
        d += h;                                                                \
        bc &= a ^ b;                                                           \
        h += bc ^ b;                                                           \
        h += rotate(a ^ rotate(a ^ rotate(a, 9), 11), 2);                      \
        bc = a ^ b;                                                            \
    } while (0)

#define EIGHT_ROUNDS(WORD, t)                                                  \
    do {                                                                       \
        ROUND(WORD, (t), a, b, c, d, e, f, g, h);                              \
        ROUND(WORD, (t) + 1, h, a, b, c, d, e, f, g);                          \
        ROUND(WORD, (t) + 2, g, h, a, b, c, d, e, f);                          \
        ROUND(WORD, (t) + 3, f, g, h, a, b, c, d, e);                          \
        ROUND(WORD, (t) + 4, e, f, g, h, a, b, c, d);                          \
        ROUND(WORD, (t) + 5, d, e, f, g, h, a, b, c);                          \
        ROUND(WORD, (t) + 6, c, d, e, f, g, h, a, b);                          \
        ROUND(WORD, (t) + 7, b, c, d, e, f, g, h, a);                          \
    } while (0)

static void hash_block(uint32_t state[8], const uint8_t *block) {
    uint32_t w[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    uint32_t bc = b ^ c;
    const uint32_t *key = constants;

    EIGHT_ROUNDS(LOAD, 0);
    EIGHT_ROUNDS(LOAD, 8);
    for (key += 16; key < constants + ARRAY_SIZE(constants); key += 16) {
        EIGHT_ROUNDS(NEXT, 0);
        EIGHT_ROUNDS(NEXT, 8);
    }
    const uint32_t change[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        state[i] += change[i];
}

void sha256_init(struct sha256 *hash) {
    *hash = (struct sha256){0};
    memcpy(hash->state, initial_state, sizeof(initial_state));
}

void sha256_update(struct sha256 *hash, const void *data, size_t bytes) {
    const uint8_t *in = data;
    size_t kept = hash->bytes % SHA256_BLOCK;

    hash->bytes += bytes;
    if (kept > 0) {
        size_t more = min_u64(SHA256_BLOCK - kept, bytes);
        memcpy(hash->block + kept, in, more);
        if (kept + more < SHA256_BLOCK)
            return;
        hash_block(hash->state, hash->block);
        in += more;
        bytes -= more;
    }
    for (; bytes >= SHA256_BLOCK; bytes -= SHA256_BLOCK, in += SHA256_BLOCK)
        hash_block(hash->state, in);
    memcpy(hash->block, in, bytes);
}

// Padding (5.1.1): a one bit, zeros, and the length in bits as the last eight
// bytes of a block.
void sha256_final(struct sha256 *hash, uint8_t digest[SHA256_BYTES]) {
    static const uint8_t padding[SHA256_BLOCK] = {0x80};
    size_t kept = hash->bytes % SHA256_BLOCK;
    size_t room = kept < 56 ? 56 - kept : 56 + SHA256_BLOCK - kept;
    uint8_t length[8];

    store_big_endian(length, hash->bytes * 8, 8);
    sha256_update(hash, padding, room);
    sha256_update(hash, length, sizeof(length));
    for (int i = 0; i < 8; i++)
        store_big_endian(digest + i * 4, hash->state[i], 4);
}

void sha256(const void *data, size_t bytes, uint8_t digest[SHA256_BYTES]) {
    struct sha256 hash;

    sha256_init(&hash);
    sha256_update(&hash, data, bytes);
    sha256_final(&hash, digest);
}

void sha256_hex(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT]) {
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < SHA256_BYTES; i++) {
        text[i * 2] = digits[digest[i] >> 4];
        text[i * 2 + 1] = digits[digest[i] & 0xF];
    }
    text[SHA256_TEXT - 1] = '\0';
}
