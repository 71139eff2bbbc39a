// Any text as command line: each key compared with a second parser, and rows of
// every kind.

#include "lib/options.h"

#include "kernel/monitor/words.h"
#include "lib/format.h"

#include <errno.h>

#include "tests/fuzz/fuzz.h"

static unsigned end;
static uint64_t seed;
static char next[8];

static status_t read_mode(const char *word, uint32_t generation) {
    (void)generation;
    assert_true(strlen(word) < 64);
    return strchr(word, 'x') ? fail(STATUS_REFUSED, "efi=%s", word) : STATUS_OK;
}

ROW(options, end) = {"end", "", .words = "monitor shutdown", .choice = &end};
ROW(options, seed) = {"seed", "", .number = &seed, .min = 2, .max = 1 << 20};
ROW(options, next) = {"next", "", .text = next, .size = sizeof(next)};
ROW(options, efi) = {"efi", "", .read = read_mode};
ROW(options, run) = {.key = "run", .help = ""};

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

// Truncates and marks text that is longer than its buffer.
static void shorten(char *text, size_t size) {
    size_t length = strlen(text);
    if (length < size)
        return;
    text[size - 1] = '\0';
    mark_cut(text, size, length);
}

static void check_text(const char *line, const char *key, size_t size) {
    char *expected = slow_get(line, key), *value = malloc(size);
    bool found = option_get(line, key, value, size);
    assert_int_equal(found, expected != NULL);
    if (found) {
        shorten(expected, size);
        assert_string_equal(value, expected);
    }
    free(value);
    free(expected);
}

// A number by the C library, which accepts more: signs, blanks, octal.
static bool slow_number(const char *text, uint64_t *number) {
    bool hex = strncasecmp(text, "0x", 2) == 0;
    const char *digits = text + 2 * hex;
    const char *known = hex ? "0123456789abcdefABCDEF" : "0123456789";
    if (!*digits || strspn(digits, known) != strlen(digits))
        return false;
    errno = 0;
    *number = strtoull(digits, NULL, hex ? 16 : 10);
    return errno == 0;
}

static void check_number(const char *line, const char *key) {
    uint64_t found, expected;
    char *text = slow_get(line, key);
    if (text && slow_number(text, &expected)) {
        assert_true(option_parse_number(text, &found));
        assert_int_equal(found, expected);
    } else if (text) {
        assert_false(option_parse_number(text, &found));
    }
    free(text);
}

// Split in place: the same words, each inside the line.
static void check_words(const char *line) {
    const char *words[16], *rest = line;
    char *copy = strdup(line), *expected;
    size_t count = words_split(copy, words, ARRAY_SIZE(words)), i = 0;
    while (i < ARRAY_SIZE(words) && (expected = next_word(&rest))) {
        assert_true(i < count);
        assert_true(words[i] >= copy && words[i] <= copy + strlen(line));
        assert_string_equal(words[i++], expected);
        free(expected);
    }
    assert_int_equal(i, count);
    free(copy);
}

static void check_unknown(const char *line, size_t size) {
    char *text = malloc(size);
    size_t count = words_unknown(line, text, size);
    assert_true(strlen(text) < size && !strchr(text, '"'));
    for (const char *at = text; *at; at++)
        assert_true((uint8_t)*at >= ' ');
    assert_true(count > 0 || !*text);
    free(text);
}

static void check_rows(const char *line, uint32_t generation) {
    end = 0;
    seed = 5;
    next[0] = '\0';
    check_why(options_read(line, generation));
    assert_true(end <= 1);
    assert_true(seed >= 2 && seed <= 1 << 20);
    assert_true(strnlen(next, sizeof(next)) < sizeof(next));
    char *text = slow_get(line, "end");
    if (text && strcmp(text, "shutdown") == 0)
        assert_int_equal(end, 1);
    free(text);
}

static void fuzz(struct input in) {
    size_t size = take(&in, 1) % 40 + 1;
    uint32_t generation = take(&in, 2);
    char *line = text_copy(in.at, in.left);
    FOR_EACH_ROW(options, option) {
        check_text(line, option->key, size);
        check_number(line, option->key);
    }
    check_words(line);
    check_unknown(line, size);
    check_rows(line, generation);
    free(line);
}
