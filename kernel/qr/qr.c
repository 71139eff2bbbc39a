// From text to modules: bits of the text, bytes of error correction, and where
// they stand (ISO/IEC 18004:2015; § below means its sections).
//
// One of the eight masks is always taken, the chessboard. The standard has an
// encoder choose the best looking one; a reader accepts any, and compressed
// text looks random under each of them.

#include "kernel/qr/qr.h"

#include "kernel/qr/base45.h"
#include "lib/string.h"

#define DARK     1
#define FUNCTION 2 // a module that carries no data
#define LEVEL_L  1
#define MASK     0

#define BYTES_MAX 1588 // all codewords of version 25
#define ECC_MAX   30

// §6.5.1 table 9, level L: codewords of error correction in a block, and
// blocks.
static const uint8_t ecc_of[QR_VERSION_MAX + 1] = {
    0,  7,  10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24,
    26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26};
static const uint8_t blocks_of[QR_VERSION_MAX + 1] = {
    0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4,  4,
    4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12};

static unsigned alignment_count(unsigned version) {
    return version < 2 ? 0 : version / 7 + 2;
}

// Bytes that fit: all modules without the function patterns.
static unsigned codewords(unsigned version) {
    unsigned side = 17 + 4 * version, n = alignment_count(version);
    unsigned modules = side * side - 3 * 64 - 2 * 15 - 1 - 2 * (side - 16);
    if (n > 0) // n x n without three corners; those on the timing patterns
        modules -= 25 * (n * n - 3) - 10 * (n - 2); // count only once
    if (version >= 7)
        modules -= 2 * 18;
    return modules / 8;
}

// ---- the bits of the text (§7.4.4)

struct bits {
    uint8_t byte[BYTES_MAX];
    size_t count;
};

static void put(struct bits *bits, unsigned value, unsigned count) {
    while (count-- > 0) {
        if (value >> count & 1)
            bits->byte[bits->count / 8] |= 0x80 >> bits->count % 8;
        bits->count++;
    }
}

static unsigned value_of(char character) {
    unsigned value = 0;
    while (value < 44 && base45_characters[value] != character)
        value++;
    return value;
}

static unsigned count_bits(unsigned version) {
    return version < 10 ? 9 : 11;
}

static unsigned data_bytes(unsigned version) {
    return codewords(version) - blocks_of[version] * ecc_of[version];
}

static void put_text(struct bits *bits, const char *text, size_t length,
                     unsigned version) {
    unsigned room = data_bytes(version) * 8;
    put(bits, 2, 4);
    put(bits, length, count_bits(version));
    for (size_t i = 0; i < length; i += 2)
        if (i + 1 < length)
            put(bits, value_of(text[i]) * 45 + value_of(text[i + 1]), 11);
        else
            put(bits, value_of(text[i]), 6);
    put(bits, 0, min_u64(4, room - bits->count));
    put(bits, 0, (8 - bits->count % 8) % 8);
    for (unsigned pad = 0xec; bits->count < room; pad ^= 0xec ^ 0x11)
        put(bits, pad, 8);
}

// ---- error correction: Reed and Solomon's, over GF(256) (§7.5.2)

static uint8_t multiply(uint8_t a, uint8_t b) {
    unsigned product = 0;
    for (int bit = 7; bit >= 0; bit--) {
        product = product << 1 ^ (product >> 7) * 0x11d;
        product ^= (b >> bit & 1) * a;
    }
    return product;
}

// The product of (x - 2^i), without its first coefficient, 1.
static void make_divisor(uint8_t *divisor, unsigned degree) {
    uint8_t root = 1;
    memset(divisor, 0, degree);
    divisor[degree - 1] = 1;
    for (unsigned i = 0; i < degree; i++, root = multiply(root, 2))
        for (unsigned j = 0; j < degree; j++) {
            divisor[j] = multiply(divisor[j], root);
            if (j + 1 < degree)
                divisor[j] ^= divisor[j + 1];
        }
}

static void remainder(const uint8_t *data, unsigned bytes,
                      const uint8_t *divisor, unsigned degree, uint8_t *rest) {
    memset(rest, 0, degree);
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t factor = data[i] ^ rest[0];
        for (unsigned j = 0; j + 1 < degree; j++)
            rest[j] = rest[j + 1] ^ multiply(divisor[j], factor);
        rest[degree - 1] = multiply(divisor[degree - 1], factor);
    }
}

// Blocks are interleaved, a byte of each in turn; the later ones may be longer
// by one byte of data.
static void interleave(const uint8_t *data, unsigned version, uint8_t *out) {
    unsigned blocks = blocks_of[version], degree = ecc_of[version];
    unsigned total = data_bytes(version), shorter = total / blocks;
    unsigned short_blocks = blocks - total % blocks;
    uint8_t divisor[ECC_MAX], rest[ECC_MAX];
    make_divisor(divisor, degree);
    for (unsigned b = 0, at = 0; b < blocks; b++) {
        unsigned bytes = shorter + (b >= short_blocks);
        for (unsigned i = 0; i < bytes; i++) {
            unsigned before = i < shorter ? b : b - short_blocks;
            out[i * blocks + before] = data[at + i];
        }
        remainder(data + at, bytes, divisor, degree, rest);
        for (unsigned i = 0; i < degree; i++)
            out[total + i * blocks + b] = rest[i];
        at += bytes;
    }
}

// ---- the modules

static void set(struct qr *qr, unsigned x, unsigned y, bool dark) {
    qr->module[y][x] = FUNCTION | (dark ? DARK : 0);
}

static unsigned distance(unsigned a, unsigned b) {
    return a > b ? a - b : b - a;
}

// Squares around a centre: of a finder with its separator (§6.3.3), or of an
// alignment pattern (§6.3.6). What lies outside is cut.
static void draw_squares(struct qr *qr, unsigned x, unsigned y,
                         unsigned radius) {
    for (unsigned row = 0; row < qr->modules; row++)
        for (unsigned column = 0; column < qr->modules; column++) {
            unsigned far = max_u64(distance(column, x), distance(row, y));
            if (far <= radius)
                set(qr, column, row,
                    radius == 4 ? far != 2 && far != 4 : far != 1);
        }
}

static unsigned alignment_at(unsigned version, unsigned i) {
    unsigned count = alignment_count(version), last = 10 + 4 * version;
    unsigned step = (version * 8 + count * 3 + 5) / (count * 4 - 4) * 2;
    return i == 0 ? 6 : last - (count - 1 - i) * step;
}

static void draw_alignment(struct qr *qr, unsigned version) {
    unsigned count = alignment_count(version);
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < count; j++)
            if (i + j > 0 && i + j != count - 1 + (i && j ? count : 0))
                draw_squares(qr, alignment_at(version, i),
                             alignment_at(version, j), 2);
}

// A number behind its remainder by a generator polynomial.
static unsigned protect(unsigned value, unsigned generator, unsigned degree) {
    unsigned rest = value;
    for (unsigned i = 0; i < degree; i++)
        rest = rest << 1 ^ (rest >> (degree - 1) & 1) * generator;
    return value << degree | (rest & ((1u << degree) - 1));
}

// Level and mask, twice (§7.9).
static void draw_format(struct qr *qr) {
    unsigned last = qr->modules - 1;
    unsigned bits = protect(LEVEL_L << 3 | MASK, 0x537, 10) ^ 0x5412;
    for (unsigned i = 0; i < 15; i++) {
        bool dark = bits >> i & 1;
        if (i < 8)
            set(qr, 8, i + (i >= 6), dark);
        else
            set(qr, 14 - i + (i == 8), 8, dark);
        if (i < 8)
            set(qr, last - i, 8, dark);
        else
            set(qr, 8, last - 14 + i, dark);
    }
    set(qr, 8, last - 7, true);
}

// The version, twice, from 7 on (§7.10).
static void draw_version(struct qr *qr, unsigned version) {
    unsigned bits = protect(version, 0x1f25, 12);
    for (unsigned i = 0; version >= 7 && i < 18; i++) {
        unsigned far = qr->modules - 11 + i % 3;
        set(qr, far, i / 3, bits >> i & 1);
        set(qr, i / 3, far, bits >> i & 1);
    }
}

static void draw_patterns(struct qr *qr, unsigned version) {
    unsigned last = qr->modules - 1;
    for (unsigned i = 0; i <= last; i++) { // timing (§6.3.5)
        set(qr, 6, i, i % 2 == 0);
        set(qr, i, 6, i % 2 == 0);
    }
    draw_squares(qr, 3, 3, 4);
    draw_squares(qr, last - 3, 3, 4);
    draw_squares(qr, 3, last - 3, 4);
    draw_alignment(qr, version);
    draw_format(qr);
    draw_version(qr, version);
}

// Up and down in columns of two, from the right, around the vertical timing
// pattern (§7.7.3); under the mask, the chessboard (§7.8.2).
static void draw_data(struct qr *qr, const uint8_t *byte, size_t bits) {
    size_t n = 0;
    bool up = true;
    for (int right = qr->modules - 1; right > 0; right -= 2, up = !up) {
        if (right == 6)
            right--;
        for (unsigned i = 0; i < qr->modules * 2; i++) {
            unsigned x = right - i % 2;
            unsigned y = up ? qr->modules - 1 - i / 2 : i / 2;
            if (qr->module[y][x] & FUNCTION)
                continue;
            bool dark = n < bits && byte[n / 8] >> (7 - n % 8) & 1;
            qr->module[y][x] = dark ^ ((x + y) % 2 == 0);
            n++;
        }
    }
}

static unsigned version_for(size_t length) {
    for (unsigned version = 1; version <= QR_VERSION_MAX; version++)
        if (4 + count_bits(version) + length / 2 * 11 + length % 2 * 6 <=
            data_bytes(version) * 8)
            return version;
    return 0;
}

bool qr_encode(const char *text, size_t length, struct qr *qr) {
    static struct bits bits;
    static uint8_t stream[BYTES_MAX];
    unsigned version = version_for(length);
    if (version == 0)
        return false;
    memset(&bits, 0, sizeof(bits));
    memset(qr, 0, sizeof(*qr));
    qr->modules = 17 + 4 * version;
    put_text(&bits, text, length, version);
    interleave(bits.byte, version, stream);
    draw_patterns(qr, version);
    draw_data(qr, stream, codewords(version) * 8);
    return true;
}
