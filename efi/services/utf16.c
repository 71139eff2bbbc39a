// Between UTF-16 and UTF-8 (Unicode 15, 3.9: tables 3-5 and 3-6).

#include "efi/services/utf16.h"

#include "lib/format.h"
#include "lib/string.h"

#define REPLACEMENT 0xFFFD

static bool is_high(uint16_t unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(uint16_t unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

static bool is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

// The character at `from`, of which `units` > 0 are there; *used are its own.
static uint32_t decode(const uint16_t *from, size_t units, size_t *used) {
    *used = 1;
    if (is_high(from[0]) && units > 1 && is_low(from[1])) {
        *used = 2;
        return 0x10000 + ((from[0] & 0x3FFu) << 10) + (from[1] & 0x3FFu);
    }
    if (is_high(from[0]) || is_low(from[0]))
        return REPLACEMENT;
    return is_control(from[0]) ? '?' : from[0];
}

// Writes `c` as 1 to 4 bytes, unless that is more than `size`: then returns 0.
static size_t encode(char *to, size_t size, uint32_t c) {
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0x00, 0xC0, 0xE0, 0xF0};

    if (length > size)
        return 0;
    for (size_t i = length - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    to[0] = (char)(lead[length] | c);
    return length;
}

size_t utf16_to_utf8(char *to, size_t size, const uint16_t *from,
                     size_t units) {
    size_t written = 0, used, length;
    bool cut = false;

    if (size == 0)
        return 0;
    for (size_t at = 0; at < units && from[at]; at += used) {
        uint32_t c = decode(from + at, units - at, &used);
        length = encode(to + written, size - 1 - written, c);
        cut = length == 0;
        if (cut)
            break;
        written += length;
    }
    to[written] = '\0';
    mark_cut(to, size, cut ? size : written);
    return strlen(to);
}

size_t utf16_from_ascii(uint16_t *to, size_t units, const char *from) {
    size_t at = 0;
    for (; at < units - 1 && from[at] >= ' ' && from[at] <= '~'; at++)
        to[at] = (uint16_t)from[at];
    to[at] = 0;
    return at;
}

bool utf16_equal(const uint16_t *a, const uint16_t *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}
