// The command line is searched again for each option: it is short, and nothing
// has to be stored.

#include "lib/options.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

#define WORD_BYTES   64
#define NUMBER_BYTES 32 // 2^64 - 1 in decimal, with a few leading zeros

// Part of the line: a word, or the value in it, with its quotes.
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

// Is the word `key` or `key=value`? Then *value is what follows the '='.
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

// Marks what is cut.
static void copy(struct span value, char *to, size_t size) {
    size_t length = 0, kept = 0;

    for (char c; (c = take(&value)); length++)
        if (length + 1 < size)
            to[kept++] = c;
    if (size > 0)
        to[kept] = '\0';
    mark_cut(to, size, length);
}

bool option_get(const char *line, const char *key, char *value, size_t size) {
    struct span found;

    if (!find_last(line, key, &found))
        return false;
    copy(found, value, size);
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

// ---- rows

// Copies up to the next ',' or '*', or to the end. Returns which it was, or
// '?' where the part does not fit.
static char take_part(struct span *list, char *part, size_t size) {
    size_t length = 0;
    char c;

    while ((c = take(list)) && c != ',' && c != '*') {
        part[min_u64(length, size - 1)] = c;
        length++;
    }
    part[min_u64(length, size - 1)] = '\0';
    return length < size ? c : '?';
}

// The word of that generation in "a*3,b": the last one is for all that follow.
static status_t word_of(struct span list, const char *key, uint64_t generation,
                        char *word) {
    char stop, part[WORD_BYTES];
    bool found = false;

    do {
        char times_text[NUMBER_BYTES] = "1";
        uint64_t times = 0;
        stop = take_part(&list, part, sizeof(part));
        if (stop == '*')
            stop = take_part(&list, times_text, sizeof(times_text));
        if (stop == '?')
            return fail(STATUS_INVALID,
                        "%s=: a word of more than %d characters, or a number "
                        "of more than %d: %s",
                        key, WORD_BYTES - 1, NUMBER_BYTES - 1, part);
        if (stop == '*')
            return fail(STATUS_INVALID, "%s=: %s*%s has a second '*'", key,
                        part, times_text);
        if (!option_parse_number(times_text, &times) || times == 0)
            return fail(STATUS_INVALID, "%s=: %s*%s: not a number of times",
                        key, part, times_text);
        if (!found)
            str_copy(word, WORD_BYTES, part);
        found |= generation < times;
        generation -= found ? 0 : times;
    } while (stop == ',');
    return STATUS_OK;
}

static status_t choose(const struct option *option, const char *word) {
    char candidate[WORD_BYTES];
    struct span at = next_word(option->words);

    for (unsigned i = 0; at.start < at.end; i++, at = next_word(at.end)) {
        copy(at, candidate, sizeof(candidate));
        if (!str_equal(candidate, word))
            continue;
        *option->choice = i;
        return STATUS_OK;
    }
    return fail(STATUS_INVALID, "%s=%s is none of: %s", option->key, word,
                option->words);
}

static status_t set_number(const struct option *option, const char *word) {
    uint64_t number;
    if (!option_parse_number(word, &number) || number < option->min ||
        number > option->max)
        return fail(STATUS_INVALID, "%s=%s is no number from %lu to %lu",
                    option->key, word, option->min, option->max);
    *option->number = number;
    return STATUS_OK;
}

static status_t set_text(const struct option *option, const char *word) {
    if (strlen(word) >= option->size)
        return fail(STATUS_INVALID, "%s=%s: more than %zu characters",
                    option->key, word, option->size - 1);
    str_copy(option->text, option->size, word);
    return STATUS_OK;
}

static status_t read_row(const struct option *option, const char *line,
                         uint32_t generation) {
    struct span list;
    char word[WORD_BYTES];
    bool here = option->words || option->number || option->text || option->read;

    if (!here || !find_last(line, option->key, &list))
        return STATUS_OK;
    TRY(word_of(list, option->key, generation, word));
    if (option->words)
        return choose(option, word);
    if (option->number)
        return set_number(option, word);
    if (option->text)
        return set_text(option, word);
    return option->read(word, generation);
}

status_t options_read(const char *line, uint32_t generation) {
    char wrong[REASON_BYTES] = "";
    status_t first = STATUS_OK;
    FOR_EACH_ROW(options, option) {
        status_t status = read_row(option, line, generation);
        if (status)
            append(wrong, sizeof(wrong), "%s%s", *wrong ? "; " : "", why());
        first = first ? first : status;
    }
    return first ? fail(first, "%s", wrong) : STATUS_OK;
}

static bool is_known(struct span word) {
    struct span value;
    FOR_EACH_ROW(options, option)
        if (has_key(word, option->key, &value))
            return true;
    return false;
}

size_t options_unknown(const char *line, char *text, size_t size) {
    char copied[WORD_BYTES];
    size_t count = 0;
    *text = '\0';
    struct span word = next_word(line);
    for (; word.start < word.end; word = next_word(word.end)) {
        if (is_known(word))
            continue;
        copy(word, copied, sizeof(copied));
        fail(STATUS_INVALID, "%s", copied); // makes it fit for a log line
        append(text, size, "%s%s", count++ ? " " : "", why());
    }
    return count;
}
