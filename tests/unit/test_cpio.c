// The bundle's reader: archives built here, then cut and damaged everywhere.
// Every archive is in memory of exactly its size.

#include "lib/cpio.h"

#include <stdio.h>

#include "tests/unit/unit.h"

struct archive {
    char data[2048];
    size_t bytes;
};

static void pad(struct archive *archive) {
    while (archive->bytes % 4 != 0)
        archive->data[archive->bytes++] = '\0';
}

// Appends an entry in the format of cpio(5).
static void add(struct archive *archive, const char *name, const void *data,
                size_t bytes) {
    size_t name_bytes = strlen(name) + 1;
    char *at = archive->data + archive->bytes;

    at += sprintf(at,
                  "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                  1u, 0100644u, 0u, 0u, 1u, 0u, (unsigned)bytes, 8u, 1u, 0u, 0u,
                  (unsigned)name_bytes, 0u);
    memcpy(at, name, name_bytes);
    archive->bytes += 110 + name_bytes;
    pad(archive);
    memcpy(archive->data + archive->bytes, data, bytes);
    archive->bytes += bytes;
    pad(archive);
}

// Three files, whose lengths leave 0, 3 and 1 bytes of padding.
static struct archive sample(void) {
    struct archive archive = {0};
    add(&archive, "baton", "kernel..", 8);
    add(&archive, "./SHA256SUMS", "sums\n", 5);
    add(&archive, "d/empty", "", 0);
    add(&archive, "odd", "abc", 3);
    add(&archive, "TRAILER!!!", "", 0);
    return archive;
}

// Reads the first `bytes` to their end and returns the status. Every byte that
// is returned is accessed.
static status_t walk(const void *data, size_t bytes) {
    void *exact = exact_copy(data, bytes);
    struct cpio cpio = cpio_open(exact, bytes);
    struct cpio_file file;
    status_t status;

    while ((status = cpio_next(&cpio, &file)) == STATUS_OK) {
        assert_true(strlen(file.name) < bytes);
        free(exact_copy(file.data, file.bytes));
    }
    assert_int_equal(cpio_next(&cpio, &file), status); // it stays there
    free(exact);
    return status;
}

static void files_in_order(void **state) {
    (void)state;
    struct archive archive = sample();
    const char *names[] = {"baton", "SHA256SUMS", "d/empty", "odd"};
    const char *contents[] = {"kernel..", "sums\n", "", "abc"};
    struct cpio cpio = cpio_open(archive.data, archive.bytes);
    struct cpio_file file;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(cpio_next(&cpio, &file), STATUS_OK);
        assert_string_equal(file.name, names[i]);
        assert_int_equal(file.bytes, strlen(contents[i]));
        assert_memory_equal(file.data, contents[i], file.bytes);
    }
    assert_int_equal(cpio_next(&cpio, &file), STATUS_NOT_FOUND);
    assert_int_equal(cpio_next(&cpio, &file), STATUS_NOT_FOUND);
}

static void finds_by_name(void **state) {
    (void)state;
    struct archive archive = sample();
    const char *spellings[] = {"SHA256SUMS", "./SHA256SUMS", "././SHA256SUMS"};
    struct cpio_file file;

    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        assert_int_equal(
            cpio_find(archive.data, archive.bytes, spellings[i], &file),
            STATUS_OK);
        assert_memory_equal(file.data, "sums\n", file.bytes);
    }
    assert_int_equal(cpio_find(archive.data, archive.bytes, "bat", &file),
                     STATUS_NOT_FOUND);
    assert_contains(why(), "'bat'");
    assert_memory_equal(file.data, "sums\n", file.bytes); // left alone
}

static void the_first_of_a_name(void **state) {
    (void)state;
    struct archive archive = {0};
    struct cpio_file file;
    add(&archive, "twice", "1", 1);
    add(&archive, "twice", "2", 1);
    assert_int_equal(cpio_find(archive.data, archive.bytes, "twice", &file),
                     STATUS_OK);
    assert_int_equal(file.data[0], '1');
}

static void only_the_first_archive(void **state) {
    (void)state;
    struct archive archive = sample();
    struct cpio_file file;
    add(&archive, "later", "x", 1);
    assert_int_equal(cpio_find(archive.data, archive.bytes, "later", &file),
                     STATUS_NOT_FOUND);
}

// All bytes but the control characters.
static void names_of_any_characters(void **state) {
    (void)state;
    const char *names[] = {" ", "a b", "~\x7f",
                           "gr\xc3\xbc\xc3\x9f"
                           "e"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct archive archive = {0};
        struct cpio_file file;
        add(&archive, names[i], "x", 1);
        assert_int_equal(
            cpio_find(archive.data, archive.bytes, names[i], &file), STATUS_OK);
        assert_int_equal(file.data[0], 'x');
    }
}

static void nothing_is_an_end(void **state) {
    (void)state;
    assert_int_equal(walk("", 0), STATUS_NOT_FOUND);
}

static void both_magics_and_cases(void **state) {
    (void)state;
    struct archive archive = sample();
    struct cpio_file file;
    archive.data[5] = '2';
    for (size_t i = 6; i < 110; i++)
        archive.data[i] |= 0x20; // A to F become lower case
    assert_int_equal(cpio_find(archive.data, archive.bytes, "baton", &file),
                     STATUS_OK);
    assert_int_equal(file.bytes, 8);
}

// Truncated at every byte: an end if a file ends there, with or without its
// padding, or after the trailer's name; otherwise an error.
static void cut_everywhere(void **state) {
    (void)state;
    struct archive archive = sample();
    struct cpio cpio = cpio_open(archive.data, archive.bytes);
    bool is_end[sizeof(archive.data)] = {[0] = true};
    struct cpio_file file;

    while (cpio_next(&cpio, &file) == STATUS_OK) {
        size_t end = (size_t)((char *)file.data - archive.data) + file.bytes;
        for (; end <= cpio.offset; end++)
            is_end[end] = true;
    }
    for (size_t end = cpio.offset + 110 + 11; end <= archive.bytes; end++)
        is_end[end] = true;
    for (size_t bytes = 0; bytes <= archive.bytes; bytes++)
        assert_int_equal(walk(archive.data, bytes),
                         is_end[bytes] ? STATUS_NOT_FOUND : STATUS_INVALID);
}

// Every byte takes every value: there is a result, and no byte outside is read.
static void damaged_everywhere(void **state) {
    (void)state;
    struct archive archive = sample();

    for (size_t at = 0; at < archive.bytes; at++) {
        char whole = archive.data[at];
        for (int change = 1; change < 256; change++) {
            archive.data[at] = (char)(whole ^ change);
            status_t status = walk(archive.data, archive.bytes);
            assert_true(status == STATUS_NOT_FOUND || status == STATUS_INVALID);
        }
        archive.data[at] = whole;
    }
}

// Puts `text` at `at` into the sample and expects a reason that contains
// `reason`, from cpio_find() too.
static void expect(size_t at, const char *text, const char *reason) {
    struct archive archive = sample();
    struct cpio_file file;

    memcpy(archive.data + at, text, strlen(text));
    assert_int_equal(walk(archive.data, archive.bytes), STATUS_INVALID);
    assert_contains(why(), reason);
    assert_int_equal(cpio_find(archive.data, archive.bytes, "none", &file),
                     STATUS_INVALID);
}

// The first name is at 110, its data at 116, the second header at 124.
static void reasons_name_the_value(void **state) {
    (void)state;
    enum { FILE_BYTES = 6 + 6 * 8, NAME_BYTES = 6 + 11 * 8 };
    expect(0, "070707", "magic at offset 0 is '070707'");
    expect(124, "x", "magic at offset 124 is 'x70701'");
    expect(FILE_BYTES + 3, "g", "byte 0x67 at offset 57 is not a hex digit");
    expect(NAME_BYTES, " ", "byte 0x20 at offset 94 is not a hex digit");
    expect(NAME_BYTES, "00000000", "name of 0 bytes at offset 110 has no NUL");
    expect(NAME_BYTES, "00000005", "name of 5 bytes at offset 110 has no NUL");
    expect(112, "\x1b", "the name at offset 110 has a byte 0x1b");
    expect(112, "\n", "the name at offset 110 has a byte 0xa");
    expect(NAME_BYTES, "FFFFFFFF", "name of 4294967295 bytes at offset 110");
    expect(FILE_BYTES, "FFFFFFFF", "file of 4294967295 bytes at offset 116");
    expect(FILE_BYTES, "00001000", "file of 4096 bytes at offset 116 passes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_in_order),
        cmocka_unit_test(finds_by_name),
        cmocka_unit_test(the_first_of_a_name),
        cmocka_unit_test(only_the_first_archive),
        cmocka_unit_test(names_of_any_characters),
        cmocka_unit_test(nothing_is_an_end),
        cmocka_unit_test(both_magics_and_cases),
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(damaged_everywhere),
        cmocka_unit_test(reasons_name_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
