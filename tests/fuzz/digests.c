// The bundle's SHA256SUMS: any name in any text, compared with a second parser.

#include "kexec/digest/sums.h"
#include "tests/fuzz/fuzz.h"

// The line that starts at `line`, as a separate string.
static bool is_row(const char *line, const char *name, uint8_t *digest) {
    if (strspn(line, "0123456789abcdefABCDEF") != 64 || line[64] != ' ' ||
        !strchr(" *", line[65]) || line[65] == '\0' ||
        strcmp(line + 66, name) != 0)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        char byte[3] = {line[2 * i], line[2 * i + 1], '\0'};
        digest[i] = strtoul(byte, NULL, 16);
    }
    return true;
}

static bool slow_find(const char *text, size_t bytes, const char *name,
                      uint8_t *digest) {
    bool found = false;
    for (size_t at = 0; at < bytes && !found;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t length = end ? (size_t)(end - text) - at : bytes - at;
        char *line = text_copy(text + at, length);
        found = strlen(line) == length && is_row(line, name, digest);
        free(line);
        at += length + 1;
    }
    return found;
}

static void fuzz(struct input in) {
    uint8_t digest[SHA256_BYTES] = {0}, expected[SHA256_BYTES] = {0};
    struct input part = take_part(&in, take(&in, 1) % 32);
    char *name = text_copy(part.at, part.left);
    char *text = exact_copy(in.at, in.left);
    status_t status = sums_find(text, in.left, name, digest);
    check_why(status);
    bool found = slow_find(text, in.left, name, expected);
    assert_int_equal(status, found ? STATUS_OK : STATUS_NOT_FOUND);
    if (found)
        assert_memory_equal(digest, expected, sizeof(digest));
    free(text);
    free(name);
}
