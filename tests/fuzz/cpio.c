// The bundle: files are inside the archive, in order, and each is found again
// by its name.

#include "lib/cpio.h"

#include "tests/fuzz/fuzz.h"

static void check_inside(const struct cpio *archive, const void *start,
                         size_t bytes) {
    const uint8_t *at = start;
    assert_true(at >= archive->data);
    assert_true((size_t)(at - archive->data) + bytes <= archive->bytes);
}

static void check_file(const struct cpio *archive, size_t before,
                       const struct cpio_file *file) {
    struct cpio_file found;
    assert_true(archive->offset > before && archive->offset <= archive->bytes);
    check_inside(archive, file->name, strlen(file->name) + 1);
    check_inside(archive, file->data, file->bytes);
    assert_int_equal(
        cpio_find(archive->data, archive->bytes, file->name, &found),
        STATUS_OK);
    assert_true(found.data <= file->data);
}

static void fuzz(struct input in) {
    uint8_t *data = exact_copy(in.at, in.left);
    struct cpio archive = cpio_open(data, in.left);
    struct cpio_file file;
    status_t status;
    size_t before = 0;
    while ((status = cpio_next(&archive, &file)) == STATUS_OK) {
        check_file(&archive, before, &file);
        before = archive.offset;
    }
    assert_true(status == STATUS_NOT_FOUND || status == STATUS_INVALID);
    if (status == STATUS_INVALID)
        check_why(status);
    free(data);
}
