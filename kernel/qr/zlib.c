// zlib's format (RFC 1950) around one block of deflate with its fixed codes
// (RFC 1951 §3.2.6). Each repetition is found by trying every earlier place,
// which is fast enough for some KiB and needs no memory.

#include "kernel/qr/zlib.h"

#define LENGTH_MIN 3
#define LENGTH_MAX 258
#define END        256 // the symbol that ends a block
#define ADLER      65521

struct writer {
    uint8_t *out;
    size_t bytes, size;
    uint32_t bits; // that are not a byte yet
    unsigned count;
};

static void put_byte(struct writer *w, uint8_t byte) {
    if (w->bytes < w->size)
        w->out[w->bytes] = byte;
    w->bytes++;
}

// Numbers begin with their lowest bit …
static void put_bits(struct writer *w, uint32_t value, unsigned count) {
    w->bits |= value << w->count;
    for (w->count += count; w->count >= 8; w->count -= 8, w->bits >>= 8)
        put_byte(w, w->bits);
}

// … and codes with their highest.
static void put_code(struct writer *w, uint32_t code, unsigned count) {
    while (count-- > 0)
        put_bits(w, code >> count & 1, 1);
}

static void put_symbol(struct writer *w, unsigned symbol) {
    if (symbol < 144)
        put_code(w, 0x30 + symbol, 8);
    else if (symbol < 256)
        put_code(w, 0x190 + symbol - 144, 9);
    else if (symbol < 280)
        put_code(w, symbol - 256, 7);
    else
        put_code(w, 0xc0 + symbol - 280, 8);
}

// How many bits follow the n-th code for a length, or for a distance: four
// lengths, or two distances, have the same number (§3.2.5).
static unsigned extra_bits(unsigned n, unsigned in_group) {
    return n < 2 * in_group ? 0 : n / in_group - 1;
}

// The code whose range has the value, and where that range begins.
static unsigned find_code(unsigned value, unsigned in_group, unsigned *base) {
    unsigned n = 0;
    while (value >= *base + (1u << extra_bits(n, in_group)))
        *base += 1u << extra_bits(n++, in_group);
    return n;
}

static void put_repetition(struct writer *w, unsigned length,
                           unsigned distance) {
    unsigned base = LENGTH_MIN, n = find_code(length, 4, &base);
    if (length == LENGTH_MAX) { // has a code of its own
        put_symbol(w, 285);
    } else {
        put_symbol(w, 257 + n);
        put_bits(w, length - base, extra_bits(n, 4));
    }
    base = 1;
    n = find_code(distance, 2, &base);
    put_code(w, n, 5);
    put_bits(w, distance - base, extra_bits(n, 2));
}

// The longest earlier text that equals what is at `at`.
static unsigned find_repetition(const uint8_t *in, size_t bytes, size_t at,
                                unsigned *distance) {
    unsigned longest = 0;
    for (size_t from = at; from-- > 0;) {
        unsigned length = 0;
        while (length < LENGTH_MAX && at + length < bytes &&
               in[from + length] == in[at + length])
            length++;
        if (length > longest) {
            longest = length;
            *distance = at - from;
        }
    }
    return longest;
}

static uint32_t adler32(const uint8_t *in, size_t bytes) {
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < bytes; i++) {
        a = (a + in[i]) % ADLER;
        b = (b + a) % ADLER;
    }
    return b << 16 | a;
}

size_t zlib_compress(const uint8_t *in, size_t bytes, uint8_t *out,
                     size_t size) {
    struct writer w = {.out = out, .size = size};
    uint32_t sum = adler32(in, bytes);
    put_byte(&w, 0x78); // deflate, a window of 32 KiB
    put_byte(&w, 0x01);
    put_bits(&w, 1, 1); // the last block,
    put_bits(&w, 1, 2); // with the fixed codes
    for (size_t at = 0; at < bytes;) {
        unsigned distance = 0;
        unsigned length = find_repetition(in, bytes, at, &distance);
        if (length >= LENGTH_MIN)
            put_repetition(&w, length, distance);
        else
            put_symbol(&w, in[at]);
        at += length >= LENGTH_MIN ? length : 1;
    }
    put_symbol(&w, END);
    put_bits(&w, 0, (8 - w.count) % 8);
    for (int shift = 24; shift >= 0; shift -= 8)
        put_byte(&w, sum >> shift);
    return w.bytes <= size ? w.bytes : 0;
}
