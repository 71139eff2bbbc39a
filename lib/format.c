// printf into a buffer, in three layers: a sink that counts all and keeps what
// fits, a parser for one conversion, and the printing of a padded field, into
// which every conversion ends.

#include "lib/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "lib/string.h"

struct sink {
    char *buffer;
    size_t size;
    size_t length; // of the whole text, kept or not
};

struct conversion {
    bool left, zero, alternate; // the flags - 0 #
    int width;
    int precision; // -1: none
    bool wide;     // l, ll or z: 64 bits, on x86_64 all the same
    char type;
};

static void put(struct sink *sink, char c) {
    if (sink->length < sink->size)
        sink->buffer[sink->length] = c;
    sink->length++;
}

static void put_repeated(struct sink *sink, char c, int times) {
    while (times-- > 0)
        put(sink, c);
}

static void put_bytes(struct sink *sink, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        put(sink, text[i]);
}

// [blanks] prefix [zeros] body [blanks], `width` wide. The prefix, a sign or
// 0x, stands before the zeros.
static void put_field(struct sink *sink, const struct conversion *how,
                      const char *prefix, const char *body, size_t length) {
    int padding = how->width - (int)(strlen(prefix) + length);
    bool zeros = how->zero && !how->left;

    if (!zeros && !how->left)
        put_repeated(sink, ' ', padding);
    put_bytes(sink, prefix, strlen(prefix));
    if (zeros)
        put_repeated(sink, '0', padding);
    put_bytes(sink, body, length);
    if (how->left)
        put_repeated(sink, ' ', padding);
}

static void put_number(struct sink *sink, const struct conversion *how,
                       const char *prefix, uint64_t value, unsigned base) {
    char text[20]; // as many as 2^64 - 1 has in decimal
    size_t at = sizeof(text);

    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    put_field(sink, how, prefix, text + at, sizeof(text) - at);
}

static void put_signed(struct sink *sink, const struct conversion *how,
                       int64_t value) {
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    put_number(sink, how, value < 0 ? "-" : "", magnitude, 10);
}

static void put_hex(struct sink *sink, const struct conversion *how,
                    uint64_t value) {
    // As in C: # marks no zero.
    put_number(sink, how, how->alternate && value ? "0x" : "", value, 16);
}

static void put_string(struct sink *sink, const struct conversion *how,
                       const char *text) {
    size_t max = how->precision < 0 ? SIZE_MAX : (size_t)how->precision;
    if (!text)
        text = "(null)";
    put_field(sink, how, "", text, strnlen(text, max));
}

// Fetches the argument that the conversion asks for and prints it. False: there
// is no such conversion.
static bool convert(struct sink *sink, const struct conversion *how,
                    va_list *args) {
    switch (how->type) {
    case 'd':
        put_signed(sink, how,
                   how->wide ? va_arg(*args, long) : va_arg(*args, int));
        return true;
    case 'u':
        put_number(sink, how, "",
                   how->wide ? va_arg(*args, unsigned long)
                             : va_arg(*args, unsigned),
                   10);
        return true;
    case 'x':
        put_hex(sink, how,
                how->wide ? va_arg(*args, unsigned long)
                          : va_arg(*args, unsigned));
        return true;
    case 'c':
        put_field(sink, how, "", &(char){(char)va_arg(*args, int)}, 1);
        return true;
    case 's':
        put_string(sink, how, va_arg(*args, const char *));
        return true;
    case '%':
        put(sink, '%');
        return true;
    }
    return false;
}

static const char *parse_flags(const char *at, struct conversion *how) {
    for (;; at++) {
        if (*at == '-')
            how->left = true;
        else if (*at == '0')
            how->zero = true;
        else if (*at == '#')
            how->alternate = true;
        else
            return at;
    }
}

// A width or a precision: digits, or * for an argument.
static const char *parse_size(const char *at, int *size, va_list *args) {
    if (*at == '*') {
        *size = va_arg(*args, int);
        return at + 1;
    }
    for (*size = 0; *at >= '0' && *at <= '9'; at++)
        *size = *size * 10 + (*at - '0');
    return at;
}

// Reads what follows a '%' and returns where its type letter stands.
static const char *parse(const char *at, struct conversion *how,
                         va_list *args) {
    *how = (struct conversion){.precision = -1};
    at = parse_flags(at, how);
    at = parse_size(at, &how->width, args);
    if (how->width < 0) {
        how->left = true;
        how->width = -how->width;
    }
    if (*at == '.')
        at = parse_size(at + 1, &how->precision, args);
    for (; *at == 'l' || *at == 'z'; at++)
        how->wide = true;
    how->type = *at;
    return at;
}

size_t vformat(char *buffer, size_t size, const char *fmt, va_list args) {
    struct sink sink = {.buffer = buffer, .size = size};
    va_list rest;
    va_copy(rest, args);

    for (const char *at = fmt; *at; at++) {
        struct conversion how;
        const char *type = *at == '%' ? parse(at + 1, &how, &rest) : at;
        if (type != at && convert(&sink, &how, &rest))
            at = type;
        else
            put(&sink, *at);
    }
    va_end(rest);
    if (size > 0)
        buffer[sink.length < size ? sink.length : size - 1] = '\0';
    return sink.length;
}

size_t format(char *buffer, size_t size, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    size_t length = vformat(buffer, size, fmt, args);
    va_end(args);
    return length;
}

void mark_cut(char *buffer, size_t size, size_t length) {
    static const char mark[] = "...";
    if (length < size || size < sizeof(mark))
        return;
    size_t at = size - sizeof(mark);
    while (at > 0 && ((uint8_t)buffer[at] & 0xc0) == 0x80)
        at--;
    memcpy(buffer + at, mark, sizeof(mark));
}

void append(char *buffer, size_t size, const char *fmt, ...) {
    size_t used = strlen(buffer);
    va_list args;
    va_start(args, fmt);
    used += vformat(buffer + used, size - used, fmt, args);
    mark_cut(buffer, size, used);
    va_end(args);
}
