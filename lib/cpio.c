// The newc format (cpio(5)): a header of 110 bytes, "070701" and 13 numbers of
// eight hex digits; the name with its NUL; the data. Name and data are padded
// so that what follows starts on a multiple of four. The entry "TRAILER!!!"
// ends the archive; another may follow in the same file, but not here.

#include "lib/cpio.h"

#include "lib/string.h"
#include "lib/types.h"

#define MAGIC "070701"
#define MAGIC_CRC                                                              \
    "070702" // has checksums in its headers, which are not checked
#define TRAILER "TRAILER!!!"

enum {
    MAGIC_BYTES = 6,
    DIGITS = 8,
    HEADER_BYTES = 110,
    FIELD_FILE_BYTES = 6, // numbers are counted from 0
    FIELD_NAME_BYTES = 11,
    ALIGNMENT = 4,
};

// Reads one number of the header at the archive's offset.
static status_t read_field(const struct cpio *archive, unsigned field,
                           size_t *value) {
    size_t at = archive->offset + MAGIC_BYTES + field * DIGITS;
    const char *text = (const char *)archive->data + at;

    *value = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        unsigned digit = digit_value(text[i]);
        if (digit > 15)
            return fail(STATUS_INVALID,
                        "cpio: byte 0x%02x at offset %zu is not a hex digit",
                        (unsigned char)text[i], at + i);
        *value = *value << 4 | digit;
    }
    return STATUS_OK;
}

static status_t check_magic(const struct cpio *archive) {
    const char *magic = (const char *)archive->data + archive->offset;

    if (archive->bytes - archive->offset < HEADER_BYTES)
        return fail(STATUS_INVALID,
                    "cpio: header at offset %zu is cut off at %zu",
                    archive->offset, archive->bytes);
    if (memcmp(magic, MAGIC, MAGIC_BYTES) != 0 &&
        memcmp(magic, MAGIC_CRC, MAGIC_BYTES) != 0)
        return fail(STATUS_INVALID,
                    "cpio: magic at offset %zu is \"%.6s\", not " MAGIC,
                    archive->offset, magic);
    return STATUS_OK;
}

// Is [at, at + bytes) inside the archive? `what` is for the reason.
static status_t check_inside(const struct cpio *archive, const char *what,
                             size_t at, size_t bytes) {
    if (at <= archive->bytes && bytes <= archive->bytes - at)
        return STATUS_OK;
    return fail(STATUS_INVALID,
                "cpio: %s of %zu bytes at offset %zu passes the end at %zu",
                what, bytes, at, archive->bytes);
}

// Every "./" before it goes, so that a plain name stays as it is.
static const char *plain_name(const char *name) {
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    return name;
}

// Reads the name, which follows the header, and where it ends.
static status_t read_name(const struct cpio *archive, const char **name,
                          size_t *end) {
    size_t bytes, at = archive->offset + HEADER_BYTES;
    TRY(read_field(archive, FIELD_NAME_BYTES, &bytes));
    TRY(check_inside(archive, "name", at, bytes));
    *name = (const char *)archive->data + at;
    *end = at + bytes;
    if (strnlen(*name, bytes) == bytes)
        return fail(STATUS_INVALID,
                    "cpio: name of %zu bytes at offset %zu has no NUL", bytes,
                    at);
    for (const char *c = *name; *c; c++)
        if ((uint8_t)*c < ' ') // a control character, in a log or on a screen
            return fail(STATUS_INVALID,
                        "cpio: the name at offset %zu has a byte %#x", at, *c);
    return STATUS_OK;
}

// Finds the data, which follows the name.
static status_t read_data(const struct cpio *archive, size_t name_end,
                          struct cpio_file *file) {
    size_t at = align_up(name_end, ALIGNMENT);
    TRY(read_field(archive, FIELD_FILE_BYTES, &file->bytes));
    TRY(check_inside(archive, "file", at, file->bytes));
    file->data = archive->data + at;
    return STATUS_OK;
}

status_t cpio_next(struct cpio *archive, struct cpio_file *file) {
    struct cpio_file found = {0};
    size_t name_end;

    if (archive->offset == archive->bytes)
        return STATUS_NOT_FOUND;
    TRY(check_magic(archive));
    TRY(read_name(archive, &found.name, &name_end));
    if (str_equal(found.name, TRAILER))
        return STATUS_NOT_FOUND;
    TRY(read_data(archive, name_end, &found));

    found.name = plain_name(found.name);
    *file = found;
    // The padding of the last file may be missing.
    size_t end = (size_t)(found.data - archive->data) + found.bytes;
    archive->offset = min_u64(align_up(end, ALIGNMENT), archive->bytes);
    return STATUS_OK;
}

status_t cpio_find(const void *archive, size_t bytes, const char *name,
                   struct cpio_file *file) {
    struct cpio all = cpio_open(archive, bytes);
    struct cpio_file found;
    status_t status;

    while ((status = cpio_next(&all, &found)) == STATUS_OK)
        if (str_equal(found.name, plain_name(name))) {
            *file = found;
            return STATUS_OK;
        }
    if (status == STATUS_NOT_FOUND)
        return fail(status, "cpio: no file \"%s\" among %zu bytes", name,
                    bytes);
    return status;
}
