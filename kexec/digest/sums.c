// Reads a SHA256SUMS: see the header.

#include "kexec/digest/sums.h"

#include "lib/string.h"
#include "lib/types.h"

#define DIGEST_DIGITS (2 * SHA256_BYTES)
#define NAME_OFFSET   (DIGEST_DIGITS + 2)

static bool read_digest(const char *text, uint8_t digest[SHA256_BYTES]) {
    for (unsigned i = 0; i < SHA256_BYTES; i++) {
        unsigned high = digit_value(text[2 * i]);
        unsigned low = digit_value(text[2 * i + 1]);
        if ((high | low) > 15)
            return false;
        digest[i] = high << 4 | low;
    }
    return true;
}

static uint64_t line_length(const char *text, uint64_t bytes) {
    uint64_t length = 0;
    while (length < bytes && text[length] != '\n')
        length++;
    return length;
}

// A line: 64 digits, a blank, a blank or '*', the name.
static bool is_line_of(const char *line, uint64_t length, const char *name) {
    uint64_t name_length = strlen(name);
    return length == NAME_OFFSET + name_length && line[DIGEST_DIGITS] == ' ' &&
           (line[DIGEST_DIGITS + 1] == ' ' || line[DIGEST_DIGITS + 1] == '*') &&
           memcmp(line + NAME_OFFSET, name, name_length) == 0;
}

status_t sums_find(const char *list, uint64_t bytes, const char *name,
                   uint8_t digest[SHA256_BYTES]) {
    while (bytes > 0) {
        uint64_t length = line_length(list, bytes);
        if (is_line_of(list, length, name) && read_digest(list, digest))
            return STATUS_OK;
        uint64_t step = min_u64(length + 1, bytes);
        list += step;
        bytes -= step;
    }
    return fail(STATUS_NOT_FOUND,
                "image: SHA256SUMS has no digest for %s: no line of 64 digits, "
                "two blanks and that name",
                name);
}
