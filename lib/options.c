// The command line is searched again for each option: it is short, and nothing
// has to be stored.

#include "lib/options.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

#define LINE_BYTES   2048 // of the longest word: the whole line
#define WORD_BYTES   64   // of one word in a list
#define NUMBER_BYTES 32   // 2^64 - 1 in decimal, with a few leading zeros

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

// Copies the next word, without its quotes, and moves *line behind it. A word
// that is cut is marked. `word` may be where the word begins. Since quotes are
// dropped wherever they are, "key=a b", the form that GRUB passes on, is the
// same as key="a b".
static bool next_word(const char **line, char *word, size_t size) {
    const char *at = *line;
    size_t length = 0;
    bool quoted = false;

    while (is_blank(*at))
        at++;
    if (!*at)
        return false;
    for (; *at && (quoted || !is_blank(*at)); at++)
        if (*at == '"')
            quoted = !quoted;
        else if (++length < size)
            word[length - 1] = *at;
    *line = *at ? at + 1 : at;
    word[min_u64(length, size - 1)] = '\0';
    mark_cut(word, size, length);
    return true;
}

size_t option_words(char *line, const char **words, size_t max) {
    size_t count = 0;
    const char *rest = line;

    while (count < max) {
        while (is_blank(*rest))
            rest++;
        char *word = line + (rest - line);
        if (!next_word(&rest, word, SIZE_MAX))
            break;
        words[count++] = word;
    }
    return count;
}

// The value of `key` or `key=value`; NULL if the word is of another key.
static const char *value_of(const char *word, const char *key) {
    const char *end = word + strlen(key);
    if (!str_starts_with(word, key) || (*end != '=' && *end != '\0'))
        return NULL;
    return *end ? end + 1 : end;
}

bool option_get(const char *line, const char *key, char *value, size_t size) {
    char word[LINE_BYTES];
    const char *found;
    bool any = false;

    while (next_word(&line, word, sizeof(word)))
        if ((found = value_of(word, key))) {
            mark_cut(value, size, format(value, size, "%s", found));
            any = true;
        }
    return any;
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

// ---- rows

// Copies up to one of two characters or the end, and returns where that is.
// NULL: that is longer than `size` allows.
static const char *take_part(const char *at, char a, char b, char *part,
                             size_t size) {
    size_t length = 0;
    while (at[length] && at[length] != a && at[length] != b)
        length++;
    mark_cut(part, size, format(part, size, "%.*s", (int)length, at));
    return length < size ? at + length : NULL;
}

// The word of that generation in "a*3,b": the last one is for all that follow.
static status_t word_of(const char *list, const char *key, uint64_t generation,
                        char *word) {
    bool found = false;

    for (const char *at = list;; at++) {
        char part[WORD_BYTES], times_text[NUMBER_BYTES] = "1";
        uint64_t times;
        at = take_part(at, ',', '*', part, sizeof(part));
        if (at && *at == '*')
            at = take_part(at + 1, ',', ',', times_text, sizeof(times_text));
        if (!at)
            return fail(STATUS_INVALID,
                        "%s=: a word of more than %d characters, or a number "
                        "of more than %d: %s",
                        key, WORD_BYTES - 1, NUMBER_BYTES - 1, part);
        if (!option_parse_number(times_text, &times) || times == 0)
            return fail(STATUS_INVALID, "%s=: %s*%s: not a number of times",
                        key, part, times_text);
        if (!found)
            str_copy(word, WORD_BYTES, part);
        found |= generation < times;
        generation -= found ? 0 : times;
        if (!*at)
            return STATUS_OK;
    }
}

static status_t choose(const struct option *option, const char *word) {
    char candidate[WORD_BYTES];
    const char *words = option->words;

    for (unsigned i = 0; next_word(&words, candidate, sizeof(candidate)); i++)
        if (str_equal(candidate, word)) {
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
    char value[LINE_BYTES], word[WORD_BYTES];
    bool here = option->words || option->number || option->text || option->read;

    if (!here || !option_get(line, option->key, value, sizeof(value)))
        return STATUS_OK;
    TRY(word_of(value, option->key, generation, word));
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

static bool is_known(const char *word) {
    FOR_EACH_ROW(options, option)
        if (value_of(word, option->key))
            return true;
    return false;
}

size_t options_unknown(const char *line, char *text, size_t size) {
    char word[WORD_BYTES];
    size_t count = 0;
    *text = '\0';
    while (next_word(&line, word, sizeof(word))) {
        if (is_known(word))
            continue;
        fail(STATUS_INVALID, "%s", word); // makes it fit for a log line
        append(text, size, "%s%s", count++ ? " " : "", why());
    }
    return count;
}
