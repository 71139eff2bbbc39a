// The kernel's command line: any text, each key against a second reading, and
// what the kernel makes of it all.

#include "lib/options.h"

#include <errno.h>

#include "kernel/options.h"
#include "lib/log.h"
#include "mm/layout.h"
#include "tests/fuzz/fuzz.h"

va_t direct_map_base; // the kernel has it in mm/space.c

static const char *const keys[] = {"efi",         "lives",    "end", "crash",
                                   "seed",        "selftest", "run", "la57",
                                   "direct_base", "efi.diff"};

// The next word of *line, without its quotes; NULL at the end.
static char *next_word(const char **line) {
    const char *at = *line + strspn(*line, " \t\n");
    if (!*at)
        return NULL;
    char *word = calloc(1, strlen(at) + 1);
    size_t length = 0;
    for (bool quoted = false; *at; at++) {
        if (*at == '"')
            quoted = !quoted;
        else if (!quoted && strchr(" \t\n", *at))
            break;
        else
            word[length++] = *at;
    }
    *line = at;
    return word;
}

// The value of the last word of that key, to be freed; NULL: there is none.
static char *slow_get(const char *line, const char *key) {
    char *value = NULL, *word;
    while ((word = next_word(&line))) {
        size_t length = strlen(key);
        if (strncmp(word, key, length) == 0 &&
            (word[length] == '=' || word[length] == '\0')) {
            free(value);
            value = strdup(word + length + (word[length] == '='));
        }
        free(word);
    }
    return value;
}

static void check_text(const char *line, const char *key, size_t size) {
    char *expected = slow_get(line, key), *value = malloc(size);
    bool found = option_get(line, key, value, size);
    assert_int_equal(found, expected != NULL);
    if (found) {
        size_t length = min_u64(strlen(expected), size - 1);
        assert_int_equal(strlen(value), length);
        assert_memory_equal(value, expected, length);
    }
    free(value);
    free(expected);
}

// A number by the C library, which accepts more: signs, blanks, octal.
static bool slow_number(const char *text, uint64_t *number) {
    bool hex = strncasecmp(text, "0x", 2) == 0;
    const char *digits = text + 2 * hex;
    const char *known = hex ? "0123456789abcdefABCDEF" : "0123456789";
    if (!*digits || strspn(digits, known) != strlen(digits) ||
        strlen(text) > 31)
        return false;
    errno = 0;
    *number = strtoull(digits, NULL, hex ? 16 : 10);
    return errno == 0;
}

static void check_number(const char *line, const char *key, uint64_t min,
                         uint64_t max) {
    uint64_t found = 77, expected = 5;
    char *text = slow_get(line, key);
    bool good = !text || (slow_number(text, &expected) && expected >= min &&
                          expected <= max);
    status_t status = option_number(line, key, min, max, 5, &found);
    check_why(status);
    assert_int_equal(status, good ? STATUS_OK : STATUS_INVALID);
    assert_int_equal(found, good ? expected : 77);
    free(text);
}

// Split in place: the same words, each inside the line.
static void check_words(const char *line) {
    const char *words[16], *rest = line;
    char *copy = strdup(line), *expected;
    size_t count = option_words(copy, words, ARRAY_SIZE(words)), i = 0;
    while (i < ARRAY_SIZE(words) && (expected = next_word(&rest))) {
        assert_true(i < count);
        assert_true(words[i] >= copy && words[i] <= copy + strlen(line));
        assert_string_equal(words[i++], expected);
        free(expected);
    }
    assert_int_equal(i, count);
    free(copy);
}

// One after the other: the same words, cut to their room.
static void check_next(const char *line, size_t size) {
    const char *rest = line, *at = line;
    char *expected, *word = malloc(size);
    while ((expected = next_word(&rest))) {
        assert_true(option_next(&at, word, size));
        assert_int_equal(strncmp(word, expected, size - 1), 0);
        assert_true(strlen(word) < size && at == rest);
        free(expected);
    }
    assert_false(option_next(&at, word, size));
    free(word);
}

static void check_unknown(const char *line, size_t size) {
    char *text = malloc(size);
    size_t count = options_unknown(line, text, size);
    assert_true(strlen(text) < size && !strchr(text, '"'));
    for (const char *at = text; *at; at++)
        assert_true((uint8_t)*at >= ' ');
    assert_true(count > 0 || !*text);
    free(text);
}

static void check_kernel(const char *line) {
    struct options options;
    log_output.generation = 1;
    check_why(options_read(line, &options));
    assert_true(options.lives >= 1);
    assert_true(options.end <= END_EXIT);
    assert_true(strnlen(options.crash, sizeof(options.crash)) <
                sizeof(options.crash));
    assert_true(!options.mode || options.call_firmware);
    assert_true(options.levels == 0 || options.levels == 4 ||
                options.levels == 5);
    assert_true(is_aligned(options.direct_base, GIB) &&
                options.direct_base >= DIRECT_MAP_BASE &&
                options.direct_base <= DIRECT_MAP_LAST);
}

static void fuzz(struct input in) {
    size_t size = take(&in, 1) % 40 + 1;
    uint64_t min = take(&in, 2), max = take(&in, 8);
    char *line = text_copy(in.at, in.left);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        check_text(line, keys[i], size);
        check_number(line, keys[i], min, max);
    }
    check_words(line);
    check_next(line, size);
    check_unknown(line, size);
    check_kernel(line);
    free(line);
}
