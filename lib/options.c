// The command line is read afresh for every question: it is short, and nothing
// has to be kept.

#include "lib/options.h"

#include "lib/string.h"

// Room for the longest number, 2^64 - 1 in decimal, with a few zeros in front.
#define NUMBER_TEXT 32
#define WORD_TEXT   32

// A stretch of the line: one word, or the value in it, quotes included.
struct span {
    const char *start, *end;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

// The next word at or after `at`; empty at the end of the line.
static struct span next_word(const char *at) {
    bool quoted = false;

    while (is_blank(*at))
        at++;
    struct span word = {at, at};
    for (; *word.end && (quoted || !is_blank(*word.end)); word.end++)
        quoted ^= *word.end == '"';
    return word;
}

// Takes the next character that is no quote from the front; NUL at the end.
// Reading words only through here makes "key=a b", the form that GRUB passes
// on, the same as key="a b".
static char take(struct span *text) {
    while (text->start < text->end && *text->start == '"')
        text->start++;
    return text->start < text->end ? *text->start++ : '\0';
}

// Is the word `key` or `key=value`? Then *value is what is behind the '='.
static bool has_key(struct span word, const char *key, struct span *value) {
    for (; *key; key++)
        if (take(&word) != *key)
            return false;
    char next = take(&word);
    if (next != '=' && next != '\0')
        return false;
    *value = word;
    return true;
}

static bool find_last(const char *line, const char *key, struct span *value) {
    bool found = false;
    struct span word = next_word(line);

    for (; word.start < word.end; word = next_word(word.end))
        found |= has_key(word, key, value);
    return found;
}

// Copies the value, cut if it is too long. Returns its whole length.
static size_t copy_value(struct span value, char *to, size_t size) {
    size_t length = 0, kept = 0;

    for (char c; (c = take(&value)); length++)
        if (length + 1 < size)
            to[kept++] = c;
    if (size > 0)
        to[kept] = '\0';
    return length;
}

bool option_get(const char *line, const char *key, char *value, size_t size) {
    struct span found;

    if (!find_last(line, key, &found))
        return false;
    copy_value(found, value, size);
    return true;
}

bool option_next(const char **line, char *word, size_t size) {
    struct span found = next_word(*line);
    *line = found.end;
    if (found.start == found.end)
        return false;
    copy_value(found, word, size);
    return true;
}

bool option_parse_number(const char *text, uint64_t *number) {
    bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
    unsigned base = hex ? 16 : 10;
    const char *at = hex ? text + 2 : text;

    if (!*at)
        return false;
    for (*number = 0; *at; at++) {
        unsigned digit = digit_value(*at);
        if (digit >= base || *number > (UINT64_MAX - digit) / base)
            return false;
        *number = *number * base + digit;
    }
    return true;
}

status_t option_number(const char *line, const char *key, uint64_t min,
                       uint64_t max, uint64_t otherwise, uint64_t *out) {
    struct span found;
    char text[NUMBER_TEXT];
    uint64_t number = 0;

    if (!find_last(line, key, &found)) {
        *out = otherwise;
        return STATUS_OK;
    }
    bool whole = copy_value(found, text, sizeof(text)) < sizeof(text);
    if (!whole || !option_parse_number(text, &number) || number < min ||
        number > max)
        return fail(STATUS_INVALID, "option %s=%s is no number from %lu to %lu",
                    key, text, min, max);
    *out = number;
    return STATUS_OK;
}

// A word without its quotes is no longer than with them, so there is room.
size_t option_words(char *line, const char **words, size_t max) {
    size_t count = 0;
    struct span word = next_word(line);

    while (word.start < word.end && count < max) {
        const char *next = *word.end ? word.end + 1 : word.end;
        char *to = line + (word.start - line);
        words[count++] = to;
        while ((*to = take(&word)))
            to++;
        word = next_word(next);
    }
    return count;
}

// Copies up to the next ',' or '*', or the end; returns what it was.
static char take_part(struct span *list, char *part, size_t size) {
    size_t kept = 0;
    char c;

    while ((c = take(list)) && c != ',' && c != '*')
        if (kept + 1 < size)
            part[kept++] = c;
    part[kept] = '\0';
    return c;
}

status_t option_list(const char *line, const char *key, uint64_t index,
                     uint64_t max, char *word, size_t size, uint64_t *count) {
    struct span list;
    char stop, found[WORD_TEXT];
    uint64_t places = 0;

    if (!find_last(line, key, &list))
        return fail(STATUS_NOT_FOUND, "there is no option %s", key);
    do {
        char part[WORD_TEXT], text[NUMBER_TEXT] = "1";
        uint64_t times;
        stop = take_part(&list, part, sizeof(part));
        if (stop == '*')
            stop = take_part(&list, text, sizeof(text));
        if (stop == '*' || !option_parse_number(text, &times) || times == 0 ||
            times > max - places)
            return fail(STATUS_INVALID,
                        "option %s: %s*%s: not a number, or beyond %lu in all",
                        key, part, text, max);
        if (index >= places)
            str_copy(found, sizeof(found), part);
        places += times;
    } while (stop == ',');
    str_copy(word, size, found);
    *count = places;
    return STATUS_OK;
}
