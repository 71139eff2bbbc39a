// The command line is searched again for each option: it is short, and nothing
// has to be stored.

#include "lib/options.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

#define LINE_BYTES 2048 // of the longest word: the whole line

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

bool option_next_word(const char **line, char *word, size_t size) {
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

    while (option_next_word(&line, word, sizeof(word)))
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

// The word of that generation: the whole value, unless lists are linked.
static status_t word_of(const char *key, const char *value, uint32_t generation,
                        char *word) {
    FOR_EACH_ROW(lists, list)
        return list->pick(key, value, generation, word);
    if (str_copy(word, OPTION_WORD_BYTES, value))
        return STATUS_OK;
    return fail(STATUS_INVALID, "%s=: a word of more than %d characters: %s",
                key, OPTION_WORD_BYTES - 1, word);
}

static status_t choose(const struct option *option, const char *word) {
    char candidate[OPTION_WORD_BYTES];
    const char *words = option->words;

    for (unsigned i = 0; option_next_word(&words, candidate, sizeof(candidate));
         i++)
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
        return fail(STATUS_INVALID, "%s=%s is not a number from %lu to %lu",
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
    char value[LINE_BYTES], word[OPTION_WORD_BYTES];
    bool here = option->words || option->number || option->text || option->read;

    if (!here || !option_get(line, option->key, value, sizeof(value)))
        return STATUS_OK;
    TRY(word_of(option->key, value, generation, word));
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
